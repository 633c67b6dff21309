"""Average precision as COCO defines it, computed by pycocotools."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from edge_detector.workstation.data.coco import Annotations

AT_50 = 0  # the index of IoU 0.50 in 0.50, 0.55 ... 0.95
ALL_AREAS, MOST_DETECTIONS = 0, -1  # indices of pycocotools' precision array


class CocoDetection(TypedDict):
    """One detection in COCO's result format; bbox is x, y, width, height in pixels."""

    image_id: int
    category_id: int
    bbox: list[float]
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class ClassMetrics:
    """One category. `precision` is at the recalls 0.00, 0.01 ... 1.00, at IoU 0.50."""

    name: str
    truths: int
    ap: float
    ap50: float
    precision: NDArray[np.float64]  # (101,)


@dataclass(frozen=True, slots=True, eq=False)
class Metrics:
    """Averages over the categories that have a truth, and the figures of each."""

    ap: float  # over IoU 0.50 to 0.95
    ap50: float
    classes: tuple[ClassMetrics, ...]  # those with a truth, by name

    @property
    def precision(self) -> NDArray[np.float64]:
        """(101,) the mean precision over the categories at IoU 0.50."""
        mean: NDArray[np.float64] = np.mean([each.precision for each in self.classes], axis=0)
        return mean


def average_precision(annotations: Annotations, rows: Sequence[CocoDetection], category_ids: Sequence[int]) -> Metrics:
    """The metrics of the detections `rows` over the given categories; a category without a truth does not count."""
    truth = _coco(annotations)
    present = [each for each in sorted(category_ids) if truth.getAnnIds(catIds=[each], iscrowd=False)]
    precision = _precision(truth, rows, present)
    classes = tuple(
        ClassMetrics(
            name=annotations.categories[category_id],
            truths=len(truth.getAnnIds(catIds=[category_id], iscrowd=False)),
            ap=float(precision[:, :, place].mean()),
            ap50=float(precision[AT_50, :, place].mean()),
            precision=precision[AT_50, :, place],
        )
        for place, category_id in enumerate(present)
    )
    return Metrics(
        ap=float(np.mean([each.ap for each in classes])),
        ap50=float(np.mean([each.ap50 for each in classes])),
        classes=tuple(sorted(classes, key=lambda each: each.name)),
    )


def _precision(truth: Any, rows: Sequence[CocoDetection], category_ids: list[int]) -> NDArray[np.float64]:
    """(10 IoU thresholds, 101 recalls, categories); zero where nothing was found."""
    if not rows:
        return np.zeros((10, 101, len(category_ids)))
    with redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        evaluation = COCOeval(truth, truth.loadRes(list(rows)), "bbox")
        evaluation.params.catIds = category_ids
        evaluation.evaluate()
        evaluation.accumulate()
    precision: NDArray[np.float64] = evaluation.eval["precision"][:, :, :, ALL_AREAS, MOST_DETECTIONS]
    return np.maximum(precision, 0.0)  # -1 where a recall has no precision


def _coco(annotations: Annotations) -> Any:
    coco = COCO()
    coco.dataset = dict(annotations.content)
    with redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco
