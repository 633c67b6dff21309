"""From what a head found to what is reported: thresholds by class, and non-maximum suppression."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import area
from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.types import Thresholds

BLOCK = 32  # rows of suppression compared at once: five times faster than one by one
MOST_AT_ONCE = 64  # so many are one block: as many as there are bits in a mask
BITS = np.uint64(1) << np.arange(MOST_AT_ONCE, dtype=np.uint64)
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
    with np.errstate(over="ignore", invalid="ignore"):  # as in `boxes.iou`: of infinite boxes no overlap is known
        return _greedy(candidates, iou_threshold, limit)


def _greedy(candidates: Candidates, iou_threshold: float, limit: int) -> NDArray[np.intp]:
    rest = np.argsort(-candidates.scores, kind="stable")
    boxes, class_ids = candidates.boxes[rest], candidates.class_ids[rest]
    columns = np.concatenate([boxes.T, area(boxes)[np.newaxis]])
    kept: list[int] = []
    while len(rest) and len(kept) < limit:
        count = BLOCK if len(rest) > MOST_AT_ONCE else len(rest)
        same = _same_object(columns, class_ids, count, iou_threshold)
        block = _uncovered(same[:, :count])
        kept += rest[block].tolist()
        if count == len(rest):
            break
        left = count + np.flatnonzero(~same[block, count:].any(axis=0))
        rest, columns, class_ids = rest[left], columns[:, left], class_ids[left]
    return np.array(kept[:limit], np.intp)


def _same_object(
    columns: NDArray[np.float32], class_ids: NDArray[np.int32], count: int, iou_threshold: float
) -> NDArray[np.bool_]:
    """(count, N) which of the first boxes have the class of which of all, and overlap them by more than the threshold.

    ``columns``: (5, N) x1, y1, x2, y2 and area, by which `boxes.iou` is computed here, in place and step by step.
    """
    x1, y1, x2, y2, areas = columns
    left, top, right, bottom, own_areas = columns[:, :count, np.newaxis]
    shared = np.minimum(right, x2)
    shared -= np.maximum(left, x1)
    np.maximum(shared, 0, out=shared)
    height = np.minimum(bottom, y2)
    height -= np.maximum(top, y1)  # one below 0 makes the overlap negative, which is no overlap either
    shared *= height
    union = own_areas + areas
    union -= shared
    shared /= np.maximum(union, np.finfo(np.float32).tiny, out=union)
    same = shared > iou_threshold
    same &= class_ids[:count, np.newaxis] == class_ids
    return same


def _uncovered(same: NDArray[np.bool_]) -> list[int]:
    """The rows of ``same`` (N, N) that are the same object as no row before them that is itself uncovered."""
    kept, rows = 0, []
    for row, others in enumerate((same @ BITS[: len(same)]).tolist()):
        if not others & kept:
            kept |= 1 << row
            rows.append(row)
    return rows
