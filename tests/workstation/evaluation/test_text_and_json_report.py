from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.workstation.data.coco import Annotations, Matching
from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics, Metrics
from edge_detector.workstation.evaluation.json_report import json_report, scores_as_json
from edge_detector.workstation.evaluation.measurement import Evaluation, Latency
from edge_detector.workstation.evaluation.score_quality import Outcomes, score_quality
from edge_detector.workstation.evaluation.text_report import scores_report, text_report

OUTCOMES = Outcomes(np.array([0.9, 0.6, 0.3], np.float32), np.array([True, False, True]), objects=3)
RESULT = Evaluation(
    name="tiny",
    model=Path("models/tiny.tflite"),
    size_bytes=2_345_000,
    metrics=Metrics(0.25, 0.5, (ClassMetrics("dog", 3, 0.25, 0.5, np.zeros(101)),)),
    inference=Latency(1.25, 2.5),
    total=Latency(3.75, 4.5),
    matching=Matching({}, ("elf", "dragon"), ("tv",)),
    detections={},
    quality=score_quality(OUTCOMES, 1.0),
    confidence=0.4,
)


def test_the_table_has_every_figure_in_its_column() -> None:
    assert text_report([RESULT]).splitlines() == [
        "model  MB    mAP    AP50   invoke ms (p95)  whole ms (p95)",
        "tiny   2.35  0.250  0.500  1.2 (2.5)        3.8 (4.5)",
        "tiny: 2 labels that are no category: elf, dragon",
        "tiny: 1 categories the model does not know: tv",
    ]


def test_what_no_model_knows_is_said_once_and_shortened() -> None:
    unknown = tuple(f"animal {number}" for number in range(78))
    results = [replace(RESULT, name=name, matching=Matching({}, (), unknown)) for name in ("tiny", "small")]
    notes = [line for line in text_report(results).splitlines() if "does not know" in line]
    listed = ", ".join(unknown[:8])
    assert notes == [f"all models: 78 categories the model does not know: {listed} and 70 more"]


def test_what_only_some_models_do_not_know_is_said_of_them() -> None:
    matchings = {"a": ("tv",), "b": ("dog",), "c": ("tv",)}
    results = [replace(RESULT, name=name, matching=Matching({}, (), names)) for name, names in matchings.items()]
    notes = [line for line in text_report(results).splitlines() if "does not know" in line]
    assert notes == [
        "a, c: 1 categories the model does not know: tv",
        "b: 1 categories the model does not know: dog",
    ]


def test_the_json_has_every_figure_under_its_name() -> None:
    annotations = Annotations(Path("set.json"), {}, ((1, Path("1.jpg")),), {})
    assert json.loads(json_report([RESULT], annotations)) == {
        "annotations": "set.json",
        "images": 1,
        "models": [
            {
                "model": "models/tiny.tflite",
                "size_bytes": 2_345_000,
                "ap": 0.25,
                "ap50": 0.5,
                "inference_ms": {"median": 1.25, "p95": 2.5},
                "total_ms": {"median": 3.75, "p95": 4.5},
                "classes": {"dog": {"truths": 3, "ap": 0.25, "ap50": 0.5}},
                "scores": scores_as_json(RESULT.quality),
                "unmatched_labels": ["elf", "dragon"],
                "unmatched_categories": ["tv"],
            }
        ],
        "agreements": [],
    }


def test_the_scores_are_told_by_threshold_with_a_star_at_the_best() -> None:
    name, heading, *rows, error = scores_report(RESULT).strip().splitlines()
    assert (name, heading.split()) == (
        "tiny: by lowest score, at IoU 0.50",
        ["score", "precision", "recall", "F1"],
    )
    figures = {row.split()[0]: row.split()[1:] for row in rows}
    assert figures["0.01"] == ["0.67", "0.67", "0.67", "*"]
    assert figures["0.35"] == ["0.50", "0.33", "0.40"]
    assert figures["0.95"] == ["1.00", "0.00", "0.00"]
    assert error.startswith("expected calibration error 0.467, from the best score on 0.467, with the temperature 1; ")


def test_the_scores_are_in_the_json_report(tmp_path: Path) -> None:
    annotations = Annotations(tmp_path / "a.json", {}, (), {})
    scores = json.loads(json_report([RESULT], annotations))["models"][0]["scores"]
    assert scores["best"] == {"threshold": 0.01, **dict.fromkeys(("precision", "recall", "f1"), pytest.approx(2 / 3))}
    assert [each["threshold"] for each in scores["by_threshold"]] == [pytest.approx(0.05 * n) for n in range(1, 20)]
    assert scores["expected_calibration_error"]["now"] == pytest.approx(1.4 / 3)
