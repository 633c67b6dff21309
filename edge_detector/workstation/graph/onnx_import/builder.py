"""A TFLite graph that grows operator by operator, and the node of an ONNX graph that an operator is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.onnx_import.layout import Order, Shape, Value, natural, reshaped, stored, usual
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

FLOAT = np.dtype(np.float32)
Operand = Value | NDArray[Any]  # a constant is an array in ONNX's order


@dataclass(frozen=True, slots=True)
class Node:
    """One operator of the ONNX graph, with what it reads."""

    kind: str
    name: str  # of its first output
    inputs: tuple[Operand | None, ...]  # None: an optional input that is not there
    attributes: Mapping[str, Any]
    output_count: int = 1

    def value(self, place: int = 0) -> Value:
        """An input that must be an activation. Raises `ModelError` if it is a constant."""
        operand = self.inputs[place]
        if not isinstance(operand, Value):
            raise ModelError(f"input {place} is a constant; expected what another operator makes")
        return operand

    def constant(self, place: int) -> NDArray[Any] | None:
        """An input that must be a constant; None if it is not there. Raises `ModelError` if it is computed."""
        operand = self.inputs[place] if place < len(self.inputs) else None
        if isinstance(operand, Value):
            raise ModelError(f"input {place} is computed while the network runs; expected a constant")
        return operand

    def needed_constant(self, place: int) -> NDArray[Any]:
        """An input that must be a constant. Raises `ModelError` if it is computed, or not there."""
        constant = self.constant(place)
        if constant is None:
            raise ModelError(f"input {place} is missing")
        return constant

    def setting(self, name: str, default: Any) -> Any:
        """The attribute, or its default."""
        return self.attributes.get(name, default)

    def numbers(self, name: str, place: int) -> list[int] | None:
        """What older operators have as an attribute and newer ones as a constant input; None if it is in neither."""
        if name in self.attributes:
            return [int(each) for each in self.attributes[name]]
        constant = self.constant(place)
        return None if constant is None or constant.size == 0 else [int(each) for each in constant.ravel()]

    def refuse(self, expected: Mapping[str, Any]) -> None:
        """Raises `ModelError` for an attribute with another value than expected."""
        for name, value in expected.items():
            found = self.setting(name, value)
            if found != value:
                raise ModelError(f"{name} is {found}; only {value} is known here")


class GraphBuilder:
    """Appends operators to a new `TFLiteGraph`."""

    def __init__(self, zoom: tuple[Fraction, Fraction] = (Fraction(1), Fraction(1))) -> None:
        """`zoom`: how much larger the height and the width of the input are than the file says."""
        self.zoom = zoom
        self.zoomed = any(each != 1 for each in zoom)
        self.graph = _empty_graph()

    def input(self, name: str, shape: Shape) -> Value:
        """The one input of the graph."""
        value = self._value(name, shape, usual(len(shape)))
        self.graph.subgraph.inputs = np.asarray([value.tensor], np.int32)
        return value

    def constant(self, name: str, value: NDArray[Any]) -> int:
        """A constant tensor; floats become float32."""
        value = value.astype(FLOAT) if np.issubdtype(value.dtype, np.floating) else value.astype(np.int32)
        index = self.graph.add_tensor(name, value.shape, value.dtype)
        self.graph.set_constant(index, value)
        return index

    def operator(
        self, kind: str, inputs: Sequence[int], name: str, shape: Shape, order: Order, options: Any = None
    ) -> Value:
        """Append an operator with one output, whose ONNX shape and order are given."""
        output = self._value(name, shape, order)
        self.graph.append_operator(kind, inputs, [output.tensor], options)
        return output

    def in_order(self, value: Value, order: Order) -> Value:
        """The value with its axes in this order; a transpose only where data must move."""
        if value.order == order:
            return value
        shape, name = stored(value.shape, order), f"{self.graph.name(value.tensor)}/ordered"
        if _same_in_memory(value, order):
            return self._stored_reshape(value, name, value.shape, order, shape)
        permutation = np.asarray([value.stored_axis(axis) for axis in order])
        inputs = [value.tensor, self.constant(f"{name}/permutation", permutation)]
        return self.operator("TRANSPOSE", inputs, name, value.shape, order, schema.TransposeOptionsT())

    def as_tensor(self, operand: Operand, like: Value, name: str) -> int:
        """The operand as a tensor that can be broadcast with `like`: with its rank, in its order."""
        rank = len(like.shape)
        if isinstance(operand, Value):
            return self.in_order(self._with_rank(operand, rank), like.order).tensor
        array = operand.reshape((1,) * (rank - operand.ndim) + operand.shape)
        return self.constant(f"{name}/constant", array.transpose(like.order))

    def reshape(self, value: Value, name: str, shape: Shape) -> Value:
        """The value in another shape; its data stays where it is if the order of the axes allows it."""
        order = reshaped(value.shape, value.order, shape)
        if order is None:
            value, order = self.in_order(value, natural(len(value.shape))), natural(len(shape))
        return self._stored_reshape(value, name, shape, order, stored(shape, order))

    def _with_rank(self, value: Value, rank: int) -> Value:
        missing = rank - len(value.shape)
        name = f"{self.graph.name(value.tensor)}/{rank}d"
        return self.reshape(value, name, (1,) * missing + value.shape) if missing > 0 else value

    def _stored_reshape(self, value: Value, name: str, shape: Shape, order: Order, stored_shape: Shape) -> Value:
        if value.stored_shape == stored_shape:
            return replace(value, shape=shape, order=order)
        target = np.asarray(stored_shape, np.int32)
        inputs = [value.tensor, self.constant(f"{name}/shape", target)]
        return self.operator("RESHAPE", inputs, name, shape, order, schema.ReshapeOptionsT(newShape=target))

    def _value(self, name: str, shape: Shape, order: Order) -> Value:
        return Value(self.graph.add_tensor(name, stored(shape, order), FLOAT), shape, order)


def _same_in_memory(value: Value, order: Order) -> bool:
    """Whether only axes of size 1 change places."""
    now, then = ([axis for axis in each if value.shape[axis] > 1] for each in (value.order, order))
    return now == then


def _empty_graph() -> TFLiteGraph:
    subgraph = schema.SubGraphT(tensors=[], inputs=[], outputs=[], operators=[], name=b"main")
    return TFLiteGraph(schema.ModelT(version=3, operatorCodes=[], subgraphs=[subgraph], buffers=[schema.BufferT()]))
