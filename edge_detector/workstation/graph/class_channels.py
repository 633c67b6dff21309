"""Other classes for a detector: some of its scores, in another order, computed by some of its filters.

From an output back to the convolutions that make it, each kind of operator says which columns of its inputs become the
wanted columns of its output. The convolutions keep their filters of these columns and lose the others, so that what is
left is computed as before, bit for bit, in an int8 graph as in a float one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.shape_rules import dimension_groups
from edge_detector.workstation.graph.shapes import set_shapes
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

Columns = tuple[int | None, ...]  # what becomes column 0, 1, ...; None: new, for a class that was not there

# A new class starts as rare as the focal loss wants it (Lin et al. 2017, "Focal Loss for Dense Object Detection", 4.1).
_RARE = 0.01
_NEW_CLASS_BIAS = float(np.log(_RARE / (1 - _RARE)))


def select_columns(graph: TFLiteGraph, tensor: int, axis: int, columns: Sequence[int | None]) -> TFLiteGraph:
    """A copy in which column k of ``tensor`` along ``axis`` is what was the column ``columns[k]``; None: a new class.

    Raises `ModelError` that names the operator which does not compute the columns apart from each other.
    """
    selected = graph.copy()
    cut = _Cut(selected)
    cut.select(tensor, axis, tuple(columns))
    cut.require_no_other_readers()
    set_shapes(selected, cut.shapes())
    return selected


@dataclass(slots=True)
class _Cut:
    """What is selected in a graph so far."""

    graph: TFLiteGraph
    selected: dict[int, tuple[int, Columns]] = field(default_factory=dict)  # tensor -> axis, columns
    operators: list[Any] = field(default_factory=list)  # those that compute selected tensors

    def select(self, tensor: int, axis: int, columns: Columns) -> None:
        """Select the columns of the tensor, and what they are computed from; once, for the levels share weights."""
        if tensor in self.selected:
            self._require_the_same(tensor, axis, columns)
            return
        self.selected[tensor] = axis, columns
        if self.graph.constant(tensor) is not None:
            self._take(tensor, axis, columns)
            return
        operator = self.graph.producer(tensor)
        name = "nothing" if operator is None else self.graph.op_name(operator)
        if operator is None or name not in SOURCES:
            raise ModelError(f"tensor {self.graph.name(tensor)!r} is made by {name}, which does not keep classes apart")
        if not any(operator is each for each in self.operators):
            self.operators.append(operator)
            for source in SOURCES[name](self.graph, operator, axis, columns):
                self.select(*source)

    def _require_the_same(self, tensor: int, axis: int, columns: Columns) -> None:
        if self.selected[tensor] != (axis, columns):
            raise ModelError(f"tensor {self.graph.name(tensor)!r} is used twice, for different classes")

    def shapes(self) -> dict[int, tuple[int, ...]]:
        """The new shape of every activation that is selected."""
        activations = {index: each for index, each in self.selected.items() if self.graph.constant(index) is None}
        return {
            index: tuple(len(columns) if i == axis else n for i, n in enumerate(self.graph.shape(index)))
            for index, (axis, columns) in activations.items()
        }

    def require_no_other_readers(self) -> None:
        """Raises `ModelError` if something else needs the columns that go."""
        for tensor in self.selected:
            for reader in self.graph.consumers(tensor):
                if not any(reader is each for each in self.operators):
                    raise ModelError(
                        f"{self.graph.op_name(reader)} needs all classes of tensor {self.graph.name(tensor)!r}"
                    )

    def _take(self, tensor: int, axis: int, columns: Columns) -> None:
        value, parameters = self.graph.constant(tensor), self.graph.tensors[tensor].quantization
        assert value is not None
        new = np.full_like(value.take(0, axis), _NEW_CLASS_BIAS if value.ndim == 1 else 0.0)
        taken = [new if column is None else value.take(column, axis) for column in columns]
        self.graph.set_constant(tensor, np.stack(taken, axis))
        if self.graph.quantization(tensor) is not None:
            _take_scales(parameters, axis, columns)


def _take_scales(parameters: Any, axis: int, columns: Columns) -> None:
    """Of a quantized tensor with a scale for each column, those of the columns that stay."""
    kept = [column for column in columns if column is not None]
    if len(kept) < len(columns):
        raise ModelError("a new class has no weights in a quantized model; expected the float one it was made of")
    for name in ("scale", "zeroPoint", "min", "max"):
        values = getattr(parameters, name)
        if values is not None and len(values) > 1 and parameters.quantizedDimension == axis:
            setattr(parameters, name, np.asarray(values)[kept])


# ---- from an operator's output to its inputs: (tensor, axis, columns) ------------------------------------------------

Source = tuple[int, int, Columns]


def _filters(_graph: TFLiteGraph, operator: Any, _axis: int, columns: Columns) -> Iterator[Source]:
    """Weights and biases, whose first axis counts the output's channels."""
    yield from ((tensor, 0, columns) for tensor in op_tensors(operator.inputs)[1:])


