"""Full int8, and the proof of what it cost: linter, calibration, guard, quantizer, bias correction, comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from edge_detector.detect.manifest import InputSpec
from edge_detector.errors import ConfigError
from edge_detector.workstation.calibration import input_probe, lint
from edge_detector.workstation.calibration.lint import Severity
from edge_detector.workstation.calibration.ranges import Range, calibrate
from edge_detector.workstation.calibration.statistics import measure
from edge_detector.workstation.data.images import InputTensors, spread
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.float_source import FloatSource
from edge_detector.workstation.graph.repairs import DeadChannels
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.progress import progress
from edge_detector.workstation.quantization import quantizer
from edge_detector.workstation.quantization.bias_correction import BiasCorrection, correct_biases
from edge_detector.workstation.quantization.fidelity import TensorSnr, signal_to_noise
from edge_detector.workstation.quantization.report import CalibrationSummary

SNR_SAMPLES = 4
BIAS_SAMPLES = 32  # the means of four times as many give biases no better by any measure


@dataclass(frozen=True, slots=True)
class Calibration:
    """The photographs that ranges are taken from, and how."""

    origin: Path  # the folder or the COCO annotation file the images come from
    images: Sequence[Path]
    method: str = "minmax"
    force: bool = False  # go on in spite of what the linter finds


@dataclass(frozen=True, slots=True)
class Quantized:
    """A quantized graph; what is known besides, of int8 only."""

    graph: TFLiteGraph
    dead_channels: tuple[DeadChannels, ...] = ()
    calibration: CalibrationSummary | None = None
    biases: BiasCorrection | None = None
    snr: tuple[TensorSnr, ...] = ()


def to_int8(source: FloatSource, calibration: Calibration, labels: Path | None) -> Quantized:
    """The int8 graph. Raises `ConfigError` if the calibration images cannot be right."""
    tensors = InputTensors(calibration.images, source.manifest.input)
    summary = _lint(source, tensors, calibration, labels)
    ranges = calibrate(source.graph, tensors, calibration.method)
    ranges[source.graph.name(source.graph.inputs[0])] = pixel_range(source.manifest.input)
    guarded = source.graph.copy()
    dead = repairs.raise_dead_channels(guarded, {name: each.scale() for name, each in ranges.items()})
    graph = quantizer.to_int8(guarded, ranges)
    samples = InputTensors(spread(calibration.images, BIAS_SAMPLES), source.manifest.input)
    biases = correct_biases(source.graph, graph, [tensor.copy() for tensor in samples])
    snr = signal_to_noise(source.graph, graph, [tensor.copy() for tensor in islice(tensors, SNR_SAMPLES)])
    return Quantized(graph, dead, summary, biases, snr)


def pixel_range(spec: InputSpec) -> Range:
    """The real values that pixels from 0 to 255 become."""
    ends = ((0 - spec.mean) / spec.std, (255 - spec.mean) / spec.std)
    return Range(min(ends), max(ends))


def _lint(
    source: FloatSource, tensors: InputTensors, calibration: Calibration, labels: Path | None
) -> CalibrationSummary:
    spec = source.manifest.input
    statistics = measure(progress(tensors, "looking at the images"), expected=pixel_range(spec), color=spec.color)
    findings = lint.lint(statistics)
    if labels is not None:  # the model can be asked only where its classes have names
        findings += input_probe.probe(source, labels, calibration.images, calibration.origin)
    errors = [finding.sentence for finding in findings if finding.severity is Severity.ERROR]
    if errors and not calibration.force:
        raise ConfigError(f"{calibration.origin}: {'; '.join(errors)} (--force converts nevertheless)")
    return CalibrationSummary.of(statistics, findings, method=calibration.method)
