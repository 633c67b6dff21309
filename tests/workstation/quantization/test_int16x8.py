from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.detect.manifest import InputSpec
from edge_detector.workstation.calibration.ranges import Range, calibrate
from edge_detector.workstation.data.images import InputTensors
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.calibrated import Calibrated
from edge_detector.workstation.quantization.int16x8 import int16x8_of
from edge_detector.workstation.quantization.sections import CalibrationSummary
from edge_detector.workstation.quantization.static import quantize_static
from tests.workstation.graphs import SIDE, photographs, run, tiny_detector


@pytest.fixture
def calibrated(tmp_path: Path) -> Calibrated:
    """The tiny detector with two dead channels."""
    spec = InputSpec((SIDE, SIDE))
    tensors = InputTensors(sorted(photographs(tmp_path / "photographs", 8).iterdir()), spec)
    graph = tiny_detector(dead=True)
    pixels = Range(-1.0, 1.0)
    summary = CalibrationSummary("minmax", 8, 8, pixels, pixels, (0.0, 0.0, 0.0), (0.5, 0.5, 0.5), "rgb", ())
    return Calibrated(graph, spec, tensors, calibrate(graph, tensors, "minmax"), summary)


def worst_score(graph: TFLiteGraph, calibrated: Calibrated) -> float:
    """How far a score is off at most, on the photographs."""
    exact, found = calibrated.graph.to_bytes(), graph.to_bytes()
    return max(
        float(np.abs(run(found, image)["scores"] - run(exact, image)["scores"]).max()) for image in calibrated.first(4)
    )


def test_dead_channels_do_not_clip_its_biases(calibrated: Calibrated) -> None:
    straight = quantize_static(calibrated.graph, calibrated.ranges, activation_bits=16)
    assert worst_score(straight, calibrated) > 0.1
    assert worst_score(int16x8_of(calibrated).graph, calibrated) < 0.02


def test_outputs_keep_their_names_and_are_float(calibrated: Calibrated) -> None:
    graph = quantize_static(calibrated.graph, calibrated.ranges, activation_bits=16)
    assert [graph.name(index) for index in graph.outputs] == ["raw_boxes", "scores"]
    names = [graph.name(index) for index in range(len(graph.tensors))]
    assert len(set(names)) == len(names)
