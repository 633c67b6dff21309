"""The comparison as one HTML file that needs no other: advice, table, plots, every model, and the worst photographs."""

from __future__ import annotations

from collections.abc import Sequence

from edge_detector.workstation.comparison.chart import HEIGHT, WIDTH, accuracy_chart
from edge_detector.workstation.comparison.columns import columns
from edge_detector.workstation.comparison.findings import findings
from edge_detector.workstation.comparison.recommendation import recommend, sentences
from edge_detector.workstation.comparison.rows import Comparison, Measured, Row
from edge_detector.workstation.comparison.timing import in_words
from edge_detector.workstation.evaluation.html_report import class_rows, shown_photograph
from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.evaluation.mistakes import worst_photographs
from edge_detector.workstation.evaluation.truths import MATCHING_IOU
from edge_detector.workstation.html_page import render_page

WORST_COUNT = 8
NAMED_CLASSES = 5  # of those that gained and of those that lost most
SMALLEST_CHANGE = 0.0005  # of a class that is named


def html_report(comparison: Comparison, wish: str) -> str:
    """The whole page."""
    two = _reference_and(recommend(comparison, wish), comparison)
    return render_page(
        "comparison.html",
        title=title(comparison),
        comparison=comparison,
        advice=sentences(comparison, wish),
        recommended=recommend(comparison, wish),
        findings=findings(comparison),
        columns=columns(comparison),
        measured_with=measured_with(comparison),
        charts=_charts(comparison),
        width=WIDTH,
        height=HEIGHT,
        changes=class_changes,
        classes=class_rows([row.figures.evaluation for row in comparison.rows]),
        photographs=_photographs(comparison, two),
        two=two,
        matching_iou=MATCHING_IOU,
    )


def title(comparison: Comparison) -> str:
    """Such as "9 models of float.tflite on val.json, 50 photographs"."""
    source, task = comparison.source, comparison.task
    return (
        f"{len(comparison.rows)} models of {source.parent.name}/{source.name} on {comparison.truth.name}, "
        f"{comparison.pictures} {task.pictures}"
    )


def measured_with(comparison: Comparison) -> str:
    """What the figures are worth."""
    return (
        f"Times are of the interpreter's invoke alone, on {comparison.machine}, all models in turn; on another machine "
        f"trust only the multiples of {comparison.reference.name}'s time, and measure there. That with one thread is "
        "of the processor's time, which other programs hardly change. A difference of less than "
        f"{comparison.noise:.3f} {comparison.task.accuracy} is noise on so many {comparison.task.pictures}."
    )


def class_changes(figures: Measured) -> tuple[list[tuple[str, float]], list[tuple[str, float]]]:
    """The classes that lost most and those that gained most, with the change of their AP."""
    ordered = sorted(figures.class_changes.items(), key=lambda each: each[1])
    lost = [each for each in ordered[:NAMED_CLASSES] if each[1] <= -SMALLEST_CHANGE]
    gained = [each for each in ordered[::-1][:NAMED_CLASSES] if each[1] >= SMALLEST_CHANGE]
    return lost, gained


def _charts(comparison: Comparison) -> list[object]:
    threads = comparison.thread_counts[-1]
    time = f"time, multiple of {comparison.reference.name}'s, {in_words(threads)}"
    rows, accuracy = comparison.rows, comparison.task.accuracy
    return [
        accuracy_chart(rows, lambda row: row.figures.gzip_bytes / 1e6, x_axis="MB after gzip", accuracy=accuracy),
        accuracy_chart(rows, lambda row: row.figures.ratio, x_axis=time, accuracy=accuracy),
    ]


def _reference_and(recommended: Row, comparison: Comparison) -> list[Evaluation]:
    """Both, or the one where nothing is better than the reference; none of classifiers, which draw nothing."""
    shown = {row.name: row.figures.evaluation for row in (comparison.reference, recommended)}
    return [each for each in shown.values() if isinstance(each, Evaluation)]


def _photographs(comparison: Comparison, results: Sequence[Evaluation]) -> list[object]:
    """The worst of these models."""
    annotations = comparison.annotations
    if annotations is None:
        return []
    worst = worst_photographs(results, annotations, WORST_COUNT)
    return [shown_photograph(photograph, results, annotations.categories) for photograph in worst]
