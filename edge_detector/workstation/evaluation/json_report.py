"""The evaluation as JSON, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.agreement import agreements_with_largest
from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.evaluation.score_quality import ScoreQuality


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
        "scores": scores_as_json(result.quality),
        "unmatched_labels": result.matching.unmatched_labels,
        "unmatched_categories": result.matching.unmatched_categories,
    }


def scores_as_json(quality: ScoreQuality) -> dict[str, Any]:
    """Precision, recall and F1 by threshold, and how far the scores are from what they say."""
    return {
        "best": quality.best._asdict(),
        "by_threshold": [point._asdict() for point in quality.points],
        "temperature": {"now": quality.temperature, "fitted": quality.fitted_temperature},
        "expected_calibration_error": quality.calibration_error._asdict(),
        "expected_calibration_error_from_best": quality.best_calibration_error._asdict(),
    }
