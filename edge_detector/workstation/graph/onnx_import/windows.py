"""Operators that move a window over a picture: convolutions and pooling, with ONNX's padding exactly."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.onnx_import.builder import GraphBuilder, Node
from edge_detector.workstation.graph.onnx_import.layout import CHANNELS_LAST, Value
from edge_detector.workstation.graph.onnx_import.slicing import NO_PADS, Pads, pad, strided_slice

PICTURE_RANK = 4
OIHW_TO_OHWI = (0, 2, 3, 1)
OIHW_TO_IHWO = (1, 2, 3, 0)  # depthwise: one input channel for each filter


class Window(NamedTuple):
    """A window, and how it moves; each pair is rows, columns."""

    size: tuple[int, int]
    strides: tuple[int, int]
    dilations: tuple[int, int]

    @property
    def extent(self) -> tuple[int, int]:
        """The rows and columns that it covers, with the gaps of a dilation."""
        height, width = ((each - 1) * gap + 1 for each, gap in zip(self.size, self.dilations, strict=True))
        return height, width

    def moved_over(self, size: tuple[int, int], pads: Pads) -> tuple[int, int]:
        """How many places it takes in a picture of this size."""
        height, width = size[0] + pads.top + pads.bottom, size[1] + pads.left + pads.right
        rows, columns = (
            (length - extent) // stride + 1
            for length, extent, stride in zip((height, width), self.extent, self.strides, strict=True)
        )
        return rows, columns

    def same_pads(self, size: tuple[int, int]) -> Pads:
        """What TFLite adds with SAME: the odd row or column comes after the picture (kernels/padding.h)."""
        total = [
            max(((length + stride - 1) // stride - 1) * stride + extent - length, 0)
            for length, extent, stride in zip(size, self.extent, self.strides, strict=True)
        ]
        top, left = (each // 2 for each in total)
        return Pads(top, left, total[0] - top, total[1] - left)


def convolution(graph: GraphBuilder, node: Node) -> Value:
    """CONV_2D, or DEPTHWISE_CONV_2D where each channel has filters of its own."""
    weights = node.needed_constant(1)
    picture = _picture(graph, node)
    channels, groups = picture.shape[1], node.setting("group", 1)
    depthwise = groups == channels and groups > 1
    if groups != 1 and not depthwise:
        raise ModelError(
            f"a group convolution ({groups} groups of {channels // groups} channels), which TFLite does not have; "
            "train the network with ordinary or depthwise convolutions in its place"
        )
    window = _window(node, weights.shape[2:])
    pads = _pads(node, picture, window)
    padded, padding = _padded(graph, picture, window, pads, node.name)
    kernel = weights.transpose(OIHW_TO_IHWO if depthwise else OIHW_TO_OHWI)
    bias = node.constant(2)
    inputs = [
        padded.tensor,
        graph.constant(f"{node.name}/weights", kernel),
        graph.constant(f"{node.name}/bias", np.zeros(len(weights), np.float32) if bias is None else bias),
    ]
    options = _depthwise_options(window, padding, len(weights) // channels) if depthwise else _options(window, padding)
    shape = (picture.shape[0], len(weights), *window.moved_over(_size(picture), pads))
    kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
    return graph.operator(kind, inputs, node.name, shape, CHANNELS_LAST, options)


def max_pool(graph: GraphBuilder, node: Node) -> Value:
    """MAX_POOL_2D. Padding must not add values, so what SAME does not give comes from a pool that moves by one."""
    node.refuse({"storage_order": 0, "ceil_mode": 0, "dilations": [1, 1]})
    picture = _picture(graph, node)
    window = _window(node, node.attributes["kernel_shape"])
    pads = _pads(node, picture, window)
    if pads in (NO_PADS, window.same_pads(_size(picture))):
        return _pool(graph, "MAX_POOL_2D", picture, window, pads, node.name)
    dense = window._replace(strides=(1, 1))
    if pads != dense.same_pads(_size(picture)):
        raise ModelError(f"pads are {list(pads)}; only what keeps the size (half of the kernel) is known here")
    every = _pool(graph, "MAX_POOL_2D", picture, dense, pads, f"{node.name}/dense")
    return _every(graph, every, window.strides, node.name)


def average_pool(graph: GraphBuilder, node: Node) -> Value:
    """AVERAGE_POOL_2D; at the edge it takes the mean of what is inside the picture."""
    node.refuse({"ceil_mode": 0, "dilations": [1, 1]})
    picture = _picture(graph, node)
    window = _window(node, node.attributes["kernel_shape"])
    pads = _pads(node, picture, window)
    counted = pads != NO_PADS and node.setting("count_include_pad", 0)
    if counted or pads not in (NO_PADS, window.same_pads(_size(picture))):
        raise ModelError(
            f"pads are {list(pads)}; only those that TFLite's SAME adds, and does not count, are known here"
        )
    return _pool(graph, "AVERAGE_POOL_2D", picture, window, pads, node.name)


def global_average_pool(graph: GraphBuilder, node: Node) -> Value:
    """MEAN over rows and columns."""
    picture = _picture(graph, node)
    axes = graph.constant(f"{node.name}/axes", np.asarray([1, 2]))
    shape = (*picture.shape[:2], 1, 1)
    options = schema.ReducerOptionsT(keepDims=True)
    return graph.operator("MEAN", [picture.tensor, axes], node.name, shape, CHANNELS_LAST, options)


def _picture(graph: GraphBuilder, node: Node) -> Value:
    value = node.value()
    if len(value.shape) != PICTURE_RANK:
        raise ModelError(f"its input is {value.shape}; expected a picture (batch, channels, height, width)")
    return graph.in_order(value, CHANNELS_LAST)


def _size(picture: Value) -> tuple[int, int]:
    _, _, height, width = picture.shape
    return height, width


def _window(node: Node, size: Any) -> Window:
    height, width = size
    strides, dilations = (tuple(node.setting(name, (1, 1))) for name in ("strides", "dilations"))
    return Window((height, width), strides, dilations)


def _pads(node: Node, picture: Value, window: Window) -> Pads:
    kind = node.setting("auto_pad", "NOTSET")
    if kind in ("NOTSET", "VALID"):
        return Pads(*node.setting("pads", NO_PADS)) if kind == "NOTSET" else NO_PADS
    same = window.same_pads(_size(picture))
    return same if kind == "SAME_UPPER" else Pads(same.bottom, same.right, same.top, same.left)


def _padded(graph: GraphBuilder, picture: Value, window: Window, pads: Pads, name: str) -> tuple[Value, int]:
    """The picture, padded with zeros unless the operator itself can do that, and the operator's padding."""
    if pads == NO_PADS:
        return picture, schema.Padding.VALID
    if pads == window.same_pads(_size(picture)):
        return picture, schema.Padding.SAME
    return pad(graph, picture, pads, f"{name}/padded"), schema.Padding.VALID


