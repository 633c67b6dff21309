"""Bias correction: measure what rounding adds to each channel on average, and subtract it from the bias.

Rounding the weights shifts the mean of a channel's output a little, and the next layer reads these shifted values: at
the heads of a MobileNet the shift is a seventh of the signal. Empirical bias correction (Nagel et al. 2019, "Data-Free
Quantization Through Weight Equalization and Bias Correction", section 4.2) measures the shift on photographs and
subtracts it from the bias, one layer after the other; the layers before it are already corrected then. Layers of one
depth, such as the heads of several feature levels, do not read each other, and are corrected together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.activations import Activations
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.graph.repairs import CHANNEL_AXIS, remove_unused
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors
from edge_detector.workstation.progress import progress

SAMPLES = 32  # four times as many give biases that are no better by any measure
INT8 = np.iinfo(np.int8)
INT32 = np.iinfo(np.int32)

Means = dict[str, NDArray[np.float64]]  # activation -> (C,) the mean of each channel


@dataclass(frozen=True, slots=True)
class BiasCorrection:
    """How far the means of the channels are from those of the float graph, as a fraction of these."""

    operators: int  # whose biases were changed
    before: float
    after: float


def correct_biases(
    reference: TFLiteGraph, graph: TFLiteGraph, samples: Sequence[NDArray[Any]], *, kind: type[np.generic] = np.int32
) -> BiasCorrection:
    """Change the biases of `graph` until its channels have the means that they have in the float `reference`.

    `samples`: input tensors of `reference`, (1, H, W, 3). The graph runs over all of them once for each depth.
    `kind`: the type of the biases that change; float32 for a float graph whose weights are rounded.
    """
    biases = _biases(reference, graph, kind)
    ranges = {name: _representable(graph, name) for name in biases}
    expected = channel_means(reference, biases, samples, within=ranges)
    before = _distance(channel_means(graph, biases, samples), expected)
    for names in progress(_independent(graph, biases), "correcting biases"):
        found = channel_means(graph, names, samples)
        for name in names:
            _subtract(graph, biases[name], found[name] - expected[name])
    remove_unused(graph)  # the biases as they were before
    return BiasCorrection(len(biases), before, _distance(channel_means(graph, biases, samples), expected))


def channel_means(
    graph: TFLiteGraph,
    names: Iterable[str],
    samples: Sequence[NDArray[Any]],
    within: Mapping[str, Range] | None = None,
) -> Means:
    """The mean of each channel of the activations named, over all places of all samples.

    `within`: activation -> the range its values are clipped to first.
    """
    activations = Activations(graph.to_bytes())
    means: Means = dict.fromkeys(names, np.zeros(1))
    for sample in samples:
        activations.run(sample)
        for name in means:
            values = activations[name]
            clipped = values if within is None else values.clip(within[name].minimum, within[name].maximum)
            means[name] = means[name] + clipped.mean(axis=tuple(range(values.ndim - 1)), dtype=np.float64) / len(
                samples
            )
    return means


def _biases(reference: TFLiteGraph, graph: TFLiteGraph, kind: type[np.generic]) -> dict[str, int]:
    """Operator output -> bias of that type, in the order of computation; only outputs that both graphs have."""
    known = {reference.name(index) for index in range(len(reference.tensors))}
    found = {}
    for operator in graph.operators:
        name, inputs = graph.name(int(operator.outputs[0])), op_tensors(operator.inputs)
        if graph.op_name(operator) in CHANNEL_AXIS and len(inputs) == 3 and graph.dtype(inputs[2]) == kind:
            found[name] = inputs[2]
    return {name: bias for name, bias in found.items() if name in known}


def _independent(graph: TFLiteGraph, names: Iterable[str]) -> list[list[str]]:
    """The operator outputs named, in groups from the first to the last, of which none is computed from another."""
    wanted = set(names)
    depths: dict[int, int] = {}
    groups: dict[int, list[str]] = {}
    for operator in graph.operators:
        before = max((depths.get(index, 0) for index in op_tensors(operator.inputs)), default=0)
        name = graph.name(int(operator.outputs[0]))
        depth = before + (name in wanted)
        depths.update(dict.fromkeys(op_tensors(operator.outputs), depth))
        if name in wanted:
            groups.setdefault(depth, []).append(name)
    return [groups[depth] for depth in sorted(groups)]


def _representable(graph: TFLiteGraph, name: str) -> Range:
    """The real values that the int8 activation can take; a float one can take all."""
    index = next(index for index in range(len(graph.tensors)) if graph.name(index) == name)
    parameters = graph.quantization(index)
    if parameters is None:
        return Range(-np.inf, np.inf)
    (scale,), (zero_point,) = parameters
    return Range(float((INT8.min - zero_point) * scale), float((INT8.max - zero_point) * scale))


def _subtract(graph: TFLiteGraph, bias: int, shift: NDArray[np.float64]) -> None:
    """Subtract `shift` (C,), in real units, from the bias."""
    value, parameters = graph.constant(bias), graph.quantization(bias)
    assert value is not None
    if parameters is None:
        graph.set_constant(bias, (value - shift).astype(np.float32))
        return
    corrected = value - np.round(shift / parameters[0])
    graph.set_constant(bias, np.clip(corrected, INT32.min, INT32.max).astype(np.int32))


def _distance(means: Means, expected: Means) -> float:
    """How far the channels are off, as a fraction of their own mean size; the mean over the activations."""
    off = [np.abs(means[name] - expected[name]).mean() / max(np.abs(expected[name]).mean(), 1e-9) for name in expected]
    return float(np.mean(off)) if off else 0.0
