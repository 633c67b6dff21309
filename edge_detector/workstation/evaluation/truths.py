"""The annotated objects of a photograph, and which detection found which of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.types import Detections

MATCHING_IOU = 0.5
FALSE_ALARM, IN_CROWD = -1, -2  # in place of the row of a truth


@dataclass(frozen=True, slots=True, eq=False)
class Truths:
    """The annotated objects of one photograph as arrays."""

    boxes: NDArray[np.float32]  # (T, 4) x1, y1, x2, y2, pixels
    category_ids: NDArray[np.int32]  # (T,)
    crowd: NDArray[np.bool_]  # (T,) a box round many objects: missing it is no mistake, nor is finding it

    @classmethod
    def of(cls, annotations: Sequence[dict[str, Any]]) -> Truths:
        boxes = np.array([each["bbox"] for each in annotations], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return cls(
            boxes,
            np.array([each["category_id"] for each in annotations], np.int32),
            np.array([bool(each["iscrowd"]) for each in annotations], np.bool_),
        )


def assign(found: Detections, truths: Truths) -> NDArray[np.intp]:
    """(N,) for each detection, best score first: the row of the truth that it finds, `FALSE_ALARM` or `IN_CROWD`.

    Greedy; each truth is found once, by a box of its category that overlaps it by at least `MATCHING_IOU`.
    """
    rows = np.full(len(found), FALSE_ALARM, np.intp)
    free = ~truths.crowd
    for row in range(len(found)):
        overlap = iou(found.boxes[row], truths.boxes)
        fits = (truths.category_ids == found.class_ids[row]) & (overlap >= MATCHING_IOU)
        if (fits & free).any():
            rows[row] = np.where(fits & free, overlap, -1).argmax()
            free[rows[row]] = False
        elif (fits & truths.crowd).any():
            rows[row] = IN_CROWD
    return rows
