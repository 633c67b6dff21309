"""The mistakes of a model on each photograph: missed objects and false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.types import Detections
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.evaluation.truths import FALSE_ALARM, Truths, assign


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What one model got right and wrong on one photograph."""

    shown: Detections  # those that a user sees
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
        _judged(path, image_id, Truths.of(truths[image_id]), results) for image_id, path in annotations.images
    ]
    return sorted(photographs, key=lambda photograph: -photograph.mistakes)[:count]


def judge(found: Detections, truths: Truths, confidence: float) -> Judgement:
    """Match detections to truths greedily, the one with the highest score first; each truth is matched once.

    ``confidence``: the lowest score of a detection that a user sees.
    """
    shown = found[found.scores >= confidence]
    rows = assign(shown, truths)
    missed = ~truths.crowd
    missed[rows[rows >= 0]] = False
    return Judgement(shown, rows != FALSE_ALARM, missed)


def _judged(path: Path, image_id: int, truths: Truths, results: Sequence[Evaluation]) -> JudgedPhotograph:
    judgements = (judge(result.detections[image_id], truths, result.confidence) for result in results)
    return JudgedPhotograph(path, truths, tuple(judgements))
