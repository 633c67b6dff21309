"""The evaluation as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.agreement import agreements_with_largest
from edge_detector.workstation.evaluation.measurement import Evaluation


def json_report(results: Sequence[Evaluation], annotations: Annotations) -> str:
    """Every number of the report."""
    content = {
        "annotations": str(annotations.path),
        "images": len(annotations.images),
        "models": [_model(result) for result in results],
        "agreements": [asdict(each) for each in agreements_with_largest(results)],
    }
    return json.dumps(content, indent=2) + "\n"


def _model(result: Evaluation) -> dict[str, Any]:
    return {
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
