"""The report files of a comparison, written together."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from edge_detector.workstation.comparison.html_report import html_report
from edge_detector.workstation.comparison.json_report import json_report
from edge_detector.workstation.comparison.markdown_report import markdown_report
from edge_detector.workstation.comparison.rows import Comparison
from edge_detector.workstation.graph.model_files import write_whole

REPORTS: dict[str, Callable[[Comparison, str], str]] = {
    "report.html": html_report,
    "report.json": json_report,
    "report.md": markdown_report,
}


def write_reports(comparison: Comparison, wish: str, folder: Path) -> list[Path]:
    """Write all of them; their paths. Raises `SinkError` if one cannot be written."""
    contents = {folder / name: make(comparison, wish) for name, make in REPORTS.items()}
    for path, content in contents.items():
        write_whole(path, partial(_write, content))
    return list(contents)


def _write(content: str, path: Path) -> None:
    path.write_text(content, encoding="utf-8")
