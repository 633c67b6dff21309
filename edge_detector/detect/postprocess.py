"""From what a head found to what is reported: thresholds by class, and non-maximum suppression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.types import Thresholds

BLOCK = 32  # rows of suppression compared at once: five times faster than one by one
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
    rest = np.argsort(-candidates.scores, kind="stable")
    kept: list[int] = []
    while len(rest) and len(kept) < limit:
        block, rest = rest[:BLOCK], rest[BLOCK:]
        block = block[_uncovered(_same_object(candidates, block, block, iou_threshold))]
        kept += block.tolist()
        if len(rest):
            rest = rest[~_same_object(candidates, block, rest, iou_threshold).any(axis=0)]
    return np.array(kept[:limit], np.intp)


def _same_object(
    candidates: Candidates, rows: NDArray[np.intp], others: NDArray[np.intp], iou_threshold: float
) -> NDArray[np.bool_]:
    """(N, M) which of ``rows`` (N,) have the class of ``others`` (M,) and overlap them by more than the threshold."""
    boxes, _, class_ids = candidates
    overlap = iou(boxes[rows, np.newaxis], boxes[others]) > iou_threshold
    return overlap & (class_ids[rows, np.newaxis] == class_ids[others])


def _uncovered(same: NDArray[np.bool_]) -> list[int]:
    """The rows of ``same`` (N, N) that are the same object as no row before them that is itself uncovered."""
    covered = np.zeros(len(same), np.bool_)
    kept: list[int] = []
    for row in range(len(same)):
        if not covered[row]:
            kept.append(row)
            covered |= same[row]
    return kept
