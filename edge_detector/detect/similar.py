"""Leaves out inferences on frames that look like the last one on which the model ran."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.detector import MILLISECOND_NS, Inferred, Prepared
from edge_detector.types import Frame, LazyPicture, Tensor

CELL = 4  # pixels of the model's picture; differences are averaged over blocks of 2 by 2 of these

# In levels of 255, of the mean difference in a block of 8 by 8 pixels. The noise of a camera and its encoder makes one
# of 1 to 4.5, alike in all blocks, and of 1.7 times that in the worst of 1,600. A person so far away that the model can
# just find him, 7 by 12 pixels and 15 levels darker than the wall, makes one of 9.
LEAST_CHANGE, MOST_NOISE = 3.0, 8.0
NOISE_FACTOR, NOISE_MARGIN = 2.0, 1.5  # times the median block, and above it: that is a change

SETTLED = 3  # inferences in a row on frames that look alike before one is left out: a track is shown after two


class Model(Protocol):
    """The detector, as far as it is needed here."""

    def prepare(self, frame: Frame) -> Prepared: ...
    def infer(self, prepared: Prepared) -> Inferred: ...


class SimilarFrames:
    """Runs the model, or says of a frame what it said of the last one that looked the same.

    It runs on every frame in which something changes, on the next few, on every photograph, and at least once in
    ``longest_s``. `prepare` decides; it and `infer` take the same frames in the same order, each in a thread of its own
    if need be.
    """

    def __init__(
        self,
        model: Model,
        *,
        longest_s: float,
        settings: Callable[[], tuple[object, ...]] = tuple,
    ) -> None:
        """``settings()``: what the results depend on beside the frame; the model runs again when one is another."""
        self.skipped = 0
        self._model = model
        self._longest_ns = longest_s * 1e9
        self._settings = settings
        self._known: tuple[object, ...] = ()
        self._reference: Prepared | None = None  # the last for which the model was to run
        self._glance: NDArray[np.uint8] | None = None  # of that one; None: not looked at yet, or it has none
        self._alike = 0  # frames in a row for which it was to run and that looked alike
        self._inferred: Inferred | None = None  # of the last for which it ran

    def __repr__(self) -> str:
        return f"<SimilarFrames {self.skipped} skipped>"

    def prepare(self, frame: Frame) -> Prepared:
        """The model's input, or that of an earlier frame that looks the same, marked so."""
        reference = self._comparable(frame)
        if reference and self._alike >= SETTLED and not self._is_due(frame, reference):
            return self._prepared_or_skipped(frame, reference)
        prepared = self._model.prepare(frame)
        return self._run(prepared, alike=reference is not None and not has_changed(reference, prepared))

    def infer(self, prepared: Prepared) -> Inferred:
        """The outputs for a frame, marked if they are those of an earlier one.

        Raises `ModelError` if the model fails.
        """
        if not prepared.skipped or self._inferred is None:
            self._inferred = self._model.infer(prepared)
            return self._inferred
        self.skipped += 1
        return replace(
            self._inferred, frame=prepared.frame, preprocess_ms=prepared.preprocess_ms, inference_ms=0.0, skipped=True
        )

    def _prepared_or_skipped(self, frame: Frame, reference: Prepared) -> Prepared:
        """Of the cheapest picture that can tell: a glance, or the model's."""
        started_ns = time.monotonic_ns()
        glance = _glance(frame)
        if glance is not None:
            if self._glance is None:
                self._glance = _glance(reference.frame)
            if self._glance is None or glance_has_changed(self._glance, glance):
                return self._run(self._model.prepare(frame), alike=False)
        elif has_changed(reference, prepared := self._model.prepare(frame)):
            return self._run(prepared, alike=False)
        return replace(
            reference, frame=frame, preprocess_ms=(time.monotonic_ns() - started_ns) / MILLISECOND_NS, skipped=True
        )

    def _run(self, prepared: Prepared, *, alike: bool) -> Prepared:
        self._alike = self._alike + 1 if alike else 0
        self._reference, self._glance = prepared, None
        return prepared

    def _comparable(self, frame: Frame) -> Prepared | None:
        """What ``frame`` may be compared with; None if the model must run whatever it shows."""
        before, self._known = self._known, self._settings()
        is_comparable = frame.file is None and _same(before, self._known)
        return self._reference if is_comparable else None

    def _is_due(self, frame: Frame, reference: Prepared) -> bool:
        elapsed_ns = frame.timestamp_ns - reference.frame.timestamp_ns
        return not 0 <= elapsed_ns < self._longest_ns


def _glance(frame: Frame) -> NDArray[np.uint8] | None:
    """Not of a frame whose camera has scaled it for the model: that costs nothing."""
    if frame.small is not None or not isinstance(frame.picture, LazyPicture):
        return None
    return frame.picture.glance()


def _same(before: tuple[object, ...], now: tuple[object, ...]) -> bool:
    return len(before) == len(now) and all(one is other for one, other in zip(before, now, strict=True))


def has_changed(before: Prepared, now: Prepared) -> bool:
    """Whether any part of the model's picture differs by more than noise explains."""
    if before.tensor.shape != now.tensor.shape or before.placement != now.placement:
        return True
    blocks = block_differences(before.tensor[0], now.tensor[0]) / now.step
    left, top, right, bottom = _content(now, blocks.shape)
    return _is_change(blocks, blocks[top:bottom, left:right])


def glance_has_changed(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> bool:
    """The same of two glances: its blocks show as much of the scene, of twice as large pixels."""
    if before.shape != now.shape:
        return True
    blocks = block_differences(before, now, cell=CELL // 2)
    return _is_change(blocks, blocks)


def _is_change(blocks: Tensor, content: Tensor) -> bool:
    """Whether one of ``blocks`` (h, w, 3), in levels, stands out of the noise of ``content``, those of the scene."""
    noise = float(np.median(content[::2, ::2]))
    return bool(blocks.max() > min(max(LEAST_CHANGE, NOISE_FACTOR * noise + NOISE_MARGIN), MOST_NOISE))


def block_differences(before: Tensor, now: Tensor, *, cell: int = CELL) -> Tensor:
    """(h, w, 3) the mean difference of two pictures (H, W, 3) in each block of 2 by 2 cells, half overlapping."""
    difference = cv2.absdiff(before, now)
    if difference.dtype == np.int8:  # never below 0; OpenCV scales no int8
        difference = difference.view(np.uint8)
    height, width = difference.shape[:2]
    size = max(1, width // cell), max(1, height // cell)
    return cv2.blur(cv2.resize(difference, size, interpolation=cv2.INTER_AREA).astype(np.float32), (2, 2))


def _content(prepared: Prepared, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """The blocks that show the frame, and not the grey beside it: the first and the one after the last."""
    placement = prepared.placement
    ends = placement.to_input(np.array([[0, 0, *placement.frame_size]], np.float32))[0]
    left, top, right, bottom = np.rint(ends * np.array([shape[1], shape[0]] * 2)).astype(int).tolist()
    return left, top, max(left + 1, right), max(top + 1, bottom)
