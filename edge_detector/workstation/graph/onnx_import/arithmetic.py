"""Operators that compute each number on its own, and the fully connected layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.onnx_import.builder import GraphBuilder, Node
from edge_detector.workstation.graph.onnx_import.layout import CHANNEL_AXIS, Value, natural

FLOAT_TYPES = (1, 10, 11, 16)  # TensorProto.DataType: FLOAT, FLOAT16, DOUBLE, BFLOAT16

Convert = Callable[[GraphBuilder, Node], Value]
RELU6_LIMITS = (0.0, 6.0)


def elementwise(kind: str) -> Convert:
    """An operator with one input and no settings."""

    def convert(graph: GraphBuilder, node: Node) -> Value:
        value = node.value()
        return graph.operator(kind, [value.tensor], node.name, value.shape, value.order)

    return convert


def binary(kind: str, options: type[Any]) -> Convert:
    """An operator with two inputs, one of which may be a constant, and be broadcast."""

    def convert(graph: GraphBuilder, node: Node) -> Value:
        shape = _common_shape(node)
        largest = max((each for each in node.inputs if isinstance(each, Value)), key=lambda each: len(each.shape))
        tensors = [graph.as_tensor(each, largest, node.name) for each in node.inputs if each is not None]
        return graph.operator(kind, tensors, node.name, shape, largest.order, options())

    return convert


def leaky_relu(graph: GraphBuilder, node: Node) -> Value:
    """LEAKY_RELU."""
    value = node.value()
    options = schema.LeakyReluOptionsT(alpha=node.setting("alpha", 0.01))
    return graph.operator("LEAKY_RELU", [value.tensor], node.name, value.shape, value.order, options)


def cast(_graph: GraphBuilder, node: Node) -> Value:
    """The value as it is: every activation is float32 here. Raises `ModelError` for a cast to integers: it rounds."""
    node_type = node.setting("to", FLOAT_TYPES[0])
    if node_type not in FLOAT_TYPES:
        raise ModelError(f"it casts to the type {node_type}; expected one of floats, {FLOAT_TYPES}")
    return node.value()


def softmax(graph: GraphBuilder, node: Node) -> Value:
    """SOFTMAX, which TFLite has for the last axis.

    Raises `ModelError` for a file that leaves the axis to the opset: before 13 that means all from 1 on, then the last.
    """
    value = node.value()
    if "axis" not in node.attributes and len(value.shape) > 2:
        raise ModelError("no axis is named; expected one, for what none means depends on the opset")
    axis = node.setting("axis", -1) % len(value.shape)
    last = graph.in_order(value, (*(each for each in value.order if each != axis), axis))
    options = schema.SoftmaxOptionsT(beta=1.0)
    return graph.operator("SOFTMAX", [last.tensor], node.name, value.shape, last.order, options)


def clip(graph: GraphBuilder, node: Node) -> Value:
    """RELU6 or RELU where the limits are theirs, else MINIMUM and MAXIMUM."""
    value = node.value()
    low, high = (_limit(node, name, place) for place, name in enumerate(("min", "max"), 1))
    names: dict[tuple[float | None, float | None], str] = {RELU6_LIMITS: "RELU6", (0.0, None): "RELU"}
    if (low, high) in names:
        return graph.operator(names[low, high], [value.tensor], node.name, value.shape, value.order)
    if high is not None:
        value = _limited(graph, "MINIMUM", value, high, f"{node.name}/most" if low is not None else node.name)
    return value if low is None else _limited(graph, "MAXIMUM", value, low, node.name)


def hard_sigmoid(graph: GraphBuilder, node: Node) -> Value:
    """min(max(alpha x + beta, 0), 1), as a RELU6 of six times as much."""
    value = node.value()
    alpha, beta = node.setting("alpha", 0.2), node.setting("beta", 0.5)
    scaled = _with_constant(graph, "MUL", value, 6 * alpha, f"{node.name}/scaled", schema.MulOptionsT())
    six = schema.AddOptionsT(fusedActivationFunction=schema.ActivationFunctionType.RELU6)
    limited = _with_constant(graph, "ADD", scaled, 6 * beta, f"{node.name}/limited", six)
    return _with_constant(graph, "MUL", limited, 1 / 6, node.name, schema.MulOptionsT())


def batch_normalization(graph: GraphBuilder, node: Node) -> Value:
    """MUL and ADD with a factor and a shift for each channel; `fusions` puts them into a convolution before."""
    value = node.value()
    scale, shift, mean, variance = (node.needed_constant(place).astype(np.float64) for place in range(1, 5))
    factor = scale / np.sqrt(variance + node.setting("epsilon", 1e-5))
    shape = tuple(len(factor) if axis == CHANNEL_AXIS else 1 for axis in range(len(value.shape)))
    factors = graph.as_tensor(factor.reshape(shape), value, f"{node.name}/factor")
    shifts = graph.as_tensor((shift - mean * factor).reshape(shape), value, f"{node.name}/shift")
    scaled = graph.operator(
        "MUL", [value.tensor, factors], f"{node.name}/scaled", value.shape, value.order, schema.MulOptionsT()
    )
    inputs = [scaled.tensor, shifts]
    return graph.operator("ADD", inputs, node.name, value.shape, value.order, schema.AddOptionsT())


def fully_connected(graph: GraphBuilder, node: Node) -> Value:
    """FULLY_CONNECTED of a Gemm, or of a MatMul with constant weights."""
    node.refuse({"transA": 0})
    value = node.value()
    rows = graph.in_order(value, natural(len(value.shape)))
    weights = node.needed_constant(1).astype(np.float64) * node.setting("alpha", 1.0)
    weights = weights if node.setting("transB", 0) else weights.T
    if len(value.shape) != 2 or weights.ndim != 2:
        raise ModelError(f"it multiplies {value.shape} with weights {weights.shape}; expected two axes each")
    bias = node.constant(2)
    shifts = np.zeros(len(weights)) if bias is None else bias.ravel() * node.setting("beta", 1.0)
    inputs = [
        rows.tensor,
        graph.constant(f"{node.name}/weights", weights),
        graph.constant(f"{node.name}/bias", np.broadcast_to(shifts, (len(weights),))),
    ]
    shape = (value.shape[0], len(weights))
    options = schema.FullyConnectedOptionsT()
    return graph.operator("FULLY_CONNECTED", inputs, node.name, shape, natural(2), options)


def _common_shape(node: Node) -> tuple[int, ...]:
    shapes = [each.shape for each in node.inputs if each is not None]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ModelError(
            f"shapes {' and '.join(map(str, shapes))} do not fit each other; if one is a constant made for the size of "
            "the file, export the network at the size you want, without --input-size"
        ) from None


def _limit(node: Node, name: str, place: int) -> float | None:
    """An attribute before opset 11, an input since; None: no limit."""
    constant = node.constant(place)
    found = node.setting(name, None) if constant is None or constant.size == 0 else constant
    return None if found is None or abs(float(found)) >= np.finfo(np.float32).max else float(found)


def _limited(graph: GraphBuilder, kind: str, value: Value, limit: float, name: str) -> Value:
    return _with_constant(graph, kind, value, limit, name, schema.MaximumMinimumOptionsT())


def _with_constant(graph: GraphBuilder, kind: str, value: Value, number: float, name: str, options: Any) -> Value:
    inputs = [value.tensor, graph.as_tensor(np.asarray([number], np.float32), value, name)]
    return graph.operator(kind, inputs, name, value.shape, value.order, options)
