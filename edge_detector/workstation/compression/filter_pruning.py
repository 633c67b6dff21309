"""Filter pruning: hidden channels are removed, so that the model has less to compute. The only pruning that is faster.

In an inverted residual block (Sandler et al. 2018, "MobileNetV2") a 1x1 convolution makes many hidden channels, a
depthwise convolution filters each by itself, and a 1x1 convolution adds them up. Nothing else reads them, so one can be
removed without a change to any other layer. Photographs tell how the channels vary together; the channel goes first
that the others can best stand in for (Hassibi and Stork 1993, "Optimal Brain Surgeon", on the least squares of the
block's output), and the weights and the bias of the last convolution then take over what it gave.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.channel_moments import ChannelMoments, channel_moments
from edge_detector.workstation.compression.int8_result import finished_in_int8
from edge_detector.workstation.compression.towards_source import train_towards_source
from edge_detector.workstation.compression.training_data import read_training_data
from edge_detector.workstation.compression.weights import is_pointwise
from edge_detector.workstation.data.images import InputTensors, spread
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors
from edge_detector.workstation.quantization.material import Material, NotApplicable, TechniqueResult
from edge_detector.workstation.quantization.report import Section

REMOVED = 0.3  # of all hidden channels
KERNEL_CHANNELS = 8  # the int8 kernels compute so many channels at once: other numbers save nothing
SAMPLES = 32  # photographs that the channels are measured on
DAMPING = 1e-4  # of the mean variance: channels that are nearly the same have no inverse


@dataclass(frozen=True, slots=True)
class Block:
    """The three operators around hidden channels that nobody else reads."""

    expand: Any
    depthwise: Any
    project: Any


@dataclass(frozen=True, slots=True, eq=False)
class HiddenChannels:
    """How the hidden channels of a block vary on photographs, and in which order they can go."""

    means: NDArray[np.float64]  # (C,)
    covariance: NDArray[np.float64]  # (C, C)
    order: NDArray[np.intp]  # channels, the one that is missed least first
    losses: NDArray[np.float64]  # of the first, the first two ...: a part of the variance of the block's output


@dataclass(frozen=True, slots=True)
class Removal:
    """What filter pruning removed."""

    blocks: int
    hidden: int  # channels before
    removed: int
    multiplications: float  # the part of all multiplications that is left

    def section(self) -> Section:
        """For the report."""
        line = (
            f"filter pruning: {self.removed} of {self.hidden} hidden channels in {self.blocks} blocks removed; "
            f"{self.multiplications:.1%} of the model's multiplications are left"
        )
        return Section("filter_pruning", self, (line,))


def to_fewer_channels(material: Material) -> TechniqueResult:
    """The int8 graph without the hidden channels that matter least.

    Raises `NotApplicable` for a network without such channels.
    """
    if not any(hidden_blocks(material.source.graph)):
        raise NotApplicable("filter pruning takes hidden channels of inverted residual blocks; this network has none")
    data = read_training_data(material)
    files = spread(material.calibration_images(), SAMPLES)
    graph, removal = remove_channels(
        material.source.graph, InputTensors(files, material.source.manifest.input), REMOVED
    )
    tuned = train_towards_source(material, data, start=graph, stage="filters")
    result = finished_in_int8(material, tuned.graph)
    return replace(result, sections=(*result.sections, tuned.section(data), removal.section()))


def remove_channels(graph: TFLiteGraph, tensors: InputTensors, part: float) -> tuple[TFLiteGraph, Removal]:
    """A copy of the graph without about `part` of all hidden channels; and what that removed.

    Each block loses as many as cost it the same part of its output.
    """
    pruned = graph.copy()
    blocks = list(hidden_blocks(pruned))
    measured = _measure(pruned, blocks, tensors)
    hidden, before = sum(len(each.means) for each in measured), multiplications(pruned)
    counts = removed_counts([each.losses for each in measured], part)
    for block, each, count in zip(blocks, measured, counts, strict=True):
        _shrink(pruned, block, each, count)
    removed = sum(counts)
    return pruned, Removal(len(blocks), hidden, removed, multiplications(pruned) / before)


def hidden_blocks(graph: TFLiteGraph) -> Iterator[Block]:
    """Every 1x1 convolution, depthwise convolution and 1x1 convolution in a row whose weights nobody shares."""
    for depthwise in graph.operators:
        expand, project = graph.producer(int(depthwise.inputs[0])), _only_reader(graph, int(depthwise.outputs[0]))
        if graph.op_name(depthwise) != "DEPTHWISE_CONV_2D" or expand is None or project is None:
            continue
        alone = _only_reader(graph, int(expand.outputs[0])) is depthwise
        block = Block(expand, depthwise, project)
        if alone and is_pointwise(graph, expand) and is_pointwise(graph, project) and not _shared(graph, block):
            yield block


def multiplications(graph: TFLiteGraph) -> int:
    """How many of its convolutions, for one picture."""
    return sum(_multiplications(graph, operator) for operator in graph.operators)


def _multiplications(graph: TFLiteGraph, operator: Any) -> int:
    if "CONV_2D" not in graph.op_name(operator):
        return 0
    _, height, width, channels = graph.shape(int(operator.outputs[0]))
    kernel = graph.shape(int(operator.inputs[1]))
    inputs = kernel[3] if graph.op_name(operator) == "CONV_2D" else 1
    return height * width * channels * kernel[1] * kernel[2] * inputs


def _only_reader(graph: TFLiteGraph, tensor: int) -> Any | None:
    readers = list(graph.consumers(tensor))
    return readers[0] if len(readers) == 1 and tensor not in graph.outputs else None


def _shared(graph: TFLiteGraph, block: Block) -> bool:
    """Whether another operator reads a weight of the block, or one has no bias that could be changed."""
    weights = [op_tensors(operator.inputs)[1:] for operator in (block.expand, block.depthwise, block.project)]
    return any(len(each) != 2 or any(len(list(graph.consumers(w))) > 1 for w in each) for each in weights)


def _measure(graph: TFLiteGraph, blocks: Sequence[Block], tensors: InputTensors) -> list[HiddenChannels]:
    """The hidden channels over all photographs."""
    outputs = [graph.name(int(block.depthwise.outputs[0])) for block in blocks]
    moments = channel_moments(graph, outputs, tensors)
    return [
        _hidden(_value(graph, block.project, 1)[:, 0, 0, :], moments[name])
        for block, name in zip(blocks, outputs, strict=True)
    ]


def _hidden(weights: NDArray[np.float32], moments: ChannelMoments) -> HiddenChannels:
    """`weights`: (out, C) that read the channels."""
    covariance = moments.covariance(DAMPING)
    return HiddenChannels(moments.means, covariance, *removal_order(weights.astype(np.float64), covariance))


def removal_order(
    weights: NDArray[np.float64], covariance: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The channels, the one that is missed least first, and the loss after each: `HiddenChannels` says of what.

    One after the other goes that whose loss, |w|^2 / (inverse covariance), is smallest once the others stand in for it.
    """
    total = float(np.einsum("oc,cd,od->", weights, covariance, weights)) + 1e-30
    weights, inverse = weights.copy(), np.linalg.inv(covariance)
    left, order, losses = np.ones(len(inverse), np.bool_), [], []
    for _ in range(len(inverse) - KERNEL_CHANNELS):  # so many stay in any case
        pivots = np.where(left, np.diag(inverse), 1.0)
        costs = np.where(left, (weights**2).sum(axis=0) / pivots, np.inf)
        gone = int(costs.argmin())
        weights -= np.outer(weights[:, gone] / pivots[gone], inverse[gone])
        inverse -= np.outer(inverse[:, gone], inverse[gone]) / pivots[gone]
        left[gone] = False
        order.append(gone)
        losses.append(costs[gone])
    return np.array(order, np.intp), np.cumsum(losses) / total


