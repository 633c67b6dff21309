"""The report of a training as one HTML page: figures, classes, curves, the worst photographs, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.evaluation.html_report import shown_photograph
from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.evaluation.mistakes import worst_photographs
from edge_detector.workstation.evaluation.score_quality import OperatingPoint
from edge_detector.workstation.evaluation.truths import MATCHING_IOU
from edge_detector.workstation.html_page import render_page
from edge_detector.workstation.training.advice import advice
from edge_detector.workstation.training.fine_tuning import Trained
from edge_detector.workstation.training.history import Epoch
from edge_detector.workstation.training.training_loop import duration

WORST_COUNT = 12

Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class of the table."""

    name: str
    learnt: int
    measured: int
    figures: tuple[tuple[float, float], ...]  # of each model: mAP, AP50
    start: str


@dataclass(frozen=True, slots=True)
class Curves:
    """(part of the epochs, value) from 0 to 1."""

    mean_ap: Points
    scores: Points
    boxes: Points


def training_report(trained: Trained) -> str:
    """The whole page."""
    results, held_out = trained.results.both, trained.data.held_out
    return render_page(
        "training.html",
        title=f"A detector for {', '.join(trained.data.labels)}",
        advice=advice(trained),
        results=results,
        at_threshold=at_threshold,
        validation=len(trained.data.validation),
        classes=class_rows(trained),
        curves=curves(trained.history.epochs, trained.epochs, trained.history.start_ap),
        history=trained.history,
        epochs=trained.epochs,
        photographs=trained.data.size,
        duration=duration(sum(each.seconds for each in trained.history.epochs)),
        worst=[
            shown_photograph(each, results, held_out.categories)
            for each in worst_photographs(results, held_out, WORST_COUNT)
        ],
        matching_iou=MATCHING_IOU,
    )


def at_threshold(result: Evaluation) -> OperatingPoint:
    """The point of the table that is nearest to the model's threshold."""
    return min(result.quality.points, key=lambda each: abs(each.threshold - result.confidence))


def class_rows(trained: Trained) -> list[ClassRow]:
    """Every class, in the order of the labels; a class without an object to measure on has no figures."""
    learnt, measured = (
        _counts(part, len(trained.starts)) for part in (trained.data.photographs, trained.data.validation)
    )
    by_name = [{each.name: (each.ap, each.ap50) for each in one.metrics.classes} for one in trained.results.both]
    nothing = (float("nan"), float("nan"))
    return [
        ClassRow(
            start.label,
            learnt[class_id],
            measured[class_id],
            tuple(figures.get(start.label, nothing) for figures in by_name),
            "nothing" if start.column is None else start.relative or "itself",
        )
        for class_id, start in enumerate(trained.starts)
    ]


def _counts(photographs: Sequence[Photograph], classes: int) -> list[int]:
    class_ids = np.concatenate([np.empty(0, np.int32), *(each.objects.class_ids for each in photographs)])
    return np.bincount(class_ids, minlength=classes).tolist()


def curves(epochs: Sequence[Epoch], planned: int, start_ap: float) -> Curves:
    """The curves of a run that was to have so many epochs."""
    measured = [(each.number / planned, each.mean_ap) for each in epochs if each.mean_ap is not None]
    return Curves(
        mean_ap=[(0.0, start_ap), *measured],
        scores=_relative([(each.number / planned, each.score_loss) for each in epochs]),
        boxes=_relative([(each.number / planned, each.box_loss) for each in epochs]),
    )


def _relative(points: Points) -> Points:
    highest = max((value for _, value in points), default=0.0) or 1.0
    return [(part, value / highest) for part, value in points]
