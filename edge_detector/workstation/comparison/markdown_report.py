"""The comparison as Markdown, to paste into a document or a discussion."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from edge_detector.workstation.comparison.columns import columns
from edge_detector.workstation.comparison.findings import findings
from edge_detector.workstation.comparison.html_report import measured_with, title
from edge_detector.workstation.comparison.recommendation import sentences
from edge_detector.workstation.comparison.rows import Comparison


def markdown_report(comparison: Comparison, wish: str) -> str:
    """Recommendation, table, findings, and what was not measured."""
    return "\n".join(_lines(comparison, wish)) + "\n"


def _lines(comparison: Comparison, wish: str) -> Iterator[str]:
    yield from (f"# {title(comparison)}", "", *_bullets(sentences(comparison, wish)), "")
    yield from (*_table(comparison), "", measured_with(comparison))
    if said := findings(comparison):
        yield from ("", "## What the measurement shows", "", *_bullets(said))
    if comparison.unmeasured:
        rows = (f"{each.name}: {each.state}: {each.reason}" for each in comparison.unmeasured)
        yield from ("", "## Not measured", "", *_bullets(rows))


def _bullets(lines: Iterable[str]) -> Iterator[str]:
    yield from (f"- {line}" for line in lines)


def _table(comparison: Comparison) -> Iterator[str]:
    chosen = columns(comparison)
    yield _row(["model", *(column.heading for column in chosen)])
    yield _row(["---", *("---:" for _ in chosen)])
    for row in comparison.rows:
        yield _row([f"`{row.name}`", *(column.text(row.figures) for column in chosen)])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
