"""The evaluation as a table for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from edge_detector.workstation.evaluation.agreement import agreements_with_largest
from edge_detector.workstation.evaluation.measurement import Evaluation, Latency
from edge_detector.workstation.evaluation.unmatched import unmatched_notes

HEADINGS = ("model", "MB", "mAP", "AP50", "invoke ms (p95)", "whole ms (p95)")


def text_report(results: Sequence[Evaluation]) -> str:
    """The table; below it how much the models agree, and the names that match nothing on the other side."""
    rows = [HEADINGS, *(_cells(result) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [each.sentence for each in agreements_with_largest(results)]
    notes += unmatched_notes(results)
    return "\n".join([*lines, *notes]) + "\n"


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
