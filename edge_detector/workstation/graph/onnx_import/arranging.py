"""Operators that move values about without changing them, and those that make a picture larger."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.onnx_import.builder import GraphBuilder, Node
from edge_detector.workstation.graph.onnx_import.layout import CHANNELS_LAST, Shape, Value, natural, transposed

Places = NDArray[Any]

# Resize: where pixel x of the result is among the pixels of the source, n of which become m.
COORDINATES: dict[str, Callable[[Places, int, int], Places]] = {
    "asymmetric": lambda x, n, m: x * n / m,
    "half_pixel": lambda x, n, m: (x + 0.5) * n / m - 0.5,
    "pytorch_half_pixel": lambda x, n, m: (x + 0.5) * n / m - 0.5 if m > 1 else x * 0,
    "align_corners": lambda x, n, m: x * (n - 1) / max(m - 1, 1),
}
ROUNDINGS: dict[str, Callable[[Places], Places]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
}


def same(_: GraphBuilder, node: Node) -> Value:
    """What does nothing once a network is trained."""
    return node.value()


def transpose(_: GraphBuilder, node: Node) -> Value:
    """No operator: only what the axes mean changes."""
    value = node.value()
    permutation = tuple(node.setting("perm", natural(len(value.shape))[::-1]))
    shape = tuple(value.shape[axis] for axis in permutation)
    return Value(value.tensor, shape, transposed(value.order, permutation))


def reshape(graph: GraphBuilder, node: Node) -> Value:
    """RESHAPE."""
    value, target = node.value(), [int(each) for each in node.needed_constant(1)]
    return graph.reshape(value, node.name, _target(graph, value.shape, target))


def flatten(graph: GraphBuilder, node: Node) -> Value:
    """RESHAPE to two axes."""
    value = node.value()
    axis = node.setting("axis", 1)
    return graph.reshape(value, node.name, (math.prod(value.shape[:axis]), math.prod(value.shape[axis:])))


def squeeze(graph: GraphBuilder, node: Node) -> Value:
    """RESHAPE without the axes given, which have size 1; without all of size 1 if none are given."""
    value, axes = node.value(), node.numbers("axes", 1)
    rank = len(value.shape)
    gone = {axis % rank for axis in axes} if axes else {axis for axis in range(rank) if value.shape[axis] == 1}
    return graph.reshape(value, node.name, tuple(size for axis, size in enumerate(value.shape) if axis not in gone))


def unsqueeze(graph: GraphBuilder, node: Node) -> Value:
    """RESHAPE with more axes of size 1."""
    value, axes = node.value(), node.numbers("axes", 1) or []
    rank = len(value.shape) + len(axes)
    sizes = iter(value.shape)
    new = {axis % rank for axis in axes}
    return graph.reshape(value, node.name, tuple(1 if axis in new else next(sizes) for axis in range(rank)))


def concatenate(graph: GraphBuilder, node: Node) -> Value:
    """CONCATENATION."""
    first = next(operand for operand in node.inputs if isinstance(operand, Value))
    operands = [operand for operand in node.inputs if operand is not None]
    tensors = [graph.as_tensor(operand, first, f"{node.name}/{number}") for number, operand in enumerate(operands)]
    axis = node.setting("axis", 1) % len(first.shape)
    shape = tuple(
        sum(each.shape[axis] for each in operands) if place == axis else size for place, size in enumerate(first.shape)
    )
    options = schema.ConcatenationOptionsT(axis=first.stored_axis(axis))
    return graph.operator("CONCATENATION", tensors, node.name, shape, first.order, options)


def resize(graph: GraphBuilder, node: Node) -> Value:
    """RESIZE_NEAREST_NEIGHBOR or RESIZE_BILINEAR, where TFLite has the same rule as ONNX."""
    node.refuse({"antialias": 0, "axes": None, "keep_aspect_ratio_policy": "stretch"})
    picture = graph.in_order(node.value(), CHANNELS_LAST)
    size = _new_size(graph, node, picture.shape)
    shape = (*picture.shape[:2], *size)
    mode = node.setting("mode", "nearest")
    kinds = {"nearest": "RESIZE_NEAREST_NEIGHBOR", "linear": "RESIZE_BILINEAR"}
    if mode not in kinds:
        raise ModelError(f"mode is {mode}; known: {', '.join(kinds)}")
    options = _nearest(node, picture.shape, shape) if mode == "nearest" else _linear(node)
    inputs = [picture.tensor, graph.constant(f"{node.name}/size", np.asarray(size))]
    return graph.operator(kinds[mode], inputs, node.name, shape, CHANNELS_LAST, options)


def _target(graph: GraphBuilder, shape: Shape, target: list[int]) -> Shape:
    """The shape that a Reshape asks for: 0 keeps a size, -1 takes what is left.

    Where the input has another size than the file says, the largest number counts places, and follows.
    """
    sizes = [shape[place] if size == 0 else size for place, size in enumerate(target)]
    if -1 not in sizes and graph.zoomed and math.prod(sizes) != math.prod(shape):
        sizes[sizes.index(max(sizes))] = -1
    count, known = math.prod(shape), math.prod(size for size in sizes if size != -1)
    complete = tuple(count // known if size == -1 else size for size in sizes)
    if math.prod(complete) != count:
        raise ModelError(f"it makes {tuple(target)} of {shape}, which has another number of elements")
    return complete


def _new_size(graph: GraphBuilder, node: Node, shape: Shape) -> tuple[int, int]:
    """(height, width): what the factors make, or what the file says for an input of its own size."""
    scales, sizes = _factors(node), node.constant(3) if node.kind == "Resize" else None
    if sizes is not None and sizes.size:
        height, width = (int(size * zoom) for size, zoom in zip(sizes[-2:].tolist(), graph.zoom, strict=True))
        return height, width
    if scales is None or len(scales) != len(shape):
        raise ModelError("it has neither factors nor sizes for each axis")
    height, width = (math.floor(size * float(factor)) for size, factor in zip(shape[2:], scales[2:], strict=True))
    return height, width


def _factors(node: Node) -> NDArray[np.float32] | None:
    """Of each axis: an attribute or the second input of an Upsample, the third input of a Resize since opset 11."""
    if "scales" in node.attributes:
        return np.asarray(node.attributes["scales"], np.float32)
    return node.constant(2 if node.kind == "Resize" and len(node.inputs) > 2 else 1)


def _nearest(node: Node, shape: Shape, new_shape: Shape) -> schema.ResizeNearestNeighborOptionsT:
    """TFLite takes the pixel at floor(x * old / new). ONNX's rules that give the same pixels are as good."""
    coordinates = COORDINATES[_coordinates(node)]
    rounding = ROUNDINGS[node.setting("nearest_mode", "round_prefer_floor") if _has_rules(node) else "floor"]
    for old, new in zip(shape[2:], new_shape[2:], strict=True):
        places = np.arange(new)
        if not np.array_equal(np.clip(rounding(coordinates(places, old, new)), 0, old - 1), places * old // new):
            raise ModelError(
                f"from {old} to {new} pixels, {_coordinates(node)} with its rounding takes others than TFLite; "
                "export it as asymmetric with floor"
            )
    return schema.ResizeNearestNeighborOptionsT()


def _linear(node: Node) -> schema.ResizeBilinearOptionsT:
    rule = _coordinates(node)
    return schema.ResizeBilinearOptionsT(alignCorners=rule == "align_corners", halfPixelCenters="half_pixel" in rule)


def _coordinates(node: Node) -> str:
    rule: str = node.setting("coordinate_transformation_mode", "half_pixel") if _has_rules(node) else "asymmetric"
    if rule not in COORDINATES:
        raise ModelError(f"coordinate_transformation_mode is {rule}; known: {', '.join(COORDINATES)}")
    return rule


def _has_rules(node: Node) -> bool:
    """Whether its opset lets it say how coordinates are found; before opset 11 there was one rule."""
    return node.kind == "Resize" and len(node.inputs) > 2