def _same(_graph: TFLiteGraph, operator: Any, axis: int, columns: Columns) -> Iterator[Source]:
    yield int(operator.inputs[0]), axis, columns


def _both(graph: TFLiteGraph, operator: Any, axis: int, columns: Columns) -> Iterator[Source]:
    """Those of the two inputs that have these columns, not one value that serves them all."""
    rank = len(graph.shape(int(operator.outputs[0])))
    for tensor in op_tensors(operator.inputs):
        shape = graph.shape(tensor)
        own = axis - rank + len(shape)
        if own >= 0 and shape[own] > 1:
            yield tensor, own, columns


def _joined(graph: TFLiteGraph, operator: Any, axis: int, columns: Columns) -> Iterator[Source]:
    """Along another axis: every input. Along this one: each input has some of the columns."""
    inputs = op_tensors(operator.inputs)
    joined = operator.builtinOptions.axis % len(graph.shape(int(operator.outputs[0])))
    if joined != axis:
        yield from ((tensor, axis, columns) for tensor in inputs)
        return
    yield from _parts(graph, operator, axis, columns)


def _parts(graph: TFLiteGraph, operator: Any, axis: int, columns: Columns) -> Iterator[Source]:
    start, used = 0, 0
    for tensor in op_tensors(operator.inputs):
        length = graph.shape(tensor)[axis]
        own = tuple(c - start for c in columns if c is not None and start <= c < start + length)
        if not own:
            raise ModelError(f"{graph.op_name(operator)} joins {graph.name(tensor)!r}, of which nothing would be left")
        if columns[used : used + len(own)] != tuple(c + start for c in own):
            raise ModelError(f"{graph.op_name(operator)} joins the classes in another order than was asked for")
        if own != tuple(range(length)):
            yield tensor, axis, own
        start, used = start + length, used + len(own)


def _reshaped(graph: TFLiteGraph, operator: Any, axis: int, columns: Columns) -> Iterator[Source]:
    """A dimension as it was, or the last one, whose columns several anchors had side by side in the input."""
    source, output = int(operator.inputs[0]), graph.shape(int(operator.outputs[0]))
    shape = graph.shape(source)
    inputs, outputs = next(
        (before, after) for before, after in dimension_groups(shape, output) if after.start <= axis < after.stop
    )
    last, classes = inputs.stop - 1, output[axis]
    if axis != outputs.stop - 1 or last < inputs.start or shape[last] % classes:
        raise ModelError(f"RESHAPE makes {output} of {shape}, in which the classes are not side by side")
    anchors = shape[last] // classes
    repeated = (None if c is None else anchor * classes + c for anchor in range(anchors) for c in columns)
    yield source, last, tuple(repeated)


def _transposed(graph: TFLiteGraph, operator: Any, axis: int, columns: Columns) -> Iterator[Source]:
    order = graph.constant(int(operator.inputs[1]))
    if order is None:
        raise ModelError("TRANSPOSE has a computed order; expected a constant")
    yield int(operator.inputs[0]), int(order[axis]), columns


_ELEMENTWISE = ("DEQUANTIZE", "HARD_SWISH", "LOGISTIC", "QUANTIZE", "RELU", "RELU6", "TANH")
SOURCES: dict[str, Callable[[TFLiteGraph, Any, int, Columns], Iterator[Source]]] = {
    **dict.fromkeys(_ELEMENTWISE, _same),
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV"), _both),
    **dict.fromkeys(("CONV_2D", "FULLY_CONNECTED"), _filters),
    "CONCATENATION": _joined,
    "RESHAPE": _reshaped,
    "TRANSPOSE": _transposed,
}
