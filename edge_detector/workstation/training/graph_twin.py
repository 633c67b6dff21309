"""The trainable twin of a float `.tflite` graph: the same graph in Keras, a layer for each operator, and the way back.

Batch normalisation is folded into the convolutions of such a file, so there are no batch statistics to freeze: kernels
and biases are what is trained. The way back writes them into a copy of the file they came from: operators, names of
tensors and the order of the outputs stay as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_keras import Model, layers

from edge_detector.errors import ModelError
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors
from edge_detector.workstation.training.graph_layers import (
    KNOWN,
    WEIGHTED,
    WEIGHTLESS,
    Layer,
    OneScale,
    Symbol,
    activation,
    stored_kernel,
)

PROBABILITIES = Range(0.0, 255 / 256)  # of an int8 LOGISTIC or SOFTMAX, whatever its values are


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """The symbols that a graph computes in Keras, by tensor index, and the layers of its operators with weights."""

    image: Symbol  # (N, H, W, C)
    symbols: Mapping[int, Symbol]
    layers: Mapping[int, Layer]  # by the operator's output tensor; several operators may share a layer


@dataclass(frozen=True, slots=True, eq=False)
class GraphTwin:
    """A graph, its Keras model (images in; the graph's outputs out, in their order, and stages), and the way back."""

    graph: TFLiteGraph
    model: Model
    layers: Mapping[int, Layer]  # by the operator's output tensor

    def trained_graph(self) -> TFLiteGraph:
        """A copy of the graph, with the weights that the model has now."""
        trained = self.graph.copy()
        for operator in trained.operators:
            layer = self.layers.get(int(operator.outputs[0]))
            if layer is not None:
                _write_weights(trained, operator, layer)
        return trained


def twin_of(
    graph: TFLiteGraph,
    ranges: Mapping[str, Range] | None = None,
    *,
    one_scale: bool = False,
    stages: Collection[str] = (),
) -> GraphTwin:
    """The twin of a float graph. With `ranges`, its activations are rounded, with `one_scale` its weights: see `trace`.

    `stages`: activations by name that the model gives after the outputs of the graph.
    Raises `ModelError` for an operator that has no layer here.
    """
    traced = trace(graph, ranges, one_scale=one_scale)
    found = {graph.name(index): symbol for index, symbol in traced.symbols.items()}
    outputs = [traced.symbols[index] for index in graph.outputs] + [found[name] for name in stages]
    return GraphTwin(graph, Model(traced.image, outputs), traced.layers)


def trace(graph: TFLiteGraph, ranges: Mapping[str, Range] | None = None, *, one_scale: bool = False) -> Traced:
    """The float graph in Keras.

    With `ranges`, by tensor name, every activation is rounded as an int8 of its range would be, so that the training
    corrects for it (Jacob et al. 2018, "Quantization and Training of Neural Networks", section 3). Weights are not
    rounded: with a scale for each channel, that makes no difference that could be measured. With `one_scale` for all
    of an operator it does, and they are.
    Raises `ModelError` for an operator that has no layer here.
    """
    image = layers.Input(graph.shape(graph.inputs[0])[1:], name="image")
    symbols: dict[int, Symbol] = {graph.inputs[0]: image}
    found: dict[int, Layer] = {}
    shared: dict[bytes, Layer] = {}  # by weights: the heads use the same weights on every level of the pyramid
    for operator in graph.operators:
        output = int(operator.outputs[0])
        symbol = _apply(graph, operator, symbols, found, shared, one_scale)
        symbols[output] = _rounded(symbol, _range(graph, operator, ranges or {}))
    return Traced(image, symbols, found)


def _range(graph: TFLiteGraph, operator: Any, ranges: Mapping[str, Range]) -> Range | None:
    found = ranges.get(graph.name(int(operator.outputs[0])))
    fixed = found is not None and graph.op_name(operator) in ("LOGISTIC", "SOFTMAX")
    return PROBABILITIES if fixed else found


def _rounded(symbol: Symbol, span: Range | None) -> Symbol:
    if span is None:
        return symbol
    # Zero is always representable: padding must be exact.
    return tf.quantization.fake_quant_with_min_max_args(symbol, min(span.minimum, 0.0), max(span.maximum, 1e-6))


def _apply(
    graph: TFLiteGraph,
    operator: Any,
    symbols: Mapping[int, Symbol],
    found: dict[int, Layer],
    shared: dict[bytes, Layer],
    one_scale: bool,
) -> Symbol:
    """The output of the operator, given the `symbols` so far."""
    name, options = graph.op_name(operator), operator.builtinOptions
    if name not in KNOWN:
        raise ModelError(f"operator {name} cannot be trained here; known: {', '.join(KNOWN)}")
    inputs = [symbols[index] if index in symbols else constant(graph, index) for index in op_tensors(operator.inputs)]
    if name in WEIGHTED:
        layer = found[int(operator.outputs[0])] = _layer(name, options, inputs, shared)
        output = layer(inputs[0])
        output = OneScale(layer)(inputs[0]) if one_scale else output
    else:
        output = WEIGHTLESS[name](options, *inputs)
    return activation(name, options)(output)


def _layer(name: str, options: Any, inputs: list[Any], shared: dict[bytes, Layer]) -> Layer:
    symbol, *weights = inputs
    key = name.encode() + b"".join(each.tobytes() for each in weights)
    if key not in shared:
        make: Callable[..., Layer] = WEIGHTED[name]
        shared[key] = make(symbol.shape[-1], options, *weights)
    return shared[key]


def _write_weights(graph: TFLiteGraph, operator: Any, layer: Layer) -> None:
    _, *tensors = op_tensors(operator.inputs)
    kernel, *bias = layer.get_weights()
    graph.set_constant(tensors[0], stored_kernel(graph.op_name(operator), kernel).astype(np.float32))
    for tensor, value in zip(tensors[1:], bias, strict=False):  # a bias of zero has no weight in the layer
        graph.set_constant(tensor, value)


def constant(graph: TFLiteGraph, tensor: int) -> NDArray[Any]:
    """The constant's value. Raises `ModelError` if the tensor is computed."""
    value = graph.constant(int(tensor))
    if value is None:
        raise ModelError(f"tensor {graph.name(int(tensor))!r} is computed; expected a constant")
    return value
