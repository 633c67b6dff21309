"""Filter pruning: hidden channels are removed, so that the model has less to compute. The only pruning that is faster.

In an inverted residual block (Sandler et al. 2018, "MobileNetV2") a 1x1 convolution makes many hidden channels, a
depthwise convolution filters each by itself, and a 1x1 convolution adds them up. Nothing else reads them, so one can be
removed without a change to any other layer. What is removed are the channels whose place is best taken by a constant:
their mean goes to the bias of the last convolution, and the deviation from it, times the weights that read it, is what
is lost (the idea of Molchanov et al. 2017, "Pruning Convolutional Neural Networks", measured instead of estimated).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.activations import Activations
from edge_detector.workstation.compression.fine_tuning import fine_tune
from edge_detector.workstation.compression.int8_result import int8_of
from edge_detector.workstation.compression.training_data import read_training_data
from edge_detector.workstation.data.images import InputTensors, spread
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors
from edge_detector.workstation.progress import progress
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.report import Section

REMOVED = 0.3  # of the hidden channels of each block
KERNEL_CHANNELS = 8  # the int8 kernels compute so many channels at once: other numbers save nothing
SAMPLES = 32  # photographs that the channels are measured on


@dataclass(frozen=True, slots=True)
class Block:
    """The three operators around hidden channels that nobody else reads."""

    expand: Any
    depthwise: Any
    project: Any


@dataclass(frozen=True, slots=True, eq=False)
class HiddenChannels:
    """What the hidden channels of a block are like on photographs, as the last convolution reads them."""

    means: NDArray[np.float64]  # (C,)
    deviations: NDArray[np.float64]  # (C,)


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
    """The int8 graph without the hidden channels that matter least."""
    data = read_training_data(material)
    files = spread(material.calibration_images(), SAMPLES)
    graph, removal = remove_channels(
        material.source.graph, InputTensors(files, material.source.manifest.input), REMOVED
    )
    tuned = fine_tune(material, data, start=graph, stage="filters")
    result = int8_of(material, tuned.graph)
    return replace(result, sections=(*result.sections, tuned.section(data), removal.section()))


def remove_channels(graph: TFLiteGraph, tensors: InputTensors, part: float) -> tuple[TFLiteGraph, Removal]:
    """A copy of the graph in which each block has lost about `part` of its hidden channels; and what that removed."""
    pruned = graph.copy()
    blocks = list(hidden_blocks(pruned))
    measured = _measure(pruned, blocks, tensors)
    hidden, before = sum(len(each.means) for each in measured), multiplications(pruned)
    removed = sum(_shrink(pruned, block, each, part) for block, each in zip(blocks, measured, strict=True))
    return pruned, Removal(len(blocks), hidden, removed, multiplications(pruned) / before)


def hidden_blocks(graph: TFLiteGraph) -> Iterator[Block]:
    """Every 1x1 convolution, depthwise convolution and 1x1 convolution in a row whose weights nobody shares."""
    for depthwise in graph.operators:
        expand, project = graph.producer(int(depthwise.inputs[0])), _only_reader(graph, int(depthwise.outputs[0]))
        if graph.op_name(depthwise) != "DEPTHWISE_CONV_2D" or expand is None or project is None:
            continue
        alone = _only_reader(graph, int(expand.outputs[0])) is depthwise
        block = Block(expand, depthwise, project)
        if alone and _pointwise(graph, expand) and _pointwise(graph, project) and not _shared(graph, block):
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


def _pointwise(graph: TFLiteGraph, operator: Any) -> bool:
    return graph.op_name(operator) == "CONV_2D" and graph.shape(int(operator.inputs[1]))[1:3] == (1, 1)


def _shared(graph: TFLiteGraph, block: Block) -> bool:
    """Whether another operator reads a weight of the block, or one has no bias that could be changed."""
    weights = [op_tensors(operator.inputs)[1:] for operator in (block.expand, block.depthwise, block.project)]
    return any(len(each) != 2 or any(len(list(graph.consumers(w))) > 1 for w in each) for each in weights)


def _measure(graph: TFLiteGraph, blocks: Sequence[Block], tensors: InputTensors) -> list[HiddenChannels]:
    """Means and deviations over all places of all photographs."""
    activations = Activations(graph.to_bytes())
    outputs = [int(block.depthwise.outputs[0]) for block in blocks]
    sums = [np.zeros((2, graph.shape(output)[3])) for output in outputs]
    for tensor in progress(tensors, "measuring channels"):
        activations.run(tensor)
        for output, total in zip(outputs, sums, strict=True):
            values = activations[graph.name(output)].reshape(-1, total.shape[1]).astype(np.float64)
            total += np.stack([values.mean(axis=0), (values**2).mean(axis=0)]) / len(tensors)
    return [HiddenChannels(mean, np.sqrt(np.maximum(square - mean**2, 0.0))) for mean, square in sums]


def _shrink(graph: TFLiteGraph, block: Block, measured: HiddenChannels, part: float) -> int:
    """Remove the least important channels of the block; how many."""
    project = _value(graph, block.project, 1)  # (out, 1, 1, C)
    importance = measured.deviations * np.linalg.norm(project[:, 0, 0, :], axis=0)
    kept = np.sort(np.argsort(-importance)[: _kept_count(len(importance), part)])
    gone = np.setdiff1d(np.arange(len(importance)), kept)
    bias = _value(graph, block.project, 2) + project[:, 0, 0, gone] @ measured.means[gone]
    graph.set_constant(int(block.project.inputs[2]), bias.astype(np.float32))
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
    return len(gone)


def _kept_count(channels: int, part: float) -> int:
    """A multiple of `KERNEL_CHANNELS`, at least one of them, at most all there are."""
    wanted = round(channels * (1 - part) / KERNEL_CHANNELS) * KERNEL_CHANNELS
    return min(channels, max(KERNEL_CHANNELS, wanted))


def _narrow(graph: TFLiteGraph, tensor: int, channels: int) -> None:
    """The activation has so many channels from now on."""
    shape = np.asarray([*graph.shape(tensor)[:3], channels], np.int32)
    graph.tensors[tensor].shape = shape
    graph.tensors[tensor].shapeSignature = None


def _value(graph: TFLiteGraph, operator: Any, place: int) -> NDArray[np.float32]:
    value = graph.constant(int(operator.inputs[place]))
    assert value is not None  # `_shared` found a kernel and a bias
    return value
