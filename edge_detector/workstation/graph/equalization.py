"""Channels of a SiLU that use the steps of int8 alike.

One int8 scale must serve all channels of an activation, but the channels of a first layer differ a hundredfold in size.
A convolution can make all of them equally large; SiLU, which is no straight line, then needs the numbers as they were
for its sigmoid:

    before:  x -> x * sigmoid(x)             after:  cx -> cx * sigmoid(cx / c)

The division is a depthwise convolution of one pixel, whose weights have a scale for each channel. The convolutions that
read the result divide by c in their weights, so the float graph computes the same as before. (Nagel et al., "Data-Free
Quantization Through Weight Equalization and Bias Correction", 2019, does this for ReLU, where no division is needed.)
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.workstation.graph.repairs import CHANNEL_AXIS, tidy
from edge_detector.workstation.graph.silu import Silu, silus
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

INPUT_AXIS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3}  # of the weights; depthwise: if each channel has one filter
STRENGTH = 0.7  # 1 makes all channels equal; less spares the weights, which have a scale for each filter only
LARGEST_RATIO = 256.0  # between channels: a channel that is hardly ever used stays small
FLOAT = np.dtype(np.float32)
Sizes = Mapping[str, NDArray[np.float64]]  # activation -> (C,) how large each channel gets


def equalizable(graph: TFLiteGraph, floats: Collection[str] = ()) -> list[Silu]:
    """The SiLUs that come from a convolution and are read by convolutions only, in the order of computation.

    Not those of which an operator stays float, named by its output in `floats`: no scale has to fit their channels.
    """
    plain = (silu for silu in silus(graph) if silu.divided is None and not _output_names(graph, silu) & set(floats))
    return [silu for silu in plain if _maker(graph, silu) is not None and _readers(graph, silu.output)]


def _output_names(graph: TFLiteGraph, silu: Silu) -> set[str]:
    """The names of the outputs of its two operators."""
    return {graph.name(int(operator.outputs[0])) for operator in (silu.logistic, silu.product)}


def equalize(graph: TFLiteGraph, found: list[Silu], sizes: Sizes) -> None:
    """Make the channels of these SiLUs more alike; `sizes` has each of their sources."""
    for silu in found:
        factors = channel_factors(sizes[graph.name(silu.source)])
        _scale_outputs(graph, _maker(graph, silu), factors)
        for reader in _readers(graph, silu.output):
            graph.give_constant(reader, 1, (_constant(graph, reader, 1) / factors).astype(np.float32))
        _divide(graph, silu, factors)
    tidy(graph)


def channel_factors(sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C,) what to multiply each channel with; 1 for the largest."""
    largest = max(float(sizes.max()), 1e-9)
    factors: NDArray[np.float64] = (largest / np.maximum(sizes, largest / LARGEST_RATIO)) ** STRENGTH
    return factors


def _maker(graph: TFLiteGraph, silu: Silu) -> Any | None:
    """The convolution that makes what becomes the SiLU."""
    maker = graph.producer(silu.source)
    if maker is None or graph.op_name(maker) not in INPUT_AXIS or len(op_tensors(maker.inputs)) < 3:
        return None
    plain = maker.builtinOptions.fusedActivationFunction == schema.ActivationFunctionType.NONE
    return maker if plain else None


def _readers(graph: TFLiteGraph, index: int) -> list[Any]:
    """The convolutions that read the tensor, padded or not; none if anything else reads it, or it is an output."""
    found: list[Any] = []
    for operator in graph.consumers(index):
        padded = graph.op_name(operator) == "PAD"
        more = _readers(graph, int(operator.outputs[0])) if padded else _convolution(graph, operator, index)
        if not more:
            return []
        found += more
    return [] if index in graph.outputs else found


def _convolution(graph: TFLiteGraph, operator: Any, index: int) -> list[Any]:
    if graph.op_name(operator) not in INPUT_AXIS or int(operator.inputs[0]) != index:
        return []
    weights = graph.constant(int(operator.inputs[1]))
    return [operator] if weights is not None and weights.shape[3] == graph.shape(index)[3] else []


def _scale_outputs(graph: TFLiteGraph, maker: Any, factors: NDArray[np.float64]) -> None:
    weights, axis = _constant(graph, maker, 1), CHANNEL_AXIS[graph.op_name(maker)]
    along = factors.reshape([-1 if place == axis else 1 for place in range(weights.ndim)])
    graph.give_constant(maker, 1, (weights * along).astype(np.float32))
    graph.give_constant(maker, 2, (_constant(graph, maker, 2) * factors).astype(np.float32))


def _divide(graph: TFLiteGraph, silu: Silu, factors: NDArray[np.float64]) -> None:
    """Let the sigmoid read its numbers without the factors."""
    name = graph.name(silu.source)
    weights = graph.add_constant(f"{name}/factors", (1 / factors).reshape(1, 1, 1, -1).astype(np.float32))
    bias = graph.add_constant(f"{name}/no_bias", np.zeros(len(factors)).astype(np.float32))
    divided = graph.add_tensor(f"{name}/divided", graph.shape(silu.source), FLOAT)
    division = schema.OperatorT(
        opcodeIndex=graph.add_op_code("DEPTHWISE_CONV_2D", 1),
        inputs=np.asarray([silu.source, weights, bias], np.int32),
        outputs=np.asarray([divided], np.int32),
        builtinOptionsType=schema.BuiltinOptions.DepthwiseConv2DOptions,
        builtinOptions=schema.DepthwiseConv2DOptionsT(
            padding=schema.Padding.VALID,
            strideH=1,
            strideW=1,
            dilationHFactor=1,
            dilationWFactor=1,
            depthMultiplier=1,
        ),
    )
    graph.operators.insert(graph.operators.index(silu.logistic), division)
    silu.logistic.inputs = np.asarray([divided], np.int32)


def _constant(graph: TFLiteGraph, operator: Any, place: int) -> NDArray[Any]:
    value = graph.constant(int(operator.inputs[place]))
    assert value is not None
    return value
