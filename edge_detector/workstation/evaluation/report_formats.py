"""The kinds of report files, by the suffix of the file's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.html_report import html_report
from edge_detector.workstation.evaluation.json_report import json_report
from edge_detector.workstation.evaluation.measurement import Evaluation

Report = Callable[[Sequence[Evaluation], Annotations], str]  # gives the content of the file
REPORTS: dict[str, Report] = {".html": html_report, ".json": json_report}


def report_for(path: Path) -> Report:
    """The function that makes the content of the report file ``path``.

    Raises `ConfigError` for an unknown suffix, and for a folder that does not exist.
    """
    if path.suffix not in REPORTS:
        raise ConfigError(f"--output {path}: expected a name that ends in {' or '.join(REPORTS)}")
    if not path.parent.is_dir():
        raise ConfigError(f"--output {path}: there is no folder {path.parent}")
    return REPORTS[path.suffix]
