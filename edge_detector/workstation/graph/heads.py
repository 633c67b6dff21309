"""The heads of a detector's graph: the outputs, and the tensors between them and the last operators with weights."""

from __future__ import annotations

from typing import Any

from edge_detector.detect.description import FUSED_OP
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

SAME_VALUES = ("RESHAPE", "CONCATENATION")  # operators that only move values about
WEIGHTLESS = (*SAME_VALUES, "LOGISTIC", "DEQUANTIZE", FUSED_OP)


def head_tensors(graph: TFLiteGraph) -> set[str]:
    """The names of the outputs, and of the tensors that they are made of without any further weights."""
    return {name for index in graph.outputs for name in _upstream(graph, index, WEIGHTLESS)}


def joined_tensors(graph: TFLiteGraph) -> list[set[str]]:
    """For each concatenation in the heads, the names of its output and of all that is joined in it."""
    heads = head_tensors(graph)
    joins = [operator for operator in graph.operators if graph.op_name(operator) == "CONCATENATION"]
    outputs = [int(operator.outputs[0]) for operator in joins]
    return [_upstream(graph, index, SAME_VALUES) for index in outputs if graph.name(index) in heads]


def probability_logits(graph: TFLiteGraph) -> set[str]:
    """The names of the activations in the heads that become probabilities and are used for nothing else."""
    heads = head_tensors(graph)
    sigmoids = [operator for operator in graph.operators if graph.op_name(operator) == "LOGISTIC"]
    sources = [int(operator.inputs[0]) for operator in sigmoids if graph.name(int(operator.outputs[0])) in heads]
    logits = set().union(*(_upstream(graph, index, SAME_VALUES) for index in sources))
    return logits if all(_only_probability(graph, index, logits) for index in _indices(graph, logits)) else set()


def _only_probability(graph: TFLiteGraph, index: int, logits: set[str]) -> bool:
    """Whether every operator that reads the tensor is a LOGISTIC, or moves its values to another of the `logits`."""
    others = [operator for operator in graph.consumers(index) if graph.op_name(operator) != "LOGISTIC"]
    return index not in graph.outputs and all(
        graph.op_name(operator) in SAME_VALUES and graph.name(int(operator.outputs[0])) in logits for operator in others
    )


def _indices(graph: TFLiteGraph, names: set[str]) -> list[int]:
    return [index for index in range(len(graph.tensors)) if graph.name(index) in names]


def _upstream(graph: TFLiteGraph, index: int, through: tuple[str, ...]) -> set[str]:
    """The tensor's name and those of the activations it comes from through the operators named."""
    producer = graph.producer(index)
    if producer is None or graph.op_name(producer) not in through:
        return {graph.name(index)}
    return {graph.name(index)}.union(*(_upstream(graph, each, through) for each in _activations(graph, producer)))


def _activations(graph: TFLiteGraph, operator: Any) -> list[int]:
    return [index for index in op_tensors(operator.inputs) if graph.constant(index) is None]
