"""The evaluation as one HTML file that needs no other: table, curves, classes, and the worst photographs."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge_detector.image_files import encode_jpeg, read_image
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.agreement import agreements_with_largest
from edge_detector.workstation.evaluation.coco_metrics import Metrics
from edge_detector.workstation.evaluation.measurement import LOWEST_SCORE, Evaluation
from edge_detector.workstation.evaluation.mistakes import (
    JudgedPhotograph,
    Judgement,
    worst_photographs,
)
from edge_detector.workstation.evaluation.score_quality import operating_rows
from edge_detector.workstation.evaluation.truths import MATCHING_IOU
from edge_detector.workstation.evaluation.unmatched import unmatched_notes
from edge_detector.workstation.html_page import render_page

WORST_COUNT = 12
JPEG_QUALITY = 80
LINES_PER_WIDTH = 36  # a caption's font size is the photograph's width divided by this


@dataclass(frozen=True, slots=True)
class ClassRow:
    """One class of the table: its objects, and its average precision under each model."""

    name: str
    objects: int
    aps: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CaptionedBox:
    """A box to draw on a photograph, in its pixels."""

    kind: str  # found, false or missed: a class in evaluation.css
    caption: str
    x: float
    y: float
    width: float
    height: float

    @classmethod
    def of(cls, corners: NDArray[np.float32], kind: str, caption: str) -> CaptionedBox:
        """``corners``: x1, y1, x2, y2."""
        x1, y1, x2, y2 = (round(float(each), 1) for each in corners)
        return cls(kind, caption, x1, y1, x2 - x1, y2 - y1)


@dataclass(frozen=True, slots=True)
class Panel:
    """What one model found and missed on a photograph."""

    model: str
    mistakes: int
    boxes: tuple[CaptionedBox, ...]


@dataclass(frozen=True, slots=True)
class ShownPhotograph:
    """A photograph in the report, with a panel for each model."""

    name: str
    width: int
    height: int
    data_uri: str  # a JPEG file
    panels: tuple[Panel, ...]

    @property
    def text_size(self) -> float:
        return self.width / LINES_PER_WIDTH


def html_report(results: Sequence[Evaluation], annotations: Annotations) -> str:
    """The whole page."""
    worst = worst_photographs(results, annotations, WORST_COUNT)
    return render_page(
        "evaluation.html",
        title=f"{len(results)} models on {annotations.path.name}, {len(annotations.images)} photographs",
        results=results,
        agreements=agreements_with_largest(results),
        unmatched=unmatched_notes(results),
        curves=[_curve(result.metrics.precision) for result in results],
        classes=class_rows(results),
        photographs=[shown_photograph(photograph, results, annotations.categories) for photograph in worst],
        operating_rows=operating_rows,
        lowest_score=LOWEST_SCORE,
        matching_iou=MATCHING_IOU,
    )


def _curve(precision: NDArray[np.float64]) -> list[tuple[float, float]]:
    """(recall, precision) at recalls from 0 to 1, evenly spaced."""
    return list(zip(np.linspace(0, 1, len(precision)).tolist(), precision.tolist(), strict=True))


class WithMetrics(Protocol):
    """What has figures of each class."""

    @property
    def metrics(self) -> Metrics: ...


def class_rows(results: Sequence[WithMetrics]) -> list[ClassRow]:
    """Every class, those with the most objects first."""
    by_name = [{each.name: each for each in result.metrics.classes} for result in results]
    order = sorted(results[0].metrics.classes, key=lambda each: -each.truths)
    return [ClassRow(each.name, each.truths, tuple(classes[each.name].ap for classes in by_name)) for each in order]


def shown_photograph(
    photograph: JudgedPhotograph, results: Sequence[Evaluation], categories: Mapping[int, str]
) -> ShownPhotograph:
    """The photograph as a JPEG file, and what each of the models found and missed on it."""
    image = read_image(photograph.path).image
    height, width = image.shape[:2]
    panels = tuple(
        Panel(result.name, judgement.mistakes, tuple(boxes_to_draw(photograph, judgement, categories)))
        for result, judgement in zip(results, photograph.judgements, strict=True)
    )
    return ShownPhotograph(photograph.path.name, width, height, _data_uri(image), panels)


def boxes_to_draw(
    photograph: JudgedPhotograph, judgement: Judgement, categories: Mapping[int, str]
) -> Iterator[CaptionedBox]:
    """What the model missed, then what it found: right, or with a question mark."""
    truths, missed = photograph.truths, judgement.missed
    for box, category_id in zip(truths.boxes[missed], truths.category_ids[missed], strict=True):
        yield CaptionedBox.of(box, "missed", categories[int(category_id)])
    shown = judgement.shown
    for box, score, category_id, correct in zip(
        shown.boxes, shown.scores, shown.class_ids, judgement.correct, strict=True
    ):
        caption = f"{categories[int(category_id)]} {score:.0%}"
        yield CaptionedBox.of(box, "found" if correct else "false", caption if correct else f"{caption} ?")


def _data_uri(image: NDArray[np.uint8]) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(image, quality=JPEG_QUALITY)).decode()
