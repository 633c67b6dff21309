"""Operators that the one before can do as well: a factor, a shift or an activation function after a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.workstation.graph.repairs import CHANNEL_AXIS
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

NO_FUNCTION = schema.ActivationFunctionType.NONE
FUNCTIONS = {"RELU": schema.ActivationFunctionType.RELU, "RELU6": schema.ActivationFunctionType.RELU6}
WITH_FUNCTION = (*CHANNEL_AXIS, "ADD", "MUL")  # operators that can apply an activation function to what they make


def fuse(graph: TFLiteGraph) -> None:
    """Put factors, shifts and RELUs into the operator before them, where nothing else reads what it makes."""
    for operator in list(graph.operators):
        before = _only_source(graph, operator)
        if before is not None and (_fuse_constant(graph, operator, before) or _fuse_function(graph, operator, before)):
            before.outputs = operator.outputs
            graph.operators.remove(operator)


def _only_source(graph: TFLiteGraph, operator: Any) -> Any | None:
    """The operator whose output this one alone reads; None if there is none, or it applies a function already."""
    sources = [index for index in op_tensors(operator.inputs) if graph.constant(index) is None]
    if len(sources) != 1 or sources[0] in graph.outputs or len(list(graph.consumers(sources[0]))) != 1:
        return None
    before = graph.producer(sources[0])
    if before is None or graph.op_name(before) not in WITH_FUNCTION:
        return None
    return before if before.builtinOptions.fusedActivationFunction == NO_FUNCTION else None


def _fuse_function(graph: TFLiteGraph, operator: Any, before: Any) -> bool:
    function = FUNCTIONS.get(graph.op_name(operator))
    if function is None:
        return False
    before.builtinOptions.fusedActivationFunction = function
    return True


def _fuse_constant(graph: TFLiteGraph, operator: Any, before: Any) -> bool:
    """A MUL or ADD of one number for each channel becomes part of the weights and the bias."""
    kind, axis = graph.op_name(operator), CHANNEL_AXIS.get(graph.op_name(before))
    if kind not in ("MUL", "ADD") or axis is None or len(op_tensors(before.inputs)) < 3:
        return False
    numbers = _per_channel(graph, operator)
    _, weights, bias = op_tensors(before.inputs)
    kernel, shifts = graph.constant(weights), graph.constant(bias)
    if numbers is None or kernel is None or shifts is None or len(numbers) not in (1, len(shifts)):
        return False
    numbers = np.broadcast_to(numbers, shifts.shape)
    if kind == "MUL":
        along = numbers.reshape([-1 if place == axis else 1 for place in range(kernel.ndim)])
        graph.give_constant(before, 1, (kernel * along).astype(np.float32))
    graph.give_constant(before, 2, (shifts * numbers if kind == "MUL" else shifts + numbers).astype(np.float32))
    before.builtinOptions.fusedActivationFunction = operator.builtinOptions.fusedActivationFunction
    return True


def _per_channel(graph: TFLiteGraph, operator: Any) -> NDArray[Any] | None:
    """(C,) or (1,) the operator's constant if it has one number for each channel, or one for all."""
    constants = [value for index in op_tensors(operator.inputs) if (value := graph.constant(index)) is not None]
    if len(constants) != 1 or constants[0].size != constants[0].shape[-1]:
        return None
    return constants[0].ravel()
