"""The trainable twin of an SSD: its graph in Keras with the outputs that its loss needs, and its classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tf_keras import Model

from edge_detector.errors import ModelError
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.graph.class_channels import select_columns
from edge_detector.workstation.graph.postprocess_op import RAW_BOXES, SCORES
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training.graph_twin import GraphTwin, trace


def select_classes(graph: TFLiteGraph, columns: Sequence[int | None]) -> TFLiteGraph:
    """A copy whose class k has the weights of the score column `columns[k]`; None: a new class, which starts rare.

    Raises `ModelError` as `select_columns` does, and if there is no output with scores.
    """
    return select_columns(graph, _output(graph, SCORES), 2, columns)


def ssd_twin(graph: TFLiteGraph, ranges: Mapping[str, Range] | None = None) -> GraphTwin:
    """The float SSD in Keras: images (N, H, W, 3) in; raw boxes (N, A, 4) and class *logits* (N, A, C) out.

    With `ranges`, its activations are rounded: see `graph_twin.trace`.
    Raises `ModelError` for an operator that has no layer, and for a graph that does not end in the heads of an SSD.
    """
    traced = trace(graph, ranges)
    logits = _producer(graph, _output(graph, SCORES), "LOGISTIC").inputs[0]
    outputs = [traced.symbols[_output(graph, RAW_BOXES)], traced.symbols[int(logits)]]
    return GraphTwin(graph, Model(traced.image, outputs, name="ssd"), traced.layers)


def _output(graph: TFLiteGraph, name: str) -> int:
    """The output tensor of that name."""
    found = [index for index in graph.outputs if graph.name(index) == name]
    if not found:
        raise ModelError(f"no output {name!r} but {[graph.name(index) for index in graph.outputs]}; expected raw heads")
    return found[0]


def _producer(graph: TFLiteGraph, tensor: int, expected: str) -> Any:
    """The operator that makes the tensor, which must be an `expected` one."""
    operator = graph.producer(int(tensor))
    if operator is None or graph.op_name(operator) != expected:
        raise ModelError(f"tensor {graph.name(int(tensor))!r} is not made by {expected}; expected the heads of an SSD")
    return operator
