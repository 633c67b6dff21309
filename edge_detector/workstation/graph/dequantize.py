"""Compressed weights back to float32, which every later step needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors


def to_float(graph: TFLiteGraph, *, name: str) -> int:
    """Make every weight of a float16, dynamic-range or weight-only model float32; gives how many were not.

    Raises `ModelError` if activations are quantized as well: the precision that they lost cannot be restored.
    """
    _require_float_activations(graph, name)
    compressed = [index for index in range(len(graph.tensors)) if is_compressed(graph, index)]
    for index in compressed:
        graph.set_constant(index, dequantized(graph, index))
        graph.tensors[index].quantization = None
    _drop_dequantize_operators(graph)
    return len(compressed)


def is_compressed(graph: TFLiteGraph, index: int) -> bool:
    """Whether the tensor is a constant that stands for floats: float16, or integers with a scale."""
    if graph.constant(index) is None:
        return False
    return graph.dtype(index) == np.float16 or graph.quantization(index) is not None


def dequantized(graph: TFLiteGraph, index: int) -> NDArray[np.float32]:
    """The constant as float32: (q - zero_point) * scale, per channel where it has several scales."""
    value = graph.constant(index)
    if value is None:
        raise ModelError(f"tensor '{graph.name(index)}' is not a constant")
    quantization = graph.quantization(index)
    if quantization is None:
        return value.astype(np.float32)
    axis = graph.tensors[index].quantization.quantizedDimension
    scales, zero_points = (_along(axis, value.ndim, each) for each in quantization)
    real: NDArray[np.float32] = ((value.astype(np.float64) - zero_points) * scales).astype(np.float32)
    return real


def _along(axis: int, ndim: int, values: NDArray[Any]) -> NDArray[Any]:
    if len(values) == 1:
        return values
    shape = [1] * ndim
    shape[axis] = -1
    return values.reshape(shape)


def _require_float_activations(graph: TFLiteGraph, name: str) -> None:
    for operator in graph.operators:
        for index in op_tensors(operator.outputs):
            if graph.quantization(index) is not None:
                raise ModelError(
                    f"{name}: already quantized (its tensor '{graph.name(index)}' is {graph.dtype(index)});"
                    " convert from the float or dynamic-range model it was made from"
                )


def _drop_dequantize_operators(graph: TFLiteGraph) -> None:
    """Remove every DEQUANTIZE whose input is float32 now; its readers read that input instead."""
    kept: list[Any] = []
    replaced: dict[int, int] = {}
    for operator in graph.operators:
        operator.inputs = np.asarray([replaced.get(int(i), int(i)) for i in operator.inputs], np.int32)
        source = int(operator.inputs[0]) if len(operator.inputs) else None
        if graph.op_name(operator) == "DEQUANTIZE" and source is not None and graph.dtype(source) == np.float32:
            replaced[int(operator.outputs[0])] = source
        else:
            kept.append(operator)
    graph.subgraph.operators = kept
