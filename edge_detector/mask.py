"""Masks: parts of the picture that are black before anything sees it, or in which nothing is detected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector import polygon
from edge_detector.boxes import lower_middles
from edge_detector.track.places import Mask, Points
from edge_detector.types import Frame, Size

FRACTION_BITS = 8  # of the coordinates given to OpenCV: 1/256 of a pixel
BLACK = (0, 0, 0)
ON_THE_EDGE = 1e-3  # pixels: the edge of the picture belongs to a mask that reaches it


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of one camera."""

    private: tuple[Points, ...] = ()
    ignoring: tuple[Points, ...] = ()
    _corners: dict[Size, list[NDArray[np.int32]]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, masks: Iterable[Mask]) -> Self:
        """Sorted by their kind."""
        masks = tuple(masks)
        return cls(
            tuple(each.polygon for each in masks if each.kind == "privacy"),
            tuple(each.polygon for each in masks if each.kind == "ignore"),
        )

    def privacy(self, frame: Frame) -> Frame:
        """``frame`` with the privacy masks painted black, in `Frame.small` too; the same one if there are none."""
        if not self.private:
            return frame
        small = None if frame.small is None else self._painted(frame.small)
        return replace(frame, image=self._painted(frame.image), small=small)

    def ignored(self, boxes: NDArray[np.floating[Any]], frame_size: Size) -> NDArray[np.bool_]:
        """(N,) which of ``boxes`` (N, 4), in pixels of the frame, lie in an ignore mask.

        As in a zone, the lower middle of a box decides: a mask over the street takes away the cars on it, but not who
        stands in front of it, on the near side of the fence, with most of the box over the mask.
        """
        feet = lower_middles(boxes.astype(np.float64))
        ignored = np.zeros(len(boxes), np.bool_)
        for points in self.ignoring:
            outline = np.array(points, np.float64) * frame_size
            ignored |= polygon.contains(outline, feet) | (polygon.distances(outline, feet) <= ON_THE_EDGE)
        return ignored

    def _painted(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A copy, (H, W, 3), with black masks: whoever else has the frame keeps it as it is."""
        painted = image.copy()
        height, width = image.shape[:2]
        # One at a time: of several together, OpenCV leaves out where two lie over each other.
        for corners in self._corners_for((width, height)):
            cv2.fillPoly(painted, [corners], BLACK, shift=FRACTION_BITS)
            # The outline as well: fillPoly alone leaves some pixels of which more than half is inside.
            cv2.polylines(painted, [corners], True, BLACK, shift=FRACTION_BITS)
        return painted

    def _corners_for(self, size: Size) -> list[NDArray[np.int32]]:
        if size not in self._corners:
            self._corners[size] = [_opencv_corners(points, size) for points in self.private]
        return self._corners[size]


def _opencv_corners(points: Points, size: Size) -> NDArray[np.int32]:
    """(M, 2) as `cv2.fillPoly` takes them: a pixel's middle, not its corner, has whole coordinates."""
    pixels = np.array(points, np.float64) * size - 0.5
    return np.round(pixels * 2**FRACTION_BITS).astype(np.int32)
