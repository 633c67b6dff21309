"""The trainable twin of an SSD: its graph in Keras with the outputs that its loss needs, its classes, the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf
from tf_keras import Model

from edge_detector.errors import ModelError
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.graph.class_channels import select_columns
from edge_detector.workstation.graph.postprocess_op import RAW_BOXES, SCORES
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training.graph_twin import trace

Symbol = Any  # a symbolic Keras tensor (N, ...)


def select_classes(graph: TFLiteGraph, columns: Sequence[int | None]) -> TFLiteGraph:
    """A copy whose class k has the weights of the score column `columns[k]`; None: a new class, which starts rare.

    Raises `ModelError` as `select_columns` does, and if there is no output with scores.
    """
    return select_columns(graph, _output(graph, SCORES), 2, columns)


def to_keras(graph: TFLiteGraph, ranges: Mapping[str, Range] | None = None) -> Model:
    """The float SSD in Keras: images (N, H, W, 3) in; raw boxes (N, A, 4) and class *logits* (N, A, C) out.

    With `ranges`, its activations are rounded: see `graph_twin.trace`.
    Raises `ModelError` for an operator that has no layer, and for a graph that does not end in the heads of an SSD.
    """
    traced = trace(graph, ranges)
    logits = _producer(graph, _output(graph, SCORES), "LOGISTIC").inputs[0]
    return Model(traced.image, [traced.symbols[_output(graph, RAW_BOXES)], traced.symbols[int(logits)]], name="ssd")


def to_tflite(model: Model) -> bytes:
    """The model as a float `.tflite` for one image, with its scores as probabilities and its outputs named by role."""
    shape = (1, *model.input_shape[1:])

    def serve(image: Symbol) -> dict[str, Symbol]:
        boxes, logits = model(image, training=False)
        return {RAW_BOXES: boxes, SCORES: tf.sigmoid(logits)}

    concrete = tf.function(serve).get_concrete_function(tf.TensorSpec(shape, tf.float32, name="image"))
    graph = TFLiteGraph.from_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], model).convert())
    graph.set_outputs({SCORES if graph.shape(index)[-1] != 4 else RAW_BOXES: index for index in graph.outputs})
    return graph.to_bytes()


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
