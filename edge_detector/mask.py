"""Masks: parts of the picture that are black before anything sees it, or in which nothing is detected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector import polygon
from edge_detector.boxes import lower_middles
from edge_detector.track.places import Mask, Points
from edge_detector.types import Frame, LazyPicture, Size

FRACTION_BITS = 8  # of the coordinates given to OpenCV: 1/256 of a pixel
FINER = 4  # OpenCV misses the edge of a polygon by up to a pixel: it draws on a grid that is finer by this
STRIP = 64  # rows drawn at once
HALF = 128  # of 255
GRID = 256  # cells across and down the picture, in which it is counted how much of a box is black
NEARLY_ALL = 0.8  # of a box is black: then it shows the mask itself


@dataclass(frozen=True, slots=True)
class Masks:
    """The masks of one camera."""

    private: tuple[Points, ...] = ()
    ignoring: tuple[Points, ...] = ()
    _visible: dict[Size, NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)
    _black: list[NDArray[np.int32]] = field(default_factory=list, repr=False, compare=False)  # as `_black_cells` says

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
        return replace(frame, picture=self._hidden(frame.picture), small=small)

    def _hidden(self, picture: NDArray[np.uint8] | LazyPicture) -> NDArray[np.uint8] | LazyPicture:
        return _Masked(picture, self._painted) if isinstance(picture, LazyPicture) else self._painted(picture)

    def ignored(self, boxes: NDArray[np.floating[Any]], frame_size: Size) -> NDArray[np.bool_]:
        """(N,) which of ``boxes`` (N, 4), in pixels of the frame, lie in an ignore mask.

        As in a zone, the lower middle of a box decides: a mask over the street takes away the cars on it, but not who
        stands in front of it, on the near side of the fence, with most of the box over the mask.
        """
        feet = lower_middles(boxes.astype(np.float64))
        ignored = np.zeros(len(boxes), np.bool_)
        for points in self.ignoring:
            outline = np.array(points, np.float64) * frame_size
            ignored |= polygon.depths(outline, feet) >= -polygon.ON_THE_EDGE
        return ignored

    def hidden(self, boxes: NDArray[np.floating[Any]], frame_size: Size) -> NDArray[np.bool_]:
        """(N,) which of ``boxes`` (N, 4), in pixels of the frame, show little else than a privacy mask.

        A model takes a black rectangle for a television, and nobody can be seen there.
        """
        if not self.private or not len(boxes):
            return np.zeros(len(boxes), np.bool_)
        cells = np.rint(boxes / np.array(frame_size * 2) * GRID).astype(int)
        left, top = np.clip(cells[:, :2], 0, GRID - 1).T
        right, bottom = np.maximum(np.clip(cells[:, 2:], 1, GRID).T, (left + 1, top + 1))
        black = self._black_cells()
        counted = black[bottom, right] - black[top, right] - black[bottom, left] + black[top, left]
        return np.asarray(counted >= NEARLY_ALL * (right - left) * (bottom - top))

    def _black_cells(self) -> NDArray[np.int32]:
        """(GRID + 1, GRID + 1) how many cells above and to the left of each corner are black."""
        if not self._black:
            self._black.append(cv2.integral((self._visible_parts((GRID, GRID)) == 0).astype(np.uint8)))
        return self._black[0]

    def _painted(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A copy, (H, W, 3), with black masks: whoever else has the frame keeps it as it is."""
        height, width = image.shape[:2]
        # Into a new array, which OpenCV fills with zeros first.
        return cv2.copyTo(image, self._visible_parts((width, height))).astype(np.uint8, copy=False)

    def _visible_parts(self, size: Size) -> NDArray[np.uint8]:
        """(H, W) 0 where a privacy mask is, 255 elsewhere."""
        visible = self._visible.get(size)
        if visible is None:
            visible = self._visible[size] = _visible(self.private, size)
        return visible


class _Masked(LazyPicture):
    """A picture of which every image is painted first. The one without masks is not kept: it is as large again."""

    def __init__(self, picture: LazyPicture, painted: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> None:
        super().__init__(picture.size)
        self._picture = picture
        self._painted = painted

    def make(self) -> NDArray[np.uint8]:
        return self._painted(self._picture.give_up())

    def scaled(self, size: Size) -> NDArray[np.uint8]:
        return self._painted(self._picture.scaled(size))

    def glance(self) -> NDArray[np.uint8] | None:
        glance = self._picture.glance()
        return None if glance is None else self._painted(glance)


def _visible(polygons: Iterable[Points], size: Size) -> NDArray[np.uint8]:
    """(H, W) 0 in the pixels of which half or more is in one of ``polygons``, 255 in the others."""
    width, height = size
    visible = np.full((height, width), 255, np.uint8)
    for points in polygons:
        corners = np.array(points, np.float64) * size
        for top in range(0, height, STRIP):  # one part after another: the finer grid of the whole may not fit in memory
            rows = visible[top : top + STRIP]
            rows[_covered(corners - (0, top), (width, len(rows))) >= HALF] = 0
    return visible


def _covered(corners: NDArray[np.float64], size: Size) -> NDArray[np.uint8]:
    """(H, W) how much of each pixel is in the polygon of ``corners`` (M, 2), of 255."""
    width, height = size
    fine = np.zeros((height * FINER, width * FINER), np.uint8)
    # To OpenCV a pixel's middle, not its corner, has whole coordinates.
    at = np.round((corners * FINER - 0.5) * 2**FRACTION_BITS).astype(np.int32)
    cv2.fillPoly(fine, [at], 255, shift=FRACTION_BITS)
    return cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
