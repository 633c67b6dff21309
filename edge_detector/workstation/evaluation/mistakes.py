"""Which photographs a model got most wrong, and what exactly: missed objects and false alarms."""

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

SHOWN_SCORE = 0.4  # what a user of the detector would see
MATCHING_IOU = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Truths:
    """The annotated objects of one photograph as arrays."""

    boxes: NDArray[np.float32]  # (T, 4) x1, y1, x2, y2, pixels
    category_ids: NDArray[np.int32]  # (T,)
    crowd: NDArray[np.bool_]  # (T,) a box round many objects, which counts neither way

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
class Outcome:
    """One model on one photograph."""

    shown: Detections  # those with a score of at least `SHOWN_SCORE`
    correct: NDArray[np.bool_]  # (N,) for each of `shown`
    missed: NDArray[np.bool_]  # (T,) for each truth

    @property
    def mistakes(self) -> int:
        return int(self.missed.sum() + (~self.correct).sum())


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """A photograph, what is on it, and what each model made of it."""

    path: Path
    truths: Truths
    outcomes: tuple[Outcome, ...]  # in the order of the models

    @property
    def mistakes(self) -> int:
        return sum(outcome.mistakes for outcome in self.outcomes)


def worst(results: Sequence[Evaluation], annotations: Annotations, count: int) -> list[Photograph]:
    """The photographs with the most mistakes, of all models together."""
    truths = annotations.by_image()
    photographs = [
        _photograph(path, Truths.of(truths[image_id]), [result.detections[image_id] for result in results])
        for image_id, path in annotations.images
    ]
    return sorted(photographs, key=lambda photograph: -photograph.mistakes)[:count]


def judge(found: Detections, truths: Truths) -> Outcome:
    """Match detections to truths greedily, the surest first, each truth once."""
    shown = found[found.scores >= SHOWN_SCORE]
    correct = np.zeros(len(shown), np.bool_)
    missed = ~truths.crowd
    for row in range(len(shown)):
        overlap = iou(shown.boxes[row], truths.boxes)
        fits = (truths.category_ids == shown.class_ids[row]) & (overlap >= MATCHING_IOU)
        correct[row] = (fits & (missed | truths.crowd)).any()
        if (fits & missed).any():
            missed[np.where(fits & missed, overlap, -1).argmax()] = False
    return Outcome(shown, correct, missed)


def _photograph(path: Path, truths: Truths, found: Sequence[Detections]) -> Photograph:
    return Photograph(path, truths, tuple(judge(each, truths) for each in found))