def removed_counts(losses: Sequence[NDArray[np.float64]], part: float) -> list[int]:
    """How many channels each block loses, so that about `part` of all go, and the largest loss is as small as can be.

    What stays in a block is a multiple of `KERNEL_CHANNELS`.
    """
    wanted = part * sum(len(each) + KERNEL_CHANNELS for each in losses)
    counts = [0] * len(losses)
    for limit in np.sort(np.concatenate([*losses, np.zeros(1)])):
        counts = [_whole_kernels(int(np.searchsorted(each, limit, side="right")), len(each)) for each in losses]
        if sum(counts) >= wanted:
            break
    return counts


def _whole_kernels(count: int, removable: int) -> int:
    """The largest number up to `count` that leaves whole kernels in a block."""
    left = removable + KERNEL_CHANNELS - count
    rounded = -(-left // KERNEL_CHANNELS) * KERNEL_CHANNELS
    return max(0, removable + KERNEL_CHANNELS - rounded)


def _shrink(graph: TFLiteGraph, block: Block, hidden: HiddenChannels, count: int) -> None:
    """Remove the first `count` channels of the block; the others stand in for them."""
    gone = hidden.order[:count]
    kept = np.setdiff1d(np.arange(len(hidden.means)), gone)
    _take_over(graph, block, hidden, kept, gone)
    for operator, place, axis in (
        (block.expand, 1, 0),
        (block.expand, 2, 0),
        (block.depthwise, 1, 3),
        (block.depthwise, 2, 0),
        (block.project, 1, 3),
    ):
        graph.set_constant(int(operator.inputs[place]), np.take(_value(graph, operator, place), kept, axis=axis))
    for operator in (block.expand, block.depthwise):
        _narrow(graph, int(operator.outputs[0]), len(kept))


def _take_over(
    graph: TFLiteGraph, block: Block, hidden: HiddenChannels, kept: NDArray[np.intp], gone: NDArray[np.intp]
) -> None:
    """Give the weights of the channels that go to those that stay, as least squares says, and the rest to the bias."""
    project = _value(graph, block.project, 1).astype(np.float64)  # (out, 1, 1, C)
    covariance = hidden.covariance
    shares = np.linalg.solve(covariance[np.ix_(kept, kept)], covariance[np.ix_(kept, gone)])  # (kept, gone)
    lost = project[:, 0, 0, gone]
    project[:, 0, 0, kept] += lost @ shares.T
    constant = lost @ (hidden.means[gone] - hidden.means[kept] @ shares)
    graph.set_constant(int(block.project.inputs[1]), project.astype(np.float32))
    bias = _value(graph, block.project, 2) + constant
    graph.set_constant(int(block.project.inputs[2]), bias.astype(np.float32))


def _narrow(graph: TFLiteGraph, tensor: int, channels: int) -> None:
    """The activation has so many channels from now on."""
    shape = np.asarray([*graph.shape(tensor)[:3], channels], np.int32)
    graph.tensors[tensor].shape = shape
    graph.tensors[tensor].shapeSignature = None


def _value(graph: TFLiteGraph, operator: Any, place: int) -> NDArray[np.float32]:
    value = graph.constant(int(operator.inputs[place]))
    assert value is not None  # `_shared` found a kernel and a bias
    return value
