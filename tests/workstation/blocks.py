"""Small .tflite graphs with the operators of larger detectors: an inverted residual block, and those of YOLOX."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import CELLS, FLOAT, SIDE, add_constant, add_operator, convolve, empty_graph

RELU6 = schema.ActivationFunctionType.RELU6
HIDDEN = 24


def block_detector(*, seed: int = 3) -> TFLiteGraph:
    """A tiny SSD as `graphs.tiny_detector`, with an inverted residual block of 24 hidden channels in between."""
    random = np.random.default_rng(seed)
    graph = empty_graph()
    image = graph.add_tensor("image", (1, SIDE, SIDE, 3), FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    features = _convolve(graph, image, random.normal(0, 0.3, (8, 3, 3, 3)), "features", stride=2)
    hidden = _relu6(graph, _convolve(graph, features, random.normal(0, 0.5, (HIDDEN, 1, 1, 8)), "hidden"))
    filtered = depthwise(graph, hidden, random.normal(0, 0.4, (1, 3, 3, HIDDEN)), random.normal(0, 1, HIDDEN))
    projected = _convolve(graph, filtered, random.normal(0, 0.3, (8, 1, 1, HIDDEN)), "projected")
    joined = graph.add_tensor("joined", graph.shape(features), FLOAT)
    add_operator(graph, "ADD", [features, projected], [joined], schema.BuiltinOptions.AddOptions, schema.AddOptionsT())
    boxes = reshaped(graph, _convolve(graph, joined, random.normal(0, 0.2, (4, 1, 1, 8)), "boxes/raw"), 4, "boxes")
    logits = reshaped(graph, _convolve(graph, joined, random.normal(0, 1.0, (3, 1, 1, 8)), "logits/raw"), 3, "logits")
    scores = graph.add_tensor("probabilities", graph.shape(logits), FLOAT)
    add_operator(graph, "LOGISTIC", [logits], [scores])
    graph.set_outputs({"raw_boxes": boxes, "scores": scores})
    return graph


def yolox_like(*, seed: int = 4) -> TFLiteGraph:
    """Slices of the picture side by side, SiLU, a pool, a padded convolution, upsampling: boxes and probabilities."""
    random = np.random.default_rng(seed)
    graph = empty_graph()
    image = graph.add_tensor("image", (1, SIDE, SIDE, 3), FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    slices = [_every_second(graph, image, row, column) for row in (0, 1) for column in (0, 1)]
    focus = concatenated(graph, slices, "focus")
    stem = silu(graph, _convolve(graph, focus, random.normal(0, 0.3, (8, 3, 3, 12)), "stem"))
    small = silu(graph, _padded(graph, stem, random.normal(0, 0.3, (8, 3, 3, 8))))
    pooled = _pooled(graph, small)
    up = _upsampled(graph, concatenated(graph, [small, pooled], "pools"))
    joined = concatenated(graph, [stem, up], "levels")
    boxes = _rows(graph, _convolve(graph, joined, random.normal(0, 0.3, (4, 1, 1, 24)), "boxes/raw"), "boxes")
    scores = graph.add_tensor("probabilities", (1, SIDE // 2, SIDE // 2, 3), FLOAT)
    add_operator(
        graph, "LOGISTIC", [_convolve(graph, joined, random.normal(0, 0.5, (3, 1, 1, 24)), "logits")], [scores]
    )
    graph.set_outputs({"raw_boxes": boxes, "scores": _rows(graph, scores, "rows")})
    return graph


def depthwise(graph: TFLiteGraph, source: int, kernel: NDArray[Any], bias: NDArray[Any]) -> int:
    """Append a depthwise convolution (SAME padding); its output tensor."""
    output = graph.add_tensor("filtered", graph.shape(source), FLOAT)
    inputs = [source, add_constant(graph, "filtered/weights", kernel), add_constant(graph, "filtered/bias", bias)]
    options = schema.DepthwiseConv2DOptionsT(
        strideW=1, strideH=1, depthMultiplier=1, dilationWFactor=1, dilationHFactor=1
    )
    add_operator(graph, "DEPTHWISE_CONV_2D", inputs, [output], schema.BuiltinOptions.DepthwiseConv2DOptions, options)
    return output


def silu(graph: TFLiteGraph, source: int) -> int:
    """Append x * sigmoid(x); its output tensor."""
    name, shape = graph.name(source), graph.shape(source)
    gate, output = graph.add_tensor(f"{name}/gate", shape, FLOAT), graph.add_tensor(f"{name}/silu", shape, FLOAT)
    add_operator(graph, "LOGISTIC", [source], [gate])
    options = schema.BuiltinOptions.MulOptions, schema.MulOptionsT()
    add_operator(graph, "MUL", [source, gate], [output], *options)
    return output


def concatenated(graph: TFLiteGraph, sources: list[int], name: str) -> int:
    """Append a concatenation of channels; its output tensor."""
    shape = (*graph.shape(sources[0])[:3], sum(graph.shape(source)[3] for source in sources))
    output = graph.add_tensor(name, shape, FLOAT)
    options = schema.ConcatenationOptionsT(axis=3)
    add_operator(graph, "CONCATENATION", sources, [output], schema.BuiltinOptions.ConcatenationOptions, options)
    return output


def reshaped(graph: TFLiteGraph, source: int, columns: int, name: str) -> int:
    """Append a RESHAPE to (1, cells, columns); its output tensor."""
    shape = np.array([1, CELLS, columns], np.int32)
    output = graph.add_tensor(name, tuple(shape), FLOAT)
    inputs = [source, add_constant(graph, f"{name}/shape", shape)]
    options = schema.ReshapeOptionsT(newShape=shape)
    add_operator(graph, "RESHAPE", inputs, [output], schema.BuiltinOptions.ReshapeOptions, options)
    return output


def _convolve(graph: TFLiteGraph, source: int, kernel: NDArray[Any], name: str, *, stride: int = 1) -> int:
    bias = np.random.default_rng(len(name)).normal(0, 0.3, len(kernel))
    return convolve(graph, source, kernel, bias, stride=stride, name=name)


def _relu6(graph: TFLiteGraph, output: int) -> int:
    graph.producer(output).builtinOptions.fusedActivationFunction = RELU6
    return output


def _every_second(graph: TFLiteGraph, image: int, row: int, column: int) -> int:
    output = graph.add_tensor(f"slice{row}{column}", (1, SIDE // 2, SIDE // 2, 3), FLOAT)
    places = ([0, row, column, 0], [1, SIDE, SIDE, 3], [1, 2, 2, 1])
    constants = [add_constant(graph, f"place{row}{column}{n}", np.array(p, np.int32)) for n, p in enumerate(places)]
    options = schema.StridedSliceOptionsT()
    inputs = [image, *constants]
    add_operator(graph, "STRIDED_SLICE", inputs, [output], schema.BuiltinOptions.StridedSliceOptions, options)
    return output


def _padded(graph: TFLiteGraph, source: int, kernel: NDArray[Any]) -> int:
    """A stride of 2 over a border of one pixel on all sides, as PyTorch pads."""
    _, height, width, channels = graph.shape(source)
    padded = graph.add_tensor("padded", (1, height + 2, width + 2, channels), FLOAT)
    widths = add_constant(graph, "padding", np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    add_operator(graph, "PAD", [source, widths], [padded], schema.BuiltinOptions.PadOptions, schema.PadOptionsT())
    output = _convolve(graph, padded, kernel, "small", stride=2)
    graph.producer(output).builtinOptions.padding = schema.Padding.VALID
    graph.tensors[output].shape = np.array([1, height // 2, width // 2, len(kernel)], np.int32)
    return output


def _pooled(graph: TFLiteGraph, source: int) -> int:
    output = graph.add_tensor("pooled", graph.shape(source), FLOAT)
    options = schema.Pool2DOptionsT(strideW=1, strideH=1, filterWidth=3, filterHeight=3)
    add_operator(graph, "MAX_POOL_2D", [source], [output], schema.BuiltinOptions.Pool2DOptions, options)
    return output


def _upsampled(graph: TFLiteGraph, source: int) -> int:
    _, height, width, channels = graph.shape(source)
    output = graph.add_tensor("up", (1, height * 2, width * 2, channels), FLOAT)
    size = add_constant(graph, "size", np.array([height * 2, width * 2], np.int32))
    options = schema.ResizeNearestNeighborOptionsT()
    kind = schema.BuiltinOptions.ResizeNearestNeighborOptions
    add_operator(graph, "RESIZE_NEAREST_NEIGHBOR", [source, size], [output], kind, options)
    return output


def _rows(graph: TFLiteGraph, source: int, name: str) -> int:
    """(1, h, w, c) with columns before rows, as (1, cells, c)."""
    _, height, width, channels = graph.shape(source)
    turned = graph.add_tensor(f"{name}/turned", (1, width, height, channels), FLOAT)
    order = add_constant(graph, f"{name}/order", np.array([0, 2, 1, 3], np.int32))
    options = schema.BuiltinOptions.TransposeOptions, schema.TransposeOptionsT()
    add_operator(graph, "TRANSPOSE", [source, order], [turned], *options)
    return reshaped(graph, turned, channels, f"{name}/rows")
