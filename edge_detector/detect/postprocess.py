"""From what a head found to what is reported: thresholds by class, and non-maximum suppression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.types import Thresholds

MOST_CANDIDATES = 1000  # only so many, the best, go through suppression: each costs time, and no picture holds more


class Candidates(NamedTuple):
    """What a head found in one picture, before suppression."""

    boxes: NDArray[np.float32]  # (N, 4) x1, y1, x2, y2 in fractions of the model's input
    scores: NDArray[np.float32]  # (N,)
    class_ids: NDArray[np.int32]  # (N,)

    def at(self, rows: NDArray[np.intp]) -> Candidates:
        """Those of ``rows`` (M,), in that order."""
        return Candidates(self.boxes[rows], self.scores[rows], self.class_ids[rows])


def class_thresholds(thresholds: Thresholds, labels: tuple[str, ...]) -> NDArray[np.float32]:
    """(C,) the lowest score kept, by class_id; infinite for a class that is not wanted.

    Raises `ConfigError` for a label that the model does not have.
    """
    own = thresholds.class_confidence or {}
    for label in (*thresholds.classes, *own):
        if label not in labels:
            raise ConfigError(f"the model has no such class: {unknown('class', label, set(labels))}")
    lowest = np.array([own.get(label, thresholds.confidence) for label in labels], np.float32)
    if thresholds.classes:
        lowest[[label not in thresholds.classes for label in labels]] = np.inf
    return lowest


def best(scores: NDArray[np.float32], count: int = MOST_CANDIDATES) -> NDArray[np.intp] | slice:
    """Where the ``count`` highest scores are, in no order; all of them if there are no more."""
    return np.argpartition(scores, -count)[-count:] if len(scores) > count else slice(None)


def nms(candidates: Candidates, *, iou_threshold: float, limit: int) -> NDArray[np.intp]:
    """The rows kept by greedy suppression within each class, at most ``limit``, best score first.

    A row is dropped if a better row of its class overlaps it by more than ``iou_threshold``.
    """
    boxes, scores, class_ids = candidates
    rest = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(rest) and len(kept) < limit:
        top, rest = rest[0], rest[1:]
        kept.append(int(top))
        same_object = (class_ids[rest] == class_ids[top]) & (iou(boxes[top], boxes[rest]) > iou_threshold)
        rest = rest[~same_object]
    return np.array(kept, np.intp)
