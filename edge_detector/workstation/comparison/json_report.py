"""The comparison as JSON, for programs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from edge_detector.workstation.comparison.findings import findings
from edge_detector.workstation.comparison.recommendation import recommend, sentences
from edge_detector.workstation.comparison.rows import Comparison, Row, Unmeasured


def json_report(comparison: Comparison, wish: str) -> str:
    """Every number of the report."""
    content = {
        "source": str(comparison.source),
        "annotations": str(comparison.truth),
        "images": comparison.pictures,
        "accuracy": comparison.task.accuracy,
        "noise": comparison.noise,
        "machine": comparison.machine,
        "reference": comparison.reference.name,
        "want": wish,
        "recommended": recommend(comparison, wish).name,
        "recommendation": sentences(comparison, wish),
        "findings": findings(comparison),
        "calibration_warnings": comparison.warnings,
        "models": [_model(row, comparison) for row in comparison.rows],
        "unmeasured": [_unmeasured(each) for each in comparison.unmeasured],
    }
    return json.dumps(content, indent=2) + "\n"


def _model(row: Row, comparison: Comparison) -> dict[str, Any]:
    figures, whole = row.figures, comparison.whole(row)
    return {
        "name": row.name,
        "technique": row.variant.technique,
        "options": asdict(row.variant.options),
        "kept_classes": row.variant.classes,
        "with_all_classes": None if whole is None else {"name": whole.name, "ap": whole.ap_like(row)},
        "model": str(figures.model),
        "size_bytes": figures.size_bytes,
        "gzip_bytes": figures.gzip_bytes,
        "made_in_s": figures.made_in_s,
        "ap": figures.ap,
        "ap50": figures.ap50,
        "change": figures.change,
        "classes": {each.name: {"truths": each.truths, "ap": each.ap} for each in figures.evaluation.metrics.classes},
        "class_changes": dict(figures.class_changes),
        "agreement": asdict(figures.agreement),
        "times_by_threads": {threads: asdict(times) for threads, times in figures.times.items()},
        "operators": dict(figures.operators),
        "float_operators": figures.float_operators,
        "xnnpack": asdict(figures.delegation) if figures.delegation else None,
        "runtimes": dict(figures.runtimes),
        "edgetpu_rules_broken": figures.edgetpu,
    }


def _unmeasured(each: Unmeasured) -> dict[str, str]:
    return {"name": each.name, "technique": each.variant.technique, "state": each.state, "reason": each.reason}
