"""Which detection belongs to which object: by the overlap of enlarged boxes (C-BIoU, Yang et al. 2023), best first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.types import Detections

ENLARGED = 0.3  # of a box's width and height, on each side, before overlaps are compared
SAME_OBJECT = 0.7  # boxes in one frame that overlap by so much are one object, whatever its class
OUTDONE = 3.0  # an unsure detection is noise where one of another class has so many times its score

Indices = NDArray[np.intp]  # of tracks or of detections


def enlarged(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """``boxes`` (N, 4) with `ENLARGED` of their width and height added on each side."""
    margin = (boxes[:, 2:] - boxes[:, :2]) * np.float32(ENLARGED)
    return np.concatenate([boxes[:, :2] - margin, boxes[:, 2:] + margin], axis=1)


def outdone(detections: Detections, is_sure: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(N,) which detections lie over a sure one of another class that has `OUTDONE` times their score."""
    boxes, scores, class_ids = detections.boxes, detections.scores, detections.class_ids
    if len(scores) < 2 or scores[0] < OUTDONE * scores[-1] or (class_ids == class_ids[0]).all():
        return np.zeros(len(scores), np.bool_)
    is_outdone = scores[:, np.newaxis] * np.float32(OUTDONE) <= scores[is_sure]
    is_outdone &= class_ids[:, np.newaxis] != class_ids[is_sure]
    is_outdone &= iou(boxes[:, np.newaxis], boxes[is_sure]) > SAME_OBJECT
    return np.any(is_outdone, axis=1)


def best_pairs(weights: NDArray[np.float32]) -> tuple[Indices, Indices]:
    """Rows and columns of the (N, M) ``weights`` above 0, each once, the highest pair first."""
    rows, columns = np.nonzero(weights)
    order = np.argsort(-weights[rows, columns], kind="stable")
    pairs: dict[int, int] = {}
    used: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if row not in pairs and column not in used:
            pairs[row] = column
            used.add(column)
    return np.array(list(pairs), np.intp), np.array(list(pairs.values()), np.intp)
