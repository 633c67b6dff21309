"""The trainable twin of an SSD: its graph in Keras with the outputs that its loss needs, its classes, the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_keras import Model

from edge_detector.errors import ModelError
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.graph.postprocess_op import RAW_BOXES, SCORES
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training.graph_twin import constant, trace

Symbol = Any  # a symbolic Keras tensor (N, ...)

# A new class starts as rare as the focal loss wants it (Lin et al. 2017, "Focal Loss for Dense Object Detection", 4.1).
_RARE = 0.01
_NEW_CLASS_BIAS = float(np.log(_RARE / (1 - _RARE)))


def select_classes(graph: TFLiteGraph, columns: Sequence[int | None]) -> TFLiteGraph:
    """A copy whose class k has the weights of the score column `columns[k]`; None: a new class, which starts rare.

    Raises `ModelError` if the scores are not convolutions, reshaped, concatenated and put through a logistic.
    """
    selected = graph.copy()
    reshapes = _score_reshapes(selected)
    targets = {int(reshape.inputs[1]) for reshape in reshapes}
    convolutions = [_producer(selected, reshape.inputs[0], "CONV_2D") for reshape in reshapes]
    weights = {int(index) for convolution in convolutions for index in convolution.inputs[1:]}
    classes = int(constant(selected, min(targets))[-1])
    for tensor in weights:  # once each: the levels share them
        selected.set_constant(tensor, _select(constant(selected, tensor), columns, classes))
    for tensor in targets:
        selected.set_constant(tensor, np.array([1, -1, len(columns)], np.int32))
    return selected


def _score_reshapes(graph: TFLiteGraph) -> list[Any]:
    """The RESHAPE of each pyramid level that gives the class scores, from the finest level on."""
    logits = int(_producer(graph, _output(graph, SCORES), "LOGISTIC").inputs[0])
    joined = graph.producer(logits)
    levels = [logits] if joined is None or graph.op_name(joined) != "CONCATENATION" else joined.inputs
    return [_producer(graph, tensor, "RESHAPE") for tensor in levels]


def _select(weights: NDArray[np.float32], columns: Sequence[int | None], classes: int) -> NDArray[np.float32]:
    """Filters (anchors x classes, h, w, in) or biases (anchors x classes,) with the wanted classes of every anchor."""
    by_class = weights.reshape(-1, classes, *weights.shape[1:])
    new = np.full_like(by_class[:, 0], _NEW_CLASS_BIAS if weights.ndim == 1 else 0.0)
    picked = [new if column is None else by_class[:, column] for column in columns]
    return np.stack(picked, axis=1).reshape(-1, *weights.shape[1:])


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
