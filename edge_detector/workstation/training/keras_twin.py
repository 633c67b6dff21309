"""The trainable twin of an SSD `.tflite`: the same graph in Keras, a layer for each operator, and the way back.

Batch normalisation is folded into the convolutions of such a file, so there are no batch statistics to freeze: kernels
and biases are what is trained. Keras here is `tf_keras` (Keras 2): TensorFlow's converter and its model-optimization
tools understand nothing newer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from tf_keras import Model, layers

from edge_detector.errors import ModelError
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.graph.class_channels import select_columns
from edge_detector.workstation.graph.postprocess_op import RAW_BOXES, SCORES
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

Layer = Any  # a Keras layer, or a function that acts as one
Symbol = Any  # a symbolic Keras tensor (N, ...)

_PADDING = {schema.Padding.SAME: "same", schema.Padding.VALID: "valid"}
_ACTIVATIONS: dict[int, Layer] = {
    schema.ActivationFunctionType.NONE: lambda symbol: symbol,
    schema.ActivationFunctionType.RELU: tf.nn.relu,
    schema.ActivationFunctionType.RELU6: tf.nn.relu6,
}


def select_classes(graph: TFLiteGraph, columns: Sequence[int | None]) -> TFLiteGraph:
    """A copy whose class k has the weights of the score column `columns[k]`; None: a new class, which starts rare.

    Raises `ModelError` as `select_columns` does, and if there is no output with scores.
    """
    return select_columns(graph, _output(graph, SCORES), 2, columns)


def to_keras(graph: TFLiteGraph, ranges: Mapping[str, Range] | None = None) -> Model:
    """The float graph in Keras: images (N, H, W, 3) in; raw boxes (N, A, 4) and class *logits* (N, A, C) out.

    With `ranges`, by tensor name, every activation is rounded as an int8 of its range would be, so that the training
    corrects for it (Jacob et al. 2018, "Quantization and Training of Neural Networks", section 3). Weights are not
    rounded: with a scale for each channel, that makes no difference that could be measured.
    Raises `ModelError` for an operator that has no layer here.
    """
    image = layers.Input(graph.shape(graph.inputs[0])[1:], name="image")
    made: dict[int, Symbol] = {graph.inputs[0]: image}
    shared: dict[bytes, Layer] = {}  # by weights: the heads use the same weights on every level of the pyramid
    for operator in graph.operators:
        output = int(operator.outputs[0])
        made[output] = _rounded(_apply(graph, operator, made, shared), (ranges or {}).get(graph.name(output)))
    logits = _producer(graph, _output(graph, SCORES), "LOGISTIC").inputs[0]
    return Model(image, [made[_output(graph, RAW_BOXES)], made[int(logits)]], name="ssd")


def _rounded(symbol: Symbol, span: Range | None) -> Symbol:
    if span is None:
        return symbol
    # Zero is always representable: padding must be exact.
    return tf.quantization.fake_quant_with_min_max_args(symbol, min(span.minimum, 0.0), max(span.maximum, 1e-6))


def _apply(graph: TFLiteGraph, operator: Any, made: dict[int, Symbol], shared: dict[bytes, Layer]) -> Symbol:
    """The output of the operator's Keras layer, given the outputs `made` so far."""
    inputs = [int(index) for index in operator.inputs]
    layer = _layer(graph, operator, [_constant(graph, index) for index in inputs if index not in made], shared)
    symbols = [made[index] for index in inputs if index in made]
    output = layer(symbols[0] if len(symbols) == 1 else symbols)
    return _ACTIVATIONS[getattr(operator.builtinOptions, "fusedActivationFunction", 0)](output)


def _layer(graph: TFLiteGraph, operator: Any, weights: list[NDArray[Any]], shared: dict[bytes, Layer]) -> Layer:
    name = graph.op_name(operator)
    if name not in _LAYERS:
        raise ModelError(f"operator {name} cannot be trained here; known: {', '.join(_LAYERS)}")
    if "CONV_2D" not in name:
        return _LAYERS[name](operator.builtinOptions, *weights)
    key = b"".join(each.tobytes() for each in weights)
    if key not in shared:
        shared[key] = _LAYERS[name](operator.builtinOptions, *weights)
    return shared[key]


def _convolution(options: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> Layer:
    weights = [kernel.transpose(1, 2, 3, 0), bias]  # (out, h, w, in) -> (h, w, in, out)
    return layers.Conv2D(kernel.shape[0], kernel.shape[1:3], weights=weights, **_steps(options))


def _depthwise_convolution(options: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> Layer:
    """A bias of zero is left out: the pointwise convolution that follows has a bias that serves both."""
    weights = [kernel.transpose(1, 2, 3, 0), bias][: 1 + bias.any()]  # (1, h, w, c) -> (h, w, c, 1)
    return layers.DepthwiseConv2D(kernel.shape[1:3], use_bias=len(weights) == 2, weights=weights, **_steps(options))


def _steps(options: Any) -> dict[str, Any]:
    return {"strides": (options.strideH, options.strideW), "padding": _PADDING[options.padding]}


_LAYERS: dict[str, Callable[..., Layer]] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise_convolution,
    "ADD": lambda _: layers.Add(),
    "CONCATENATION": lambda options: layers.Concatenate(axis=options.axis),
    "LOGISTIC": lambda _: tf.sigmoid,
    "PACK": lambda options: lambda symbols: tf.stack(symbols, axis=options.axis),  # upsamples, with RESHAPE
    "RESHAPE": lambda _, shape: layers.Reshape(tuple(shape[1:])),
}


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


def _constant(graph: TFLiteGraph, tensor: int) -> NDArray[Any]:
    value = graph.constant(int(tensor))
    if value is None:
        raise ModelError(f"tensor {graph.name(int(tensor))!r} is computed; expected a constant")
    return value
