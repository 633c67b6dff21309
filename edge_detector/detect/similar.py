"""Leaves out inferences on frames that look like the last one on which the model ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from edge_detector.detect.detector import Inferred, Prepared
from edge_detector.types import Tensor

CELL = 4  # pixels of the model's picture; differences are averaged over blocks of 2 by 2 of these

# In levels of 255, of the mean difference in a block of 8 by 8 pixels. The noise of a camera and its encoder makes one
# of 1 to 4.5, alike in all blocks, and of 1.7 times that in the worst of 1,600. A person so far away that the model can
# just find him, 7 by 12 pixels and 15 levels darker than the wall, makes one of 9.
LEAST_CHANGE, MOST_NOISE = 3.0, 8.0
NOISE_FACTOR, NOISE_MARGIN = 2.0, 1.5  # times the median block, and above it: that is a change

SETTLED = 3  # inferences in a row on frames that look alike before one is left out: a track is shown after two


class SimilarFrames:
    """Runs the model, or says of a frame what it said of the last one that looked the same.

    It runs on every frame in which something changes, on the next few, on every photograph, and at least once in
    ``longest_s``.
    """

    def __init__(
        self,
        infer: Callable[[Prepared], Inferred],
        *,
        longest_s: float,
        settings: Callable[[], tuple[object, ...]] = tuple,
    ) -> None:
        """``settings()``: what the results depend on beside the frame; the model runs again when one is another."""
        self.skipped = 0
        self._infer = infer
        self._longest_ns = longest_s * 1e9
        self._settings = settings
        self._known: tuple[object, ...] = ()
        self._reference: Prepared | None = None  # the last on which the model ran
        self._inferred: Inferred | None = None
        self._alike = 0  # inferences in a row on frames that looked alike

    def __repr__(self) -> str:
        return f"<SimilarFrames {self.skipped} skipped>"

    def __call__(self, prepared: Prepared) -> Inferred:
        """The outputs for a frame, marked if they are those of an earlier one. Raises `ModelError` if the model fails.

        The frames must be given in order.
        """
        looks_alike = self._looks_alike(prepared)
        if looks_alike and self._inferred and self._alike >= SETTLED and not self._is_due(prepared):
            self.skipped += 1
            return replace(
                self._inferred,
                frame=prepared.frame,
                preprocess_ms=prepared.preprocess_ms,
                inference_ms=0.0,
                skipped=True,
            )
        self._alike = self._alike + 1 if looks_alike else 0
        self._reference, self._inferred = prepared, self._infer(prepared)
        return self._inferred

    def _looks_alike(self, prepared: Prepared) -> bool:
        before, self._known = self._known, self._settings()
        if self._reference is None or prepared.frame.file is not None or not _same(before, self._known):
            return False
        return not has_changed(self._reference, prepared)

    def _is_due(self, prepared: Prepared) -> bool:
        assert self._reference is not None
        elapsed_ns = prepared.frame.timestamp_ns - self._reference.frame.timestamp_ns
        return not 0 <= elapsed_ns < self._longest_ns


def _same(before: tuple[object, ...], now: tuple[object, ...]) -> bool:
    return len(before) == len(now) and all(one is other for one, other in zip(before, now, strict=True))


def has_changed(before: Prepared, now: Prepared) -> bool:
    """Whether any part of the picture differs by more than noise explains."""
    if before.tensor.shape != now.tensor.shape or before.placement != now.placement:
        return True
    blocks = block_differences(before.tensor[0], now.tensor[0]) / now.step
    left, top, right, bottom = _content(now, blocks.shape)
    noise = float(np.median(blocks[top:bottom:2, left:right:2]))
    change = min(max(LEAST_CHANGE, NOISE_FACTOR * noise + NOISE_MARGIN), MOST_NOISE)
    return bool(blocks.max() > change)


def block_differences(before: Tensor, now: Tensor) -> Tensor:
    """(h, w, 3) the mean difference of two pictures (H, W, 3) in each block of `CELL` * 2 pixels, half overlapping."""
    difference = cv2.absdiff(before, now)
    if difference.dtype == np.int8:  # never below 0; OpenCV scales no int8
        difference = difference.view(np.uint8)
    cells = cv2.resize(difference, _in_cells(difference), interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.blur(cells, (2, 2))


def _in_cells(picture: Tensor) -> tuple[int, int]:
    height, width = picture.shape[:2]
    return max(1, width // CELL), max(1, height // CELL)


def _content(prepared: Prepared, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The blocks that show the frame, and not the grey beside it: the first and the one after the last."""
    placement = prepared.placement
    ends = placement.to_input(np.array([[0, 0, *placement.frame_size]], np.float32))[0]
    left, top, right, bottom = np.rint(ends * np.array([shape[1], shape[0]] * 2)).astype(int).tolist()
    return left, top, max(left + 1, right), max(top + 1, bottom)
