"""Quantization-aware training: the weights learn to live with activations that are rounded to int8.

Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference". What
is learnt is the float source's own outputs, so that any family of models can be trained, and no label is needed; the
labelled photographs that are held out decide whether the result is better than plain int8.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.compression.held_out import accuracies
from edge_detector.workstation.compression.int8_result import finished_in_int8, source_ranges
from edge_detector.workstation.compression.towards_source import plan_of, train_towards_source
from edge_detector.workstation.compression.training_data import read_training_data
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.report import Section

BIAS = 2  # the place among an operator's inputs
RATE = 1e-5  # the weights are nearly right already
RATE_PER_TENSOR = 2e-5  # with one scale for a whole layer, more is to be repaired
_UNMEASURED = {
    "trained": "whether this is better than plain int8 was not measured: there are no labels to measure it with",
    "plain": "training did not help, for no round of it came nearer to the float model; plain int8 is what was written",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Plain int8 and the trained model, both as int8 files, on the photographs held out."""

    photographs: int
    figure: str  # what was measured: "mAP", or "top-1" of a classifier
    plain: float | None  # None: nothing to measure it with
    trained: float | None
    kept: str  # "trained" or "plain"

    def section(self) -> Section:
        """For the report."""
        return Section("against_plain_int8", self, (self._sentence(),))

    def _sentence(self) -> str:
        if self.plain is None or self.trained is None:
            return _UNMEASURED[self.kept]
        said = (
            f"{self.figure} on {self.photographs} photographs held out: {self.trained:.3f} trained, {self.plain:.3f} "
            "plain int8"
        )
        return said if self.kept == "trained" else f"{said}; training did not help, so plain int8 is what was written"


def to_qat(material: Material) -> TechniqueResult:
    """The int8 graph of the trained source, or of the source itself if that is better on the photographs held out."""
    return _better(material, per_channel=True)


def to_qat_per_tensor(material: Material) -> TechniqueResult:
    """As `to_qat`, but with one scale for all weights of an operator, which are rounded in the training then."""
    return _better(material, per_channel=False)


def _better(material: Material, *, per_channel: bool) -> TechniqueResult:
    data = read_training_data(material)
    ranges = source_ranges(material)
    plain = finished_in_int8(material, material.source.graph, ranges, per_channel=per_channel)
    tuned = train_towards_source(
        material,
        data,
        start=None if per_channel else with_biases(material.source.graph, plain.graph),
        ranges=ranges,
        plan=plan_of(material.options, rate=RATE if per_channel else RATE_PER_TENSOR),
        one_scale=not per_channel,
        stage="qat" if per_channel else "qat-per-tensor",
    )
    trained = finished_in_int8(material, tuned.graph, ranges, trained_rounded=True, per_channel=per_channel)
    measured = accuracies(material, [plain.graph, trained.graph], data.held_out)
    # Without bias correction, which was left to the training, the weights of the start are worse than plain int8.
    worse = measured[1] < measured[0] if measured else tuned.result.best_steps == 0
    chosen = plain if worse else trained
    before, after = measured or (None, None)
    kept = "plain" if worse else "trained"
    comparison = Comparison(len(data.held_out.files), data.held_out.figure, before, after, kept)
    return replace(chosen, sections=(*chosen.sections, tuned.section(data), comparison.section()))


def with_biases(graph: TFLiteGraph, quantized: TFLiteGraph) -> TFLiteGraph:
    """A copy of the float graph with the biases of the int8 one, which were corrected, as real numbers."""
    copy, biases = graph.copy(), dict(_real_biases(quantized))
    for operator in copy.operators:
        name = copy.name(int(operator.outputs[0]))
        if name in biases:
            copy.set_constant(int(operator.inputs[BIAS]), biases[name])  # the source has one for each reader
    return copy


def _real_biases(graph: TFLiteGraph) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """(name of the operator's output, bias) of each int32 bias."""
    for operator in graph.operators:
        inputs = op_tensors(operator.inputs)
        if len(inputs) <= BIAS or graph.dtype(inputs[BIAS]) != np.int32:
            continue
        value, parameters = graph.constant(inputs[BIAS]), graph.quantization(inputs[BIAS])
        if value is not None and parameters is not None:
            yield graph.name(int(operator.outputs[0])), (value * parameters[0]).astype(np.float32)
