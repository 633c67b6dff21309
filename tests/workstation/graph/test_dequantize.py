from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_detector.errors import ModelError
from edge_detector.workstation.graph import dequantize
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import add_operator, run, tiny_detector

IMAGE = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3))


def weights_of(graph: TFLiteGraph) -> int:
    return next(i for i in range(len(graph.tensors)) if graph.name(i) == "features/weights")


def test_int8_weights_come_back_with_a_scale_for_each_channel() -> None:
    graph = tiny_detector()
    index = weights_of(graph)
    graph.set_constant(index, np.full((8, 3, 3, 3), 2, np.int8))
    graph.tensors[index].quantization = schema.QuantizationParametersT(
        scale=np.arange(1, 9, dtype=np.float32), zeroPoint=np.full(8, 1, np.int64), quantizedDimension=0
    )
    assert dequantize.to_float(graph, name="m") == 1
    widened = graph.constant(index)
    assert widened is not None
    assert np.array_equal(widened[:, 0, 0, 0], np.arange(1, 9, dtype=np.float32))  # (2 - 1) * scale
    assert graph.quantization(index) is None


def test_float16_weights_lose_their_dequantize_operators() -> None:
    graph = tiny_detector()
    expected = run(graph.to_bytes(), IMAGE)["scores"]
    index = weights_of(graph)
    value = graph.constant(index)
    assert value is not None
    reader = next(graph.consumers(index))
    widened = graph.add_tensor("widened", value.shape, value.dtype)
    graph.set_constant(index, value.astype(np.float16))
    operator = add_operator(graph, "DEQUANTIZE", [index], [widened])
    graph.subgraph.operators = [operator, *graph.operators[:-1]]
    reader.inputs = np.array([reader.inputs[0], widened, reader.inputs[2]], np.int32)
    assert dequantize.to_float(graph, name="m") == 1
    assert "DEQUANTIZE" not in graph.op_counts()
    assert np.allclose(run(graph.to_bytes(), IMAGE)["scores"], expected, atol=2e-3)


def test_quantized_activations_are_refused() -> None:
    graph = tiny_detector()
    graph.tensors[graph.outputs[0]].quantization = schema.QuantizationParametersT(
        scale=np.float32([0.1]), zeroPoint=np.int64([0])
    )
    with pytest.raises(ModelError, match=r"m\.tflite: already quantized .*convert from the float"):
        dequantize.to_float(graph, name="m.tflite")


def test_the_shared_dynamic_range_model_is_widened(shared: Path) -> None:
    path = shared / "models/ssd_mobilenet_v2_fpnlite_320_coco/model.tflite"
    graph = TFLiteGraph.load(path)
    assert dequantize.to_float(graph, name=str(path)) == 87
    assert {graph.dtype(i) for i in range(len(graph.tensors))} == {np.dtype(np.float32), np.dtype(np.int32)}
