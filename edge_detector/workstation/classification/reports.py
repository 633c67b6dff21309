"""The evaluation of classifiers, as a table for the terminal and as JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.text_table import aligned
from edge_detector.workstation.classification.agreement import agreements_with_largest
from edge_detector.workstation.classification.measurement import TOP, ClassifierEvaluation
from edge_detector.workstation.classification.share import Share

HEADINGS = ("model", "MB", "top-1", "95 % interval", f"top-{TOP}", "invoke ms (p95)", "whole ms (p95)")


def text_report(results: Sequence[ClassifierEvaluation]) -> str:
    """The table; below it how many pictures that is, and how much the models agree."""
    lines = aligned([HEADINGS, *(_cells(result) for result in results)])
    first = results[0]
    pictures = f"{len(first.truths)} pictures of {len(first.by_class())} classes"
    agreements = [each.sentence for each in agreements_with_largest(results)]
    return "\n".join([*lines, pictures, *agreements]) + "\n"


def json_report(results: Sequence[ClassifierEvaluation], pictures: Path) -> str:
    """Every number of the report."""
    content = {
        "pictures": str(pictures),
        "count": len(results[0].truths),
        "models": [_model(result) for result in results],
        "agreements": [asdict(each) for each in agreements_with_largest(results)],
    }
    return json.dumps(content, indent=2) + "\n"


def check_output(path: Path) -> None:
    """Raises `ConfigError` for a report that is not JSON, and for a folder that does not exist."""
    if path.suffix != ".json":
        raise ConfigError(f"--output {path}: of classifiers there is a report for programs; expected NAME.json")
    if not path.parent.is_dir():
        raise ConfigError(f"--output {path}: there is no folder {path.parent}")


def _cells(result: ClassifierEvaluation) -> tuple[str, ...]:
    low, high = result.top1.interval
    return (
        result.name,
        f"{result.size_bytes / 1e6:.2f}",
        f"{result.top1.value:.3f}",
        f"{low:.3f} to {high:.3f}",
        f"{result.top5.value:.3f}",
        f"{result.inference.median_ms:.1f} ({result.inference.p95_ms:.1f})",
        f"{result.total.median_ms:.1f} ({result.total.p95_ms:.1f})",
    )


def _model(result: ClassifierEvaluation) -> dict[str, Any]:
    return {
        "model": str(result.model),
        "size_bytes": result.size_bytes,
        "top1": _share(result.top1),
        "top5": _share(result.top5),
        "inference_ms": asdict(result.inference),
        "total_ms": asdict(result.total),
        "classes": {label: asdict(share) for label, share in result.by_class().items()},
    }


def _share(share: Share) -> dict[str, Any]:
    return {**asdict(share), "value": share.value, "interval": share.interval}
