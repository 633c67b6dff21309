from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.workstation.data.coco import Annotations, Matching
from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics, Metrics
from edge_detector.workstation.evaluation.json_report import json_report
from edge_detector.workstation.evaluation.measurement import Evaluation, Latency
from edge_detector.workstation.evaluation.text_report import text_report

RESULT = Evaluation(
    name="tiny",
    model=Path("models/tiny.tflite"),
    size_bytes=2_345_000,
    metrics=Metrics(0.25, 0.5, (ClassMetrics("dog", 3, 0.25, 0.5, np.zeros(101)),)),
    inference=Latency(1.25, 2.5),
    total=Latency(3.75, 4.5),
    matching=Matching({}, ("elf", "dragon"), ("tv",)),
    detections={},
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
                "unmatched_labels": ["elf", "dragon"],
                "unmatched_categories": ["tv"],
            }
        ],
        "agreements": [],
    }
