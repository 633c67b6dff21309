"""The comparison for a terminal: advice, a narrow table, and where the rest is."""

from __future__ import annotations

from collections.abc import Iterator

from edge_detector.text_table import aligned
from edge_detector.workstation.comparison.findings import findings
from edge_detector.workstation.comparison.recommendation import sentences
from edge_detector.workstation.comparison.rows import Comparison, Row
from edge_detector.workstation.comparison.timing import in_words


def text_report(comparison: Comparison, wish: str) -> str:
    """Short."""
    return "\n".join(_lines(comparison, wish)) + "\n"


def _lines(comparison: Comparison, wish: str) -> Iterator[str]:
    times = [in_words(threads) for threads in comparison.thread_counts]
    headings = ("model", "MB", "gzip", comparison.task.accuracy, "change", *times)
    yield from aligned([headings, *(_cells(row) for row in comparison.rows)])
    yield from (f"{each.name}: {each.state}: {each.reason}" for each in comparison.unmeasured)
    yield from (f"calibration: {warning}" for warning in comparison.warnings)
    yield from ("", *findings(comparison), "", *sentences(comparison, wish))


def _cells(row: Row) -> tuple[str, ...]:
    figures = row.figures
    return (
        row.name,
        f"{figures.size_bytes / 1e6:.2f}",
        f"{figures.gzip_bytes / 1e6:.2f}",
        f"{figures.ap:.3f}",
        f"{figures.change:+.3f}",
        *(f"{times.ratio:.2f} x" for times in figures.times.values()),
    )
