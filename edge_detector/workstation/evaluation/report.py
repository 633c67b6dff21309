"""Evaluations told: a table for the terminal, JSON for programs, one HTML file to look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.agreement import agreements
from edge_detector.workstation.evaluation.html import html
from edge_detector.workstation.evaluation.measurement import Evaluation, Latency

Writer = Callable[[Sequence[Evaluation], Annotations], str]
HEADINGS = ("model", "MB", "mAP", "AP50", "invoke ms (p95)", "whole ms (p95)")


def text(results: Sequence[Evaluation]) -> str:
    """The table; below it how near the models are to each other, and the names that have no counterpart."""
    rows = [HEADINGS, *(_cells(result) for result in results)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    notes = [each.sentence for each in agreements(results)]
    notes += [note for result in results for note in unmatched(result)]
    return "\n".join([*lines, *notes]) + "\n"


def unmatched(result: Evaluation) -> list[str]:
    """A sentence each for labels and categories of which the other side has none."""
    matching = result.matching
    notes = (
        ("labels that are no category", matching.unmatched_labels),
        ("categories the model does not know", matching.unmatched_categories),
    )
    return [f"{result.name}: {len(names)} {what}: {', '.join(names)}" for what, names in notes if names]


def writer(path: Path) -> Writer:
    """How to write the kind of report that the suffix asks for.

    Raises `ConfigError` for another suffix, or a folder that is not there.
    """
    if path.suffix not in WRITERS:
        raise ConfigError(f"--output {path}: expected a name that ends in {' or '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise ConfigError(f"--output {path}: there is no folder {path.parent}")
    return WRITERS[path.suffix]


def to_json(results: Sequence[Evaluation], annotations: Annotations) -> str:
    """Every number of the report."""
    content = {
        "annotations": str(annotations.path),
        "images": len(annotations.images),
        "models": _models(results),
        "agreements": [asdict(each) for each in agreements(results)],
    }
    return json.dumps(content, indent=2) + "\n"


WRITERS: dict[str, Writer] = {".html": html, ".json": to_json}


def _cells(result: Evaluation) -> tuple[str, ...]:
    return (
        result.name,
        f"{result.size_bytes / 1e6:.2f}",
        f"{result.metrics.ap:.3f}",
        f"{result.metrics.ap50:.3f}",
        latency(result.inference),
        latency(result.total),
    )


def latency(each: Latency) -> str:
    """The median, and the 95th percentile in brackets."""
    return f"{each.median_ms:.1f} ({each.p95_ms:.1f})"


def _models(results: Sequence[Evaluation]) -> list[dict[str, Any]]:
    return [
        {
            "model": str(result.model),
            "size_bytes": result.size_bytes,
            "ap": result.metrics.ap,
            "ap50": result.metrics.ap50,
            "inference_ms": {"median": result.inference.median_ms, "p95": result.inference.p95_ms},
            "total_ms": {"median": result.total.median_ms, "p95": result.total.p95_ms},
            "classes": {
                each.name: {"truths": each.truths, "ap": each.ap, "ap50": each.ap50} for each in result.metrics.classes
            },
            "unmatched_labels": result.matching.unmatched_labels,
            "unmatched_categories": result.matching.unmatched_categories,
        }
        for result in results
    ]
