from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.detect.manifest import InputSpec
from edge_detector.workstation.calibration.ranges import Range, calibrate
from edge_detector.workstation.data.images import InputTensors, find_images, spread
from edge_detector.workstation.graph import dequantize, postprocess_op, repairs
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.fidelity import signal_to_noise
from edge_detector.workstation.quantization.int8 import quantize_graph
from tests.workstation.graphs import add_constant, run, tiny_detector

RANDOM = np.random.default_rng(0)
IMAGES = [RANDOM.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32) for _ in range(8)]


def index_of(graph: TFLiteGraph, name: str) -> int:
    return next(i for i in range(len(graph.tensors)) if graph.name(i) == name)


def test_names_become_unique() -> None:
    graph = tiny_detector()
    for name in ("logits/raw/bias", "boxes/raw/bias"):
        graph.rename(index_of(graph, name), "features/bias")
    graph.rename(index_of(graph, "boxes/shape"), "")
    renamed = repairs.make_names_unique(graph)
    names = [graph.name(i) for i in range(len(graph.tensors))]
    assert len(set(names)) == len(names)
    assert sorted(renamed) == ["features/bias_1", "features/bias_2", "tensor_1"]


def test_a_shared_bias_is_copied_for_each_reader() -> None:
    graph = tiny_detector()
    shared = add_constant(graph, "shared", np.arange(4.0))
    readers = [next(graph.consumers(index_of(graph, name))) for name in ("boxes/raw/bias", "logits/raw/bias")]
    for reader in readers:
        reader.inputs = np.array([*reader.inputs[:2], shared], np.int32)
    assert repairs.unshare_biases(graph) == ("shared",)
    first, second = (int(reader.inputs[2]) for reader in readers)
    assert first != second
    assert np.array_equal(graph.constant(first), graph.constant(second))


def test_unused_tensors_buffers_and_codes_go_and_nothing_else_changes() -> None:
    graph = tiny_detector()
    expected = run(graph.to_bytes(), IMAGES[0])
    add_constant(graph, "left over", np.zeros(1000))
    graph.add_op_code("ADD", 1)
    before = len(graph.to_bytes())
    assert repairs.remove_unused(graph) == ("left over",)
    assert len(graph.to_bytes()) < before - 4000
    assert {code.builtinCode for code in graph.model.operatorCodes} == {3, 14, 22}  # CONV_2D, LOGISTIC, RESHAPE
    found = run(graph.to_bytes(), IMAGES[0])
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_the_weight_that_a_bias_needs_is_computed_from_the_int32_range() -> None:
    (needed,) = repairs.smallest_weight(np.array([3.0]), input_scale=2 / 255)
    quantized_bias = 3.0 / ((2 / 255) * (needed / 127))
    assert quantized_bias == pytest.approx(2**30)
    assert 1e-5 < needed < 1e-4


def test_dead_channels_are_raised_without_changing_the_float_model() -> None:
    graph = tiny_detector(dead=True)
    expected = run(graph.to_bytes(), IMAGES[0])
    (dead,) = repairs.raise_dead_channels(graph, _scales(graph))
    assert (dead.tensor, dead.channels) == ("features", (2, 5))
    assert dead.largest_bias == 3.0
    assert 1e-5 < dead.largest_weight < 1e-4
    found = run(graph.to_bytes(), IMAGES[0])
    assert all(np.allclose(found[name], expected[name], atol=1e-3) for name in expected)


def test_a_raised_weight_keeps_its_sign() -> None:
    rows = np.array([[1e-9, -2e-9], [3e-9, 1e-9], [1.0, 1.0]])
    repairs._raise_largest(rows, np.array([0, 1]), np.array([0.5, 0.25, 0.1]))
    assert rows.tolist() == [[1e-9, -0.5], [0.25, 1e-9], [1.0, 1.0]]


def test_all_weights_of_a_channel_are_raised_alike_but_zeros_stay_zeros() -> None:
    rows = np.array([[2**-30, -(2**-29)], [0.0, 0.0], [1.0, 1.0]])
    repairs._raise_alike(rows, np.array([0, 1]), np.array([0.5, 0.25, 0.1]))
    assert rows.tolist() == [[0.25, -0.5], [0.0, 0.0], [1.0, 1.0]]


def test_living_channels_are_left_alone() -> None:
    graph = tiny_detector()
    assert repairs.raise_dead_channels(graph, _scales(graph)) == ()


def test_without_the_guard_dead_channels_ruin_a_small_graph_and_with_it_they_do_not() -> None:
    assert _worst_snr(tiny_detector(dead=True), guard=False) < 5
    assert _worst_snr(tiny_detector(dead=True), guard=True) > 15


def test_without_the_guard_dead_channels_ruin_the_shared_model_and_with_it_they_do_not(shared: Path) -> None:
    path = shared / "models/ssd_mobilenet_v2_fpnlite_320_coco/model.tflite"
    graph = TFLiteGraph.load(path)
    dequantize.to_float(graph, name=str(path))
    postprocess_op.cut_postprocess(graph)
    photographs = spread(find_images(shared / "data/coco_train_50.json"), 16)
    samples = [tensor.copy() for tensor in InputTensors(photographs, InputSpec((320, 320)))]
    ranges = calibrate(_tidied(graph), samples, "minmax")
    scales = {name: each.scale() for name, each in ranges.items()}
    guarded = graph.copy()
    found = repairs.raise_dead_channels(guarded, scales)
    assert sum(len(dead.channels) for dead in found) == 11
    straight_db, guarded_db = (
        _decibels(graph, quantize_graph(each, ranges), samples[:2])["scores"] for each in (graph, guarded)
    )
    assert straight_db < 3
    assert guarded_db > 10


def _tidied(graph: TFLiteGraph) -> TFLiteGraph:
    repairs.tidy(graph)
    return graph


def _scales(graph: TFLiteGraph) -> dict[str, float]:
    ranges = calibrate(graph, IMAGES, "minmax") | {"image": Range(-1, 1)}
    return {name: each.scale() for name, each in ranges.items()}


def _worst_snr(graph: TFLiteGraph, *, guard: bool) -> float:
    ranges = calibrate(_tidied(graph), IMAGES, "minmax")
    reference = graph.copy()
    if guard:
        repairs.raise_dead_channels(graph, {name: each.scale() for name, each in ranges.items()})
    return min(_decibels(reference, quantize_graph(graph, ranges), IMAGES[:2]).values())


def _decibels(reference: TFLiteGraph, quantized: TFLiteGraph, samples: list[np.ndarray]) -> dict[str, float]:
    return {each.tensor: each.db for each in signal_to_noise(reference, quantized, samples)}
