"""Rows of a comparison with figures that a test chooses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_detector.workstation.comparison.delegation import Delegation
from edge_detector.workstation.comparison.rows import Comparison, Measured, Row, Unmeasured
from edge_detector.workstation.comparison.timing import Times
from edge_detector.workstation.comparison.variants import Variant
from edge_detector.workstation.data.coco import Annotations, Matching
from edge_detector.workstation.evaluation.agreement import Agreement
from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics, Metrics
from edge_detector.workstation.evaluation.measurement import Evaluation, Latency
from edge_detector.workstation.evaluation.score_quality import Outcomes, score_quality
from edge_detector.workstation.quantization.techniques import Data, TechniqueOptions

BEFORE = 0.280  # mAP of float32


def row(technique: str, *, ap: float, ratio: float, megabytes: float, found: int = 90, **others: Any) -> Row:
    """A model made by a technique of the table; its name is the technique's unless `others` says another."""
    variant = Variant(others.pop("name", technique), technique, TechniqueOptions())
    return Row(variant, replace(figures(variant.name, ap, ratio, megabytes, found), **others))


def figures(name: str, ap: float, ratio: float, megabytes: float, found: int) -> Measured:
    times = {threads: Times(10 * ratio / threads, 12 * ratio / threads, ratio) for threads in (1, 2)}
    return Measured(
        model=Path(f"{name}.tflite"),
        size_bytes=int(megabytes * 1e6),
        gzip_bytes=int(megabytes * 0.8e6),
        made_in_s=60.0,
        ap=ap,
        ap50=ap * 1.5,
        change=ap - BEFORE,
        class_changes={"dog": ap - BEFORE, "person": 0.0},
        agreement=Agreement(name, "float32", 0.4, 100, found, 2, 0.95, 0.02),
        times=times,
        operators={"CONV_2D": 3, "RESHAPE": 2},
        float_operators=5,
        delegation=Delegation(5, 5, 1, {}),
        runtimes={"ai-edge-litert": "ok", "tflite-runtime": "not installed"},
        edgetpu=("5 activations are not int8",),
        evaluation=evaluation(name, ap),
    )


def evaluation(name: str, ap: float) -> Evaluation:
    curve = np.linspace(1, 0, 101)
    return Evaluation(
        name=name,
        model=Path(f"{name}.tflite"),
        size_bytes=1,
        metrics=Metrics(ap, ap, (ClassMetrics("dog", 3, ap, ap, curve), ClassMetrics("person", 5, ap, ap, curve))),
        inference=Latency(1.0, 2.0),
        total=Latency(1.0, 2.0),
        matching=Matching({0: 1}, (), ()),
        confidence=0.4,
        detections={},
        quality=score_quality(Outcomes(np.empty(0, np.float32), np.empty(0, np.bool_), 0), 1.0),
    )


FLOAT32 = row("float32", ap=BEFORE, ratio=1.0, megabytes=12.0, found=100)
FLOAT16 = row("float16", ap=BEFORE - 0.001, ratio=1.0, megabytes=6.0, found=99)
DYNAMIC = row(
    "dynamic", ap=BEFORE - 0.005, ratio=3.4, megabytes=3.0, delegation=Delegation(5, 3, 2, {"DEPTHWISE_CONV_2D": 2})
)
INT8 = row("int8", ap=BEFORE - 0.004, ratio=0.4, megabytes=3.6, float_operators=0, edgetpu=())


def comparison(*rows: Row, given: tuple[Data, ...] = (), unmeasured: tuple[Unmeasured, ...] = ()) -> Comparison:
    """Of fifty photographs that are not there, on two cores."""
    images = tuple((number, Path(f"{number}.jpg")) for number in range(50))
    return Comparison(
        source=Path("float/model.tflite"),
        truth=Path("val.json"),
        pictures=len(images),
        annotations=Annotations(Path("val.json"), {"annotations": []}, images, {1: "person", 2: "dog"}),
        given=frozenset(given),
        machine="2 x86 cores",
        rows=rows,
        unmeasured=unmeasured,
        warnings=(),
    )
