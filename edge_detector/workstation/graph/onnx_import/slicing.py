"""Operators that take part of a tensor, or put something round it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.onnx_import.builder import GraphBuilder, Node
from edge_detector.workstation.graph.onnx_import.layout import CHANNELS_LAST, Shape, Value, stored

LIMITS = ("starts", "ends", "axes", "steps")


class Pads(NamedTuple):
    """Rows and columns added before and after a picture."""

    top: int
    left: int
    bottom: int
    right: int


NO_PADS = Pads(0, 0, 0, 0)


def slice_axes(graph: GraphBuilder, node: Node) -> Value:
    """STRIDED_SLICE; the limits are attributes before opset 10, inputs since."""
    value = node.value()
    begins, ends, axes, steps = (node.numbers(name, place) for place, name in enumerate(LIMITS, 1))
    if begins is None or ends is None:
        raise ModelError("it has no starts or no ends")
    chosen = [slice(0, size, 1) for size in value.shape]
    for axis, begin, end, step in zip(
        axes or range(len(begins)), begins, ends, steps or [1] * len(begins), strict=True
    ):
        if step < 1:
            raise ModelError(f"a step of {step}; only steps forward are known here")
        chosen[axis] = slice(*slice(begin, end, step).indices(value.shape[axis]))
    shape = tuple(len(range(each.start, each.stop, each.step)) for each in chosen)
    return strided_slice(graph, value, chosen, node.name, shape)


def split(graph: GraphBuilder, node: Node) -> tuple[Value, ...]:
    """A STRIDED_SLICE for each part; equal parts unless the sizes are given."""
    value = node.value()
    axis = node.setting("axis", 0) % len(value.shape)
    length, count = value.shape[axis], node.setting("num_outputs", node.output_count)
    sizes = node.numbers("split", 1) or [
        min(-(-length // count), length - i * -(-length // count)) for i in range(count)
    ]
    ends = np.cumsum(sizes).tolist()
    return tuple(
        _part(graph, value, axis, slice(end - size, end, 1), f"{node.name}/{number}" if number else node.name)
        for number, (size, end) in enumerate(zip(sizes, ends, strict=True))
    )


def pad_with_zeros(graph: GraphBuilder, node: Node) -> Value:
    """PAD of the rows and columns of a picture with zeros."""
    node.refuse({"mode": "constant"})
    value, counts = node.value(), node.numbers("pads", 1)
    filling = node.constant(2)
    rank = len(CHANNELS_LAST)
    if counts is None or len(counts) != 2 * rank or any(counts[:2]) or any(counts[rank : rank + 2]):
        raise ModelError(f"pads are {counts}; only rows and columns of a picture can be padded here")
    if filling is not None and filling.any():
        raise ModelError(f"it pads with {filling}; only zeros are known here")
    return pad(graph, graph.in_order(value, CHANNELS_LAST), Pads(*counts[2:rank], *counts[rank + 2 :]), node.name)


def _part(graph: GraphBuilder, value: Value, axis: int, part: slice, name: str) -> Value:
    chosen = [part if each == axis else slice(0, size, 1) for each, size in enumerate(value.shape)]
    shape = tuple(part.stop - part.start if each == axis else size for each, size in enumerate(value.shape))
    return strided_slice(graph, value, chosen, name, shape)


def strided_slice(graph: GraphBuilder, value: Value, chosen: list[slice], name: str, shape: Shape) -> Value:
    """STRIDED_SLICE of the slices, one for each of ONNX's axes, without negative numbers."""
    corners = {
        "begin": [each.start for each in chosen],
        "end": [each.stop for each in chosen],
        "strides": [each.step for each in chosen],
    }
    constants = [
        graph.constant(f"{name}/{key}", np.asarray(stored(tuple(each), value.order))) for key, each in corners.items()
    ]
    inputs = [value.tensor, *constants]
    return graph.operator("STRIDED_SLICE", inputs, name, shape, value.order, schema.StridedSliceOptionsT())


def pad(graph: GraphBuilder, picture: Value, pads: Pads, name: str) -> Value:
    """PAD of a picture in TFLite's order with zeros."""
    table = np.asarray([(0, 0), (pads.top, pads.bottom), (pads.left, pads.right), (0, 0)])
    batch, channels, height, width = picture.shape
    shape = (batch, channels, height + pads.top + pads.bottom, width + pads.left + pads.right)
    inputs = [picture.tensor, graph.constant(f"{name}/pads", table)]
    return graph.operator("PAD", inputs, name, shape, CHANNELS_LAST, schema.PadOptionsT())
