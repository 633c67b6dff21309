"""The operators of a .tflite file in Keras: for each, what makes its output symbol of its inputs.

An input is a symbol, or an array where the file has a constant. The first axis of every symbol counts pictures: a file
says 1 there, training has a batch. Keras here is `tf_keras` (Keras 2): TensorFlow's converter knows nothing newer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
from tf_keras import layers

from edge_detector.errors import ModelError

Layer = Any  # a Keras layer, or a function that acts as one
Symbol = Any  # a symbolic Keras tensor (N, ...)

_PADDING = {schema.Padding.SAME: "same", schema.Padding.VALID: "valid"}
_ACTIVATIONS: dict[int, Layer] = {
    schema.ActivationFunctionType.NONE: lambda symbol: symbol,
    schema.ActivationFunctionType.RELU: tf.nn.relu,
    schema.ActivationFunctionType.RELU6: tf.nn.relu6,
}


def activation(name: str, options: Any) -> Layer:
    """The activation function that is fused into an operator. Raises `ModelError` for one that has no layer here."""
    code = getattr(options, "fusedActivationFunction", 0)
    if code not in _ACTIVATIONS:
        raise ModelError(f"{name}: fused activation function {code} cannot be trained here; known: none, ReLU, ReLU6")
    return _ACTIVATIONS[code]


def convolution(channels: int, options: Any, kernel: NDArray[np.float32], *bias: NDArray[np.float32]) -> Layer:
    """The layer of a kernel (out, h, w, in / groups), for an input of so many channels."""
    return layers.Conv2D(
        kernel.shape[0],
        kernel.shape[1:3],
        groups=channels // kernel.shape[3],
        use_bias=bool(bias),
        weights=[kernel.transpose(1, 2, 3, 0), *bias],
        **_steps(options),
    )


def depthwise_convolution(
    channels: int, options: Any, kernel: NDArray[np.float32], *bias: NDArray[np.float32]
) -> Layer:
    """The layer of a kernel (1, h, w, in x multiplier).

    A bias of zero is left out: the pointwise convolution that follows has a bias that serves both.
    """
    _, height, width, outputs = kernel.shape
    used = [each for each in bias if each.any()]
    return layers.DepthwiseConv2D(
        (height, width),
        depth_multiplier=outputs // channels,
        use_bias=bool(used),
        weights=[kernel.reshape(height, width, channels, -1), *used],
        **_steps(options),
    )


def dense(_channels: int, _options: Any, kernel: NDArray[np.float32], *bias: NDArray[np.float32]) -> Layer:
    """The layer of a kernel (out, in)."""
    return layers.Dense(len(kernel), use_bias=bool(bias), weights=[kernel.T, *bias])


class OneScale(layers.Layer):  # type: ignore[misc]
    """A layer that computes with the kernel that int8 with one scale for all of it would have.

    The gradient passes the rounding as if it were not there (the straight-through estimator of Bengio et al. 2013).
    """

    def __init__(self, layer: Layer) -> None:
        """`layer` has been called, and so has its weights."""
        super().__init__()
        self._layer = layer
        self._name_of_kernel = "depthwise_kernel" if isinstance(layer, layers.DepthwiseConv2D) else "kernel"

    def call(self, symbol: Symbol) -> Symbol:
        """What the layer gives with the rounded kernel, which it has for this call only."""
        exact = getattr(self._layer, self._name_of_kernel)
        largest = tf.stop_gradient(tf.reduce_max(tf.abs(exact)))
        rounded = tf.quantization.fake_quant_with_min_max_vars(exact, -largest, largest, narrow_range=True)
        # Past Keras, which would forget the variable.
        object.__setattr__(self._layer, self._name_of_kernel, rounded)
        try:
            return self._layer.call(symbol)
        finally:
            object.__setattr__(self._layer, self._name_of_kernel, exact)


def stored_kernel(name: str, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """A layer's kernel as the operator of that name stores it."""
    if name == "DEPTHWISE_CONV_2D":
        return kernel.reshape(1, *kernel.shape[:2], -1)
    return np.ascontiguousarray(np.moveaxis(kernel, -1, 0))


def _steps(options: Any) -> dict[str, Any]:
    return {
        "strides": (options.strideH, options.strideW),
        "padding": _PADDING[options.padding],
        "dilation_rate": (options.dilationHFactor, options.dilationWFactor),
    }


