"""The evaluation as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from edge_detector.text_table import aligned
from edge_detector.workstation.evaluation.agreement import agreements_with_largest
from edge_detector.workstation.evaluation.measurement import Evaluation, Latency
from edge_detector.workstation.evaluation.score_quality import operating_rows
from edge_detector.workstation.evaluation.unmatched import unmatched_notes

HEADINGS = ("model", "MB", "mAP", "AP50", "invoke ms (p95)", "whole ms (p95)")


def text_report(results: Sequence[Evaluation]) -> str:
    """The table; below it how much the models agree, and the names that match nothing on the other side."""
    lines = aligned([HEADINGS, *(_cells(result) for result in results)])
    notes = [each.sentence for each in agreements_with_largest(results)]
    notes += unmatched_notes(results)
    return "\n".join([*lines, *notes]) + "\n"


def scores_report(result: Evaluation) -> str:
    """Precision, recall and F1 by threshold, with a star at the best; below it what the scores are worth."""
    quality = result.quality
    rows = [("score", "precision", "recall", "F1"), *(map(_figure, point) for point in operating_rows(quality))]
    lines = ["  ".join(cell.ljust(9) for cell in row).rstrip() for row in rows]
    stars = ["", *(" *" if point == quality.best else "" for point in operating_rows(quality))]
    table = "".join(f"{line}{star}\n" for line, star in zip(lines, stars, strict=True))
    return f"\n{result.name}: by lowest score, at IoU 0.50\n{table}{quality.sentence}\n"


def _figure(number: float) -> str:
    return f"{number:.2f}"


def _cells(result: Evaluation) -> tuple[str, ...]:
    return (
        result.name,
        f"{result.size_bytes / 1e6:.2f}",
        f"{result.metrics.ap:.3f}",
        f"{result.metrics.ap50:.3f}",
        _latency(result.inference),
        _latency(result.total),
    )


def _latency(each: Latency) -> str:
    """The median, and the 95th percentile in brackets."""
    return f"{each.median_ms:.1f} ({each.p95_ms:.1f})"
