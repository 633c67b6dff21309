from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_detector.workstation.graph.heads import head_tensors, joined_tensors, probability_logits
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import FLOAT, add_constant, add_operator, convolve, empty_graph, run, tiny_detector

RANDOM = np.random.default_rng(0)
IMAGES = [RANDOM.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32) for _ in range(4)]


def pyramid() -> TFLiteGraph:
    """Two feature levels whose scores, of very different ranges, are joined."""
    graph = empty_graph()
    image = graph.add_tensor("image", (1, 16, 16, 3), FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    fine = convolve(graph, image, RANDOM.normal(0, 0.1, (4, 3, 3, 3)), np.zeros(4), stride=2, name="fine")
    coarse = convolve(graph, fine, RANDOM.normal(0, 2.0, (4, 3, 3, 4)), np.ones(4), stride=2, name="coarse")
    rows = [_rows(graph, level, name) for level, name in ((fine, "fine/rows"), (coarse, "coarse/rows"))]
    joined = graph.add_tensor("joined", (1, 80, 4), FLOAT)
    options = schema.ConcatenationOptionsT(axis=1)
    add_operator(graph, "CONCATENATION", rows, [joined], schema.BuiltinOptions.ConcatenationOptions, options)
    scores = graph.add_tensor("sigmoid", (1, 80, 4), FLOAT)
    add_operator(graph, "LOGISTIC", [joined], [scores])
    graph.set_outputs({"scores": scores})
    return graph


def _rows(graph: TFLiteGraph, level: int, name: str) -> int:
    _, height, width, channels = graph.shape(level)
    shape = np.array([1, height * width, channels], np.int32)
    output = graph.add_tensor(name, tuple(shape), FLOAT)
    options = schema.ReshapeOptionsT(newShape=shape)
    inputs = [level, add_constant(graph, f"{name}/shape", shape)]
    add_operator(graph, "RESHAPE", inputs, [output], schema.BuiltinOptions.ReshapeOptions, options)
    return output


def test_heads_reach_back_to_the_last_weights() -> None:
    assert head_tensors(pyramid()) == {"scores", "joined", "fine/rows", "coarse/rows", "fine", "coarse"}
    assert head_tensors(tiny_detector(fused=True)) >= {"out/boxes", "raw_boxes", "scores", "logits/raw"}


def test_levels_that_are_joined_are_one_group_and_what_is_not_joined_is_none() -> None:
    assert joined_tensors(pyramid()) == [{"joined", "fine/rows", "coarse/rows", "fine", "coarse"}]
    assert joined_tensors(tiny_detector()) == []


def test_logits_are_what_becomes_probabilities_and_nothing_else() -> None:
    assert probability_logits(tiny_detector(fused=True)) == {"logits", "logits/raw"}
    assert probability_logits(pyramid()) == set()  # the coarse level reads the fine one, too


def test_joined_levels_need_no_conversion_between_their_scales() -> None:
    pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")
    from edge_detector.workstation.calibration.ranges import calibrate, observed_ranges
    from edge_detector.workstation.quantization.int8 import quantize_graph

    graph = pyramid()
    own_scales = quantize_graph(graph, observed_ranges(graph.to_bytes(), IMAGES))
    assert own_scales.op_counts()["QUANTIZE"] == 1  # the level with the smaller range is converted to the other's
    one_scale = quantize_graph(graph, calibrate(graph, IMAGES, "minmax"))
    assert one_scale.op_counts() == {"CONV_2D": 2, "RESHAPE": 2, "CONCATENATION": 1, "LOGISTIC": 1}
    signature = one_scale.model.signatureDefs[0]
    assert [one_scale.name(each.tensorIndex) for each in (*signature.inputs, *signature.outputs)] == ["image", "scores"]
    expected = run(graph.to_bytes(), IMAGES[0])["scores"]
    assert np.abs(run(one_scale.to_bytes(), IMAGES[0])["scores"] - expected).mean() < 0.02