def _pool(layer: Callable[..., Layer]) -> Callable[..., Symbol]:
    def pooled(options: Any, symbol: Symbol) -> Symbol:
        size, strides = (options.filterHeight, options.filterWidth), (options.strideH, options.strideW)
        return layer(pool_size=size, strides=strides, padding=_PADDING[options.padding])(symbol)

    return pooled


def _strided_slice(
    options: Any, symbol: Symbol, begin: NDArray[np.int32], end: NDArray[np.int32], strides: NDArray[np.int32]
) -> Symbol:
    """All pictures, and of each what the operator takes."""
    if options.ellipsisMask or options.newAxisMask or options.shrinkAxisMask:
        raise ModelError("STRIDED_SLICE that changes the number of axes cannot be trained here")
    firsts = [None if options.beginMask >> axis & 1 else int(first) for axis, first in enumerate(begin)]
    lasts = [None if options.endMask >> axis & 1 else int(last) for axis, last in enumerate(end)]
    places = [slice(*each) for each in zip(firsts, lasts, strides.tolist(), strict=True)]
    return symbol[(slice(None), *places[1:])]


def _slice(_options: Any, symbol: Symbol, begin: NDArray[np.int32], size: NDArray[np.int32]) -> Symbol:
    """All pictures, and of each what the operator takes; a size of -1 takes all that is left."""
    lasts = [None if count < 0 else first + count for first, count in zip(begin.tolist(), size.tolist(), strict=True)]
    places = [slice(first, last) for first, last in zip(begin.tolist(), lasts, strict=True)]
    return symbol[(slice(None), *places[1:])]


def _reshape(options: Any, symbol: Symbol, *shape: NDArray[np.int32]) -> Symbol:
    target = shape[0] if shape else options.newShape
    return layers.Reshape(tuple(int(size) for size in target[1:]))(symbol)


def _resized(resize: Callable[..., Symbol]) -> Callable[..., Symbol]:
    def resized(options: Any, symbol: Symbol, size: NDArray[np.int32]) -> Symbol:
        how = {"align_corners": options.alignCorners, "half_pixel_centers": options.halfPixelCenters}
        # In a layer: TensorFlow's own resizing has these options only where Keras cannot trace it.
        return layers.Lambda(lambda images: resize(images=images, size=size, **how))(symbol)

    return resized


# Operators with weights: what makes the layer. Several operators may share one.
WEIGHTED: Mapping[str, Callable[..., Layer]] = {
    "CONV_2D": convolution,
    "DEPTHWISE_CONV_2D": depthwise_convolution,
    "FULLY_CONNECTED": dense,
}
# All others: options and inputs -> output.
WEIGHTLESS: Mapping[str, Callable[..., Symbol]] = {
    "ADD": lambda _, one, other: tf.add(one, other),
    "AVERAGE_POOL_2D": _pool(layers.AveragePooling2D),
    "CONCATENATION": lambda options, *symbols: layers.Concatenate(axis=options.axis)(list(symbols)),
    "HARD_SWISH": lambda _, symbol: symbol * tf.nn.relu6(symbol + 3.0) / 6.0,
    "LOGISTIC": lambda _, symbol: tf.sigmoid(symbol),
    "MAX_POOL_2D": _pool(layers.MaxPooling2D),
    "MEAN": lambda options, symbol, axes: tf.reduce_mean(symbol, axis=axes.ravel().tolist(), keepdims=options.keepDims),
    "MUL": lambda _, one, other: tf.multiply(one, other),
    "PACK": lambda options, *symbols: tf.stack(symbols, axis=options.axis),  # upsamples, with RESHAPE
    "PAD": lambda _, symbol, widths: tf.pad(symbol, widths),
    "RELU": lambda _, symbol: tf.nn.relu(symbol),
    "RELU6": lambda _, symbol: tf.nn.relu6(symbol),
    "RESHAPE": _reshape,
    "RESIZE_BILINEAR": _resized(tf.raw_ops.ResizeBilinear),
    "RESIZE_NEAREST_NEIGHBOR": _resized(tf.raw_ops.ResizeNearestNeighbor),
    "SLICE": _slice,
    "SOFTMAX": lambda _, symbol: tf.nn.softmax(symbol),
    "STRIDED_SLICE": _strided_slice,
    "SUB": lambda _, one, other: tf.subtract(one, other),
    "TRANSPOSE": lambda _, symbol, order: tf.transpose(symbol, order),
}
KNOWN = (*WEIGHTED, *WEIGHTLESS)
