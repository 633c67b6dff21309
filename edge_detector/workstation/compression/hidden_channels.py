"""Channels between two convolutions that no other operator reads: what they are worth, and a graph without them.

In an inverted residual block (Sandler et al. 2018, "MobileNetV2") a 1x1 convolution makes many such channels, a
depthwise convolution filters each by itself, and a 1x1 convolution adds them up. The towers of a detector's heads and
the first layers of a network have them, too. Since nothing else reads them, one can go without a change to any other
layer. Photographs tell how the channels vary together; the channel goes first that the others can best stand in for
(Hassibi and Stork 1993, "Optimal Brain Surgeon", on the least squares of what is read), and the weights and the bias
of the reader then take over what it gave.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.channel_moments import ChannelMoments
from edge_detector.workstation.compression.weights import is_pointwise
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

KERNEL_CHANNELS = 16  # XNNPACK's int8 kernels compute up to so many channels at once: other numbers save little
DAMPING = 1e-4  # of the mean variance: channels that are nearly the same have no inverse


@dataclass(frozen=True, slots=True)
class HiddenLayer:
    """The operators around hidden channels."""

    maker: Any
    between: Any | None  # a depthwise convolution
    reader: Any  # a 1x1 convolution

    @property
    def operators(self) -> tuple[Any, ...]:
        """All of them, in their order."""
        return tuple(each for each in (self.maker, self.between, self.reader) if each is not None)

    @property
    def read(self) -> int:
        """The tensor (1, H, W, C) that the reader reads."""
        return int(self.reader.inputs[0])


@dataclass(frozen=True, slots=True, eq=False)
class HiddenChannels:
    """How hidden channels vary on photographs, and in which order they can go."""

    means: NDArray[np.float64]  # (C,)
    covariance: NDArray[np.float64]  # (C, C)
    order: NDArray[np.intp]  # channels, the one that is missed least first
    losses: NDArray[np.float64]  # (C,) without none, the first, the first two ...: a part of the reader's variance

    @classmethod
    def of(cls, graph: TFLiteGraph, layer: HiddenLayer, moments: ChannelMoments) -> HiddenChannels:
        """`moments`: of the tensor that the reader reads."""
        covariance = moments.covariance(DAMPING)
        weights = _constant(graph, layer.reader, 1)[:, 0, 0, :].astype(np.float64)
        return cls(moments.means, covariance, *removal_order(weights, covariance))

    def next_count(self, count: int) -> int | None:
        """The next number of channels above `count` that leaves whole kernels when so many go; None if none can."""
        left = (len(self.means) - count - 1) // KERNEL_CHANNELS * KERNEL_CHANNELS
        return len(self.means) - left if left else None


def hidden_layers(graph: TFLiteGraph) -> Iterator[HiddenLayer]:
    """Every convolution and the 1x1 convolution that alone reads it, with or without a depthwise one between them."""
    for maker in graph.operators:
        if graph.op_name(maker) != "CONV_2D":
            continue
        between, reader = None, _only_reader(graph, maker)
        if reader is not None and graph.op_name(reader) == "DEPTHWISE_CONV_2D":
            between, reader = reader, _only_reader(graph, reader)
        if reader is None or not is_pointwise(graph, reader):
            continue
        layer = HiddenLayer(maker, between, reader)
        if _channel_by_channel(graph, layer) and all(_has_bias(graph, each) for each in layer.operators):
            yield layer


def removal_order(
    weights: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The channels, the one that is missed least first, and the losses: see `HiddenChannels`.

    One after the other goes that whose loss, |w|^2 / (inverse covariance), is smallest once the others stand in for it.
    `weights`: (out, C) that read the channels, `covariance`: (C, C). One channel always stays.
    """
    total = float(np.einsum("oc,cd,od->", weights, covariance, weights)) + 1e-30
    weights, inverse = weights.copy(), np.linalg.inv(covariance)
    left, order, losses = np.ones(len(inverse), np.bool_), [], [0.0]
    for _ in range(len(inverse) - 1):
        pivots = np.where(left, np.diag(inverse), 1.0)
        costs = np.where(left, (weights**2).sum(axis=0) / pivots, np.inf)
        gone = int(costs.argmin())
        weights -= np.outer(weights[:, gone] / pivots[gone], inverse[gone])
        inverse -= np.outer(inverse[:, gone], inverse[gone]) / pivots[gone]
        left[gone] = False
        order.append(gone)
        losses.append(costs[gone])
    return np.array(order, np.intp), np.cumsum(losses) / total


