"""What a technique that rounds activations does first: check the photographs, then take the ranges from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.manifest import InputSpec
from edge_detector.errors import ConfigError
from edge_detector.workstation.calibration import input_probe, lint
from edge_detector.workstation.calibration.channel_sizes import channel_sizes
from edge_detector.workstation.calibration.lint import LintFinding, LintSeverity
from edge_detector.workstation.calibration.ranges import Range, Ranges, calibrate
from edge_detector.workstation.calibration.statistics import CalibrationStatistics, measure
from edge_detector.workstation.data.images import InputTensors, spread
from edge_detector.workstation.graph import equalization
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.progress import progress
from edge_detector.workstation.quantization.float_operators import chosen_operators
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.sections import CalibrationSummary
from edge_detector.workstation.quantization.techniques import Data


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """A float graph, and what the calibration photographs say about it."""

    graph: TFLiteGraph
    spec: InputSpec
    tensors: InputTensors
    ranges: Ranges
    summary: CalibrationSummary

    @classmethod
    def of(cls, material: Material) -> Calibrated:
        """Raises `ConfigError` if the photographs cannot be right, unless the user forces the conversion."""
        tensors = InputTensors(material.calibration_images(), material.source.manifest.input)
        material = _equalized(material, tensors)
        summary = check_photographs(material, tensors)
        return cls(
            material.source.graph,
            material.source.manifest.input,
            tensors,
            activation_ranges(material, tensors),
            summary,
        )

    def first(self, count: int) -> list[NDArray[np.float32]]:
        """The input tensors of the first `count` photographs."""
        return [tensor.copy() for tensor in islice(self.tensors, count)]

    def spread(self, count: int) -> list[NDArray[np.float32]]:
        """At most `count` of the input tensors, evenly spread over the photographs."""
        paths = spread(self.tensors.paths, count)
        return [tensor.copy() for tensor in InputTensors(paths, self.spec)]


def check_photographs(material: Material, tensors: InputTensors) -> CalibrationSummary:
    """What the calibration photographs look like to the model.

    Raises `ConfigError` if they cannot be right, unless the user forces the conversion.
    """
    spec = material.source.manifest.input
    statistics = measure(progress(tensors, "looking at the images"), expected=pixel_range(spec), color=spec.color)
    findings = _findings(material, tensors, statistics)
    errors = [finding.sentence for finding in findings if finding.severity is LintSeverity.ERROR]
    if errors and not material.options.force:
        origin = material.data[Data.CALIBRATION]
        raise ConfigError(f"{origin}: {'; '.join(errors)} (--force converts nevertheless)")
    return CalibrationSummary.of(statistics, findings, method=material.options.calibration_method)


def _equalized(material: Material, tensors: InputTensors) -> Material:
    """The material with a graph that computes the same, but whose first SiLUs have channels of equal size.

    Raises `ConfigError` if there is nothing to equalize although the user asks for it.
    """
    if not material.options.equalize:
        return material
    graph = material.source.graph.copy()
    floats = chosen_operators(graph, material.options.float_operators)
    found = equalization.equalizable(graph, floats)[: material.options.equalize]
    if not found:
        raise ConfigError(f"--equalize {material.options.equalize}: the network has no SiLU that allows it")
    names = [graph.name(silu.source) for silu in found]
    equalization.equalize(graph, found, channel_sizes(graph, progress(tensors, "measuring channels"), names))
    return replace(material, source=replace(material.source, graph=graph))


def activation_ranges(material: Material, tensors: InputTensors) -> Ranges:
    """The range of every activation of the source; the input's is that of all pixels, whether they occur or not.

    Those that the material already has are taken as they are.
    """
    if material.ranges is not None:
        return material.ranges
    source = material.source
    ranges = calibrate(source.graph, tensors, material.options.calibration_method)
    return ranges | {source.graph.name(source.graph.inputs[0]): pixel_range(source.manifest.input)}


def pixel_range(spec: InputSpec) -> Range:
    """The real values that pixels from 0 to 255 become."""
    ends = ((0 - spec.mean) / spec.std, (255 - spec.mean) / spec.std)
    return Range(min(ends), max(ends))


def _findings(material: Material, tensors: InputTensors, statistics: CalibrationStatistics) -> tuple[LintFinding, ...]:
    found = lint.lint(statistics)
    if material.labels is None:  # the model can be asked only where its classes have names
        return found
    return found + input_probe.probe(material.source, material.labels, tensors.paths, material.data[Data.CALIBRATION])
