"""Arithmetic on boxes given by two opposite corners: x1, y1, x2, y2 or y1, x1, y2, x2, in any one unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.floating[Any]]  # (..., 4)


def area(boxes: Boxes) -> Boxes:
    """(...,) width times height of ``boxes`` (..., 4); zero for a box whose corners are swapped."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    with np.errstate(over="ignore"):  # an untrained model predicts boxes larger than any float32: infinite, then
        return sides[..., 0] * sides[..., 1]


def iou(boxes: Boxes, others: Boxes) -> Boxes:
    """Intersection over union of ``boxes`` (..., 4) with ``others`` (..., 4), broadcast against each other.

    One box (4,) with N boxes (N, 4) gives (N,); ``iou(a[:, None], b)`` gives every pair, (N, M).
    """
    with np.errstate(over="ignore", invalid="ignore"):  # of two infinite boxes the answer is NaN: no overlap is known
        intersection = _shared(boxes, others, 0) * _shared(boxes, others, 1)
        union = area(boxes) + area(others) - intersection
        return intersection / np.maximum(union, np.finfo(np.float32).tiny)


def _shared(boxes: Boxes, others: Boxes, axis: int) -> Boxes:
    """How long the part is that is in both, along x (0) or y (1); axis by axis, for numpy is slow in rows of two."""
    length = np.minimum(boxes[..., axis + 2], others[..., axis + 2])
    length = length - np.maximum(boxes[..., axis], others[..., axis])
    return np.maximum(length, 0)


def contained(boxes: Boxes, others: Boxes) -> Boxes:
    """Which share of the area of ``boxes`` (..., 4) lies in ``others`` (..., 4), broadcast against each other."""
    corner = np.maximum(boxes[..., :2], others[..., :2])
    sides = np.maximum(np.minimum(boxes[..., 2:], others[..., 2:]) - corner, 0)
    return sides[..., 0] * sides[..., 1] / np.maximum(area(boxes), np.finfo(np.float32).tiny)


def lower_middles(boxes: Boxes) -> Boxes:
    """(N, 2) x, y in the middle of the lower edge of ``boxes`` (N, 4), x1, y1, x2, y2: where an object stands."""
    return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)


def edges_at_border(boxes: Boxes, frame_size: tuple[int, int], margin: float) -> NDArray[np.bool_]:
    """(N, 4) which edges of ``boxes`` (N, 4), x1, y1, x2, y2, are at the border of a picture (width, height).

    ``margin``: a fraction of its width or height; so near is at the border.
    """
    limits = np.array(frame_size, np.float32)
    return np.concatenate([boxes[:, :2] < margin * limits, boxes[:, 2:] > (1 - margin) * limits], axis=1)