def without_channels(graph: TFLiteGraph, layer: HiddenLayer, hidden: HiddenChannels, count: int) -> None:
    """Remove the first `count` channels of the layer from the graph; the others stand in for them.

    Weights that other operators have, too, stay as they are there: heads share them on the levels of a pyramid.
    """
    gone = hidden.order[:count]
    kept = np.setdiff1d(np.arange(len(hidden.means)), gone)
    _take_over(graph, layer.reader, hidden, kept, gone)
    _keep(graph, layer.maker, kept, axes={1: 0, 2: 0})
    if layer.between is not None:
        _keep(graph, layer.between, kept, axes={1: 3, 2: 0})
    _keep(graph, layer.reader, kept, axes={1: 3})
    for operator in layer.operators[:-1]:
        _narrow(graph, int(operator.outputs[0]), len(kept))


def _only_reader(graph: TFLiteGraph, operator: Any) -> Any | None:
    tensor = int(operator.outputs[0])
    readers = list(graph.consumers(tensor))
    return readers[0] if len(readers) == 1 and tensor not in graph.outputs else None


def _channel_by_channel(graph: TFLiteGraph, layer: HiddenLayer) -> bool:
    """Whether each channel that is read comes from one that is made, and the reader reads all of them at once."""
    made, read = (graph.shape(tensor)[-1] for tensor in (int(layer.maker.outputs[0]), layer.read))
    return made == read == graph.shape(int(layer.reader.inputs[1]))[3]


def _has_bias(graph: TFLiteGraph, operator: Any) -> bool:
    constants = op_tensors(operator.inputs)[1:]
    return len(constants) == 2 and all(graph.constant(index) is not None for index in constants)


def _take_over(
    graph: TFLiteGraph, reader: Any, hidden: HiddenChannels, kept: NDArray[np.intp], gone: NDArray[np.intp]
) -> None:
    """Give the weights of the channels that go to those that stay, as least squares says, and the rest to the bias."""
    weights = _constant(graph, reader, 1).astype(np.float64)  # (out, 1, 1, C)
    covariance = hidden.covariance
    shares = np.linalg.solve(covariance[np.ix_(kept, kept)], covariance[np.ix_(kept, gone)])  # (kept, gone)
    lost = weights[:, 0, 0, gone]
    weights[:, 0, 0, kept] += lost @ shares.T
    constant = lost @ (hidden.means[gone] - hidden.means[kept] @ shares)
    graph.give_constant(reader, 1, weights.astype(np.float32))
    graph.give_constant(reader, 2, (_constant(graph, reader, 2) + constant).astype(np.float32))


def _keep(graph: TFLiteGraph, operator: Any, kept: NDArray[np.intp], axes: dict[int, int]) -> None:
    """Of the constants at these places of the operator's inputs, keep the channels on the axis."""
    for place, axis in axes.items():
        graph.give_constant(operator, place, np.take(_constant(graph, operator, place), kept, axis=axis))


def _narrow(graph: TFLiteGraph, tensor: int, channels: int) -> None:
    """The activation has so many channels from now on."""
    graph.tensors[tensor].shape = np.asarray([*graph.shape(tensor)[:3], channels], np.int32)
    graph.tensors[tensor].shapeSignature = None


def _constant(graph: TFLiteGraph, operator: Any, place: int) -> NDArray[np.float32]:
    value = graph.constant(int(operator.inputs[place]))
    assert value is not None  # `hidden_layers` found a kernel and a bias
    return value
