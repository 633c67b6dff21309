"""The shapes that the activations of a graph have if its input has another one.

What has a constant with a length of the picture in it (a RESHAPE, an upsampling, the end of a slice) gets a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.graph.shape_rules import HEIGHT, WIDTH, Change, Shape, shape_after
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors


def shapes_after(graph: TFLiteGraph, input_shape: Shape) -> dict[int, Shape]:
    """The shape of every activation, by tensor, if the input had ``input_shape``. The graph is not changed.

    Raises `ModelError` that names the operator which does not allow it.
    """
    shapes: dict[int, Shape] = {graph.inputs[0]: input_shape}
    for operator in graph.operators:
        inputs = op_tensors(operator.inputs)
        before = tuple(graph.shape(index) for index in inputs)
        after = tuple(shapes.get(index, graph.shape(index)) for index in inputs)
        change = Change(graph, operator, before, after)
        for output in op_tensors(operator.outputs):
            shapes[output] = graph.shape(output) if before == after else shape_after(change)
    return shapes


def set_shapes(graph: TFLiteGraph, shapes: Mapping[int, Shape]) -> None:
    """Give activations these shapes, and the operators that make them the constants that belong to it."""
    for operator in graph.operators:
        name, output = graph.op_name(operator), int(operator.outputs[0])
        if name in CONSTANTS and shapes.get(output, graph.shape(output)) != graph.shape(output):
            place, value_of = CONSTANTS[name]
            _set_constant(graph, operator, place, value_of(graph, operator, shapes))
    for index, shape in shapes.items():
        tensor = graph.tensors[index]
        tensor.shape = np.asarray(shape, np.int32)
        tensor.shapeSignature = None  # it would still tell the old lengths


def _set_constant(graph: TFLiteGraph, operator: Any, place: int, value: NDArray[np.int32]) -> None:
    """A new constant of this operator alone: others that read the old one may need another."""
    if graph.op_name(operator) == "RESHAPE" and operator.builtinOptions is not None:
        operator.builtinOptions.newShape = value
    if place >= len(operator.inputs):  # a RESHAPE whose shape is in its options
        return
    old = int(operator.inputs[place])
    if np.array_equal(np.asarray(graph.constant(old)), value):
        return
    graph.give_constant(operator, place, value)


# ---- the constants that follow ---------------------------------------------------------------------------------------


def _new_shape(graph: TFLiteGraph, operator: Any, shapes: Mapping[int, Shape]) -> NDArray[np.int32]:
    """With the -1 that the old one may have."""
    old = graph.constant(int(operator.inputs[1])) if len(operator.inputs) > 1 else operator.builtinOptions.newShape
    new = np.asarray(shapes[int(operator.outputs[0])], np.int32)
    return new if old is None or len(old) != len(new) else np.where(np.asarray(old) == -1, -1, new).astype(np.int32)


def _new_sides(_graph: TFLiteGraph, operator: Any, shapes: Mapping[int, Shape]) -> NDArray[np.int32]:
    return np.asarray(shapes[int(operator.outputs[0])][HEIGHT : WIDTH + 1], np.int32)


def _new_end(graph: TFLiteGraph, operator: Any, shapes: Mapping[int, Shape]) -> NDArray[np.int32]:
    """The old end, which moves where it was the end of the input."""
    source, end = int(operator.inputs[0]), graph.constant(int(operator.inputs[2]))
    return np.where(np.asarray(end) == graph.shape(source), shapes[source], np.asarray(end)).astype(np.int32)


# operator -> place of the input that holds lengths, and what they become
CONSTANTS: dict[str, tuple[int, Callable[[TFLiteGraph, Any, Mapping[int, Shape]], NDArray[np.int32]]]] = {
    "RESHAPE": (1, _new_shape),
    "RESIZE_BILINEAR": (1, _new_sides),
    "RESIZE_NEAREST_NEIGHBOR": (1, _new_sides),
    "STRIDED_SLICE": (2, _new_end),
}
