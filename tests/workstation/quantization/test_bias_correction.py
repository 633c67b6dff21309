from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.workstation.calibration.ranges import Range, calibrate
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization import bias_correction
from edge_detector.workstation.quantization.bias_correction import channel_means, correct_biases
from edge_detector.workstation.quantization.int8 import quantize_graph
from tests.workstation.graphs import run, tiny_detector

RANDOM = np.random.default_rng(0)
IMAGES = [RANDOM.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32) for _ in range(8)]
OTHERS = [RANDOM.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32) for _ in range(8)]
UNCLIPPED = ("features", "boxes/raw")  # some of the logits are beyond what int8 can say


def shifted_by(real: float) -> TFLiteGraph:
    """The int8 tiny detector with every bias of its first layer off by `real`."""
    graph = quantize_graph(tiny_detector(), calibrate(tiny_detector(), IMAGES, "minmax"))
    bias = int(graph.operators[0].inputs[2])
    value, parameters = graph.constant(bias), graph.quantization(bias)
    assert value is not None
    assert parameters is not None
    graph.set_constant(bias, (value + np.round(real / parameters[0])).astype(np.int32))
    return graph


def worst_score_error(graph: TFLiteGraph) -> float:
    reference = tiny_detector().to_bytes()
    found = [run(graph.to_bytes(), image)["scores"] - run(reference, image)["scores"] for image in OTHERS]
    return float(np.abs(found).max())


def test_a_shift_is_found_and_taken_back() -> None:
    graph = shifted_by(0.3)
    correction = correct_biases(tiny_detector(), graph, IMAGES)
    assert correction.operators == 3
    assert correction.after < 0.1 * correction.before
    expected, found = (channel_means(each, UNCLIPPED, IMAGES) for each in (tiny_detector(), graph))
    for name in UNCLIPPED:
        assert np.abs(found[name] - expected[name]).max() < 0.01, name


def test_heads_are_corrected_together_after_what_they_read(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def noting(*args: Any, **options: Any) -> Any:
        asked.append(list(args[1]))
        return channel_means(*args, **options)

    monkeypatch.setattr(bias_correction, "channel_means", noting)
    correct_biases(tiny_detector(), shifted_by(0.3), IMAGES)
    every = ["features", "boxes/raw", "logits/raw"]
    assert asked == [every, every, ["features"], ["boxes/raw", "logits/raw"], every]  # before and after: all of them


def test_a_float_graph_whose_weights_are_rounded_is_corrected_too() -> None:
    graph = tiny_detector()
    bias = int(graph.operators[0].inputs[2])
    value = graph.constant(bias)
    assert value is not None
    graph.set_constant(bias, (value + 0.3).astype(np.float32))
    assert correct_biases(tiny_detector(), graph, IMAGES, kind=np.float32).after < 1e-3
    assert worst_score_error(graph) < 0.01


def test_images_never_seen_profit_too() -> None:
    shifted = shifted_by(0.3)
    corrected = shifted.copy()
    correct_biases(tiny_detector(), corrected, IMAGES)
    assert worst_score_error(corrected) < 0.25 * worst_score_error(shifted)


def test_what_int8_cannot_reach_is_not_chased() -> None:
    ranges = calibrate(tiny_detector(certain=True), IMAGES, "minmax")
    graph = quantize_graph(tiny_detector(certain=True), ranges)
    before = run(graph.to_bytes(), IMAGES[0])["scores"]
    correct_biases(tiny_detector(certain=True), graph, IMAGES)
    after = run(graph.to_bytes(), IMAGES[0])["scores"]
    assert np.abs(after - before).max() < 0.05  # the cat's logit of -40 is clipped to -7 in both
    assert after[..., 2].max() == 0.0


def test_the_file_does_not_grow() -> None:
    graph = shifted_by(0.0)
    before = len(graph.copy().to_bytes())
    correct_biases(tiny_detector(), graph, IMAGES)
    assert len(graph.to_bytes()) <= before


def test_means_are_over_all_places_and_samples_and_can_be_clipped() -> None:
    graph = tiny_detector()
    (exact,) = channel_means(graph, ["image"], IMAGES).values()
    np.testing.assert_allclose(exact, np.mean(IMAGES, axis=(0, 1, 2, 3)), atol=1e-6)
    (clipped,) = channel_means(graph, ["image"], IMAGES, within={"image": Range(0.5, 1.0)}).values()
    np.testing.assert_allclose(clipped, np.clip(IMAGES, 0.5, 1.0).mean(axis=(0, 1, 2, 3)), atol=1e-6)