def _pool(graph: GraphBuilder, kind: str, picture: Value, window: Window, pads: Pads, name: str) -> Value:
    options = schema.Pool2DOptionsT(
        padding=schema.Padding.VALID if pads == NO_PADS else schema.Padding.SAME,
        strideH=window.strides[0],
        strideW=window.strides[1],
        filterHeight=window.size[0],
        filterWidth=window.size[1],
    )
    shape = (*picture.shape[:2], *window.moved_over(_size(picture), pads))
    return graph.operator(kind, [picture.tensor], name, shape, CHANNELS_LAST, options)


def _every(graph: GraphBuilder, picture: Value, strides: tuple[int, int], name: str) -> Value:
    """The rows and columns that a stride leaves."""
    steps = (1, 1, *strides)
    chosen = [slice(0, size, step) for size, step in zip(picture.shape, steps, strict=True)]
    shape = tuple(-(-size // step) for size, step in zip(picture.shape, steps, strict=True))
    return strided_slice(graph, picture, chosen, name, shape)


def _options(window: Window, padding: int) -> Any:
    return schema.Conv2DOptionsT(**_settings(window, padding))


def _depthwise_options(window: Window, padding: int, multiplier: int) -> Any:
    return schema.DepthwiseConv2DOptionsT(**_settings(window, padding), depthMultiplier=multiplier)


def _settings(window: Window, padding: int) -> dict[str, int]:
    """What both kinds of convolution have."""
    (down, right), (down_within, right_within) = window.strides, window.dilations
    return {
        "padding": padding,
        "strideH": down,
        "strideW": right,
        "dilationHFactor": down_within,
        "dilationWFactor": right_within,
    }
