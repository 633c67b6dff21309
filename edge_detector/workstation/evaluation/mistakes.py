"""The mistakes of a model on each photograph: missed objects and false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.types import Detections
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.measurement import Evaluation

SHOWN_SCORE = 0.4  # the lowest score of a detection that a user would see
MATCHING_IOU = 0.5


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


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What one model got right and wrong on one photograph."""

    shown: Detections  # those with a score of at least `SHOWN_SCORE`
    correct: NDArray[np.bool_]  # (N,) for each of `shown`
    missed: NDArray[np.bool_]  # (T,) for each truth

    @property
    def mistakes(self) -> int:
        return int(self.missed.sum() + (~self.correct).sum())


@dataclass(frozen=True, slots=True, eq=False)
class JudgedPhotograph:
    """A photograph, the objects on it, and how well each model found them."""

    path: Path
    truths: Truths
    judgements: tuple[Judgement, ...]  # in the order of the models

    @property
    def mistakes(self) -> int:
        return sum(judgement.mistakes for judgement in self.judgements)


def worst_photographs(results: Sequence[Evaluation], annotations: Annotations, count: int) -> list[JudgedPhotograph]:
    """The `count` photographs with the most mistakes, added up over all models; the worst first."""
    truths = annotations.by_image()
    photographs = [
        _judged(path, Truths.of(truths[image_id]), [result.detections[image_id] for result in results])
        for image_id, path in annotations.images
    ]
    return sorted(photographs, key=lambda photograph: -photograph.mistakes)[:count]


def judge(found: Detections, truths: Truths) -> Judgement:
    """Match detections to truths greedily, the one with the highest score first; each truth is matched once."""
    shown = found[found.scores >= SHOWN_SCORE]
    correct = np.zeros(len(shown), np.bool_)
    missed = ~truths.crowd
    for row in range(len(shown)):
        overlap = iou(shown.boxes[row], truths.boxes)
        fits = (truths.category_ids == shown.class_ids[row]) & (overlap >= MATCHING_IOU)
        correct[row] = (fits & (missed | truths.crowd)).any()
        if (fits & missed).any():
            missed[np.where(fits & missed, overlap, -1).argmax()] = False
    return Judgement(shown, correct, missed)


def _judged(path: Path, truths: Truths, found: Sequence[Detections]) -> JudgedPhotograph:
    return JudgedPhotograph(path, truths, tuple(judge(each, truths) for each in found))
