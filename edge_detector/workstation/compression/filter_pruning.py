"""Filter pruning: hidden channels are removed, so that the model has less to compute. The only pruning that is faster.

Which channels go is decided by what they cost and what they are worth: how far the outputs move away from those of
the float model, measured on photographs, for the computing that is saved. What is left is trained towards the float
model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.activations import Activations
from edge_detector.workstation.calibration.channel_moments import channel_moments
from edge_detector.workstation.compression.hidden_channels import (
    HiddenChannels,
    HiddenLayer,
    hidden_layers,
    without_channels,
)
from edge_detector.workstation.compression.int8_result import finished_in_int8
from edge_detector.workstation.compression.towards_source import train_towards_source
from edge_detector.workstation.compression.training_data import read_training_data
from edge_detector.workstation.compression.work import multiplications, work, work_of
from edge_detector.workstation.data.images import InputTensors, spread, spread_places
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.material import Material, NotApplicable, TechniqueResult
from edge_detector.workstation.quantization.report import Section
from edge_detector.workstation.training.distillation import Distillation

WORK_LEFT = 0.8  # of all convolutions
ROUNDS = 5  # what the channels are worth is measured again after each
SAMPLES = 48  # photographs that the channels are measured on
OUTPUT_SAMPLES = 16  # of them, on which the outputs are compared
LEAST_WORK = 0.005  # of the graph: less is not worth a loss
TRIED_LOSS = 0.02  # of a layer's variance: about so much is taken away to see what the outputs make of it
LEAST_ERROR = 1e-5  # of the outputs, for that; less is chance
LEAST_LOSS = 1e-12  # of a layer whose channels say nothing

Samples = Sequence[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Removal:
    """What filter pruning removed."""

    layers: int  # that have fewer channels now
    hidden: int  # channels of all layers before
    removed: int
    multiplications: float  # the part of all multiplications that is left
    work: float  # the part of the time of all convolutions that is left, as estimated

    def section(self) -> Section:
        """For the report."""
        line = (
            f"filter pruning: {self.removed} of {self.hidden} hidden channels removed, in {self.layers} layers; "
            f"{self.multiplications:.1%} of the model's multiplications are left, and about {self.work:.1%} of the time"
        )
        return Section("filter_pruning", self, (line,))


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """A layer that can lose channels."""

    layer: HiddenLayer
    hidden: HiddenChannels
    sensitivity: float  # the error of the graph's outputs for a loss of 1 in this layer
    work: float  # of a channel

    def price(self, before: int, after: int) -> float:
        """The error for each unit of work that is saved, if not `before` channels go but `after`."""
        loss = float(self.hidden.losses[after] - self.hidden.losses[before])
        return self.sensitivity * loss / ((after - before) * self.work)


def to_fewer_channels(material: Material) -> TechniqueResult:
    """The int8 graph without the hidden channels that are worth least for what they cost.

    Raises `NotApplicable` for a network without such channels.
    """
    if not _worthwhile(material.source.graph):
        raise NotApplicable("filter pruning takes channels between two convolutions; this network has none")
    data = read_training_data(material)
    files = spread(material.calibration_images(), SAMPLES)
    graph, removal = remove_channels(material.source.graph, InputTensors(files, material.source.manifest.input))
    tuned = train_towards_source(material, data, start=graph, stage="filters")
    result = finished_in_int8(material, tuned.graph)
    return replace(result, sections=(*result.sections, tuned.section(data), removal.section()))


def remove_channels(graph: TFLiteGraph, tensors: InputTensors, left: float = WORK_LEFT) -> tuple[TFLiteGraph, Removal]:
    """A copy of the graph with about the part `left` of its work, where that can be had; and what was removed.

    `tensors`: of photographs. The names of the graph's tensors must be unique.
    """
    pruner = _Pruner(graph, [tensor.copy() for tensor in tensors])
    pruned = graph
    for number in range(1, ROUNDS + 1):
        pruned = pruner.pruned(pruned, work(graph) * (1 - (1 - left) * number / ROUNDS))
    before, after = _channels(graph), _channels(pruned)
    fewer = sum(after[name] < count for name, count in before.items())
    shares = multiplications(pruned) / multiplications(graph), work(pruned) / work(graph)
    hidden = sum(before.values())
    return pruned, Removal(fewer, hidden, hidden - sum(after.values()), *shares)


def removed_counts(candidates: Sequence[Candidate], excess: float) -> list[int]:
    """How many channels each layer loses, so that `excess` work goes, or all that can: the cheapest error first."""
    counts = [0] * len(candidates)
    while excess > 0:
        steps = [
            (each.price(count, after), place, after)
            for place, (each, count) in enumerate(zip(candidates, counts, strict=True))
            if (after := each.hidden.next_count(count)) is not None
        ]
        if not steps:
            break
        _, place, after = min(steps)
        excess -= (after - counts[place]) * candidates[place].work
        counts[place] = after
    return counts


class _Pruner:
    """Removes channels from a graph, step by step, and knows what its outputs were."""

    def __init__(self, source: TFLiteGraph, samples: Samples) -> None:
        self._samples = samples
        self._shown = [samples[place] for place in spread_places(len(samples), OUTPUT_SAMPLES)]
        self._distillation = Distillation.of(source)
        self._expected = list(_outputs(source, self._shown))
        self._sensitivities: dict[str, float] = {}  # of the layers as they were at first, by what their readers read

    def pruned(self, graph: TFLiteGraph, goal: float) -> TFLiteGraph:
        """A copy of the graph that has about `goal` work."""
        pruned = graph.copy()
        layers = _worthwhile(pruned)
        moments = channel_moments(pruned, [pruned.name(layer.read) for layer in layers], self._samples)
        candidates = [
            self._candidate(pruned, layer, HiddenChannels.of(pruned, layer, moments[pruned.name(layer.read)]))
            for layer in layers
        ]
        for each, count in zip(candidates, removed_counts(candidates, work(pruned) - goal), strict=True):
            if count:
                without_channels(pruned, each.layer, each.hidden, count)
        repairs.remove_unused(pruned)
        repairs.make_names_unique(pruned)  # of constants that were copied for one of their readers
        return pruned

    def _candidate(self, graph: TFLiteGraph, layer: HiddenLayer, hidden: HiddenChannels) -> Candidate:
        name = graph.name(layer.read)
        if name not in self._sensitivities:
            self._sensitivities[name] = self._sensitivity(graph, name, hidden)
        channels = len(hidden.means)
        return Candidate(layer, hidden, self._sensitivities[name], _work_around(graph, layer) / channels)

    def _sensitivity(self, graph: TFLiteGraph, name: str, hidden: HiddenChannels) -> float:
        """The error of the outputs for a loss of 1 in the layer, from the error for a small one."""
        count = min(max(int(np.searchsorted(hidden.losses, TRIED_LOSS)), 1), len(hidden.losses) - 1)
        tried = graph.copy()
        layer = next(each for each in hidden_layers(tried) if tried.name(each.read) == name)
        without_channels(tried, layer, hidden, count)
        pairs = zip(_outputs(tried, self._shown), self._expected, strict=True)
        error = float(np.mean([self._distillation.loss(*pair) for pair in pairs]))
        return max(error, LEAST_ERROR) / max(float(hidden.losses[count]), LEAST_LOSS)


def _worthwhile(graph: TFLiteGraph) -> list[HiddenLayer]:
    """The hidden layers that the graph works on long enough for a loss."""
    least = LEAST_WORK * work(graph)
    return [layer for layer in hidden_layers(graph) if _work_around(graph, layer) >= least]


def _work_around(graph: TFLiteGraph, layer: HiddenLayer) -> float:
    """The work of the layer's operators, which falls with the channels."""
    return sum(work_of(graph, operator) for operator in layer.operators)


def _channels(graph: TFLiteGraph) -> dict[str, int]:
    """How many each hidden layer has."""
    return {graph.name(layer.read): graph.shape(layer.read)[-1] for layer in hidden_layers(graph)}


def _outputs(graph: TFLiteGraph, samples: Samples) -> Iterator[list[NDArray[np.float32]]]:
    """The outputs for each photograph."""
    activations = Activations(graph.to_bytes())
    for sample in samples:
        activations.run(sample)
        yield [activations[graph.name(index)].copy() for index in graph.outputs]
