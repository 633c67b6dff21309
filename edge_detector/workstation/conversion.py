"""The way of a model: float source, guards, calibration, quantizer, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ConfigError
from edge_detector.workstation import calibration_lint, compatibility, guards, input_probe, postprocess_op, quantize
from edge_detector.workstation.calibration import Range, calibrate
from edge_detector.workstation.calibration_lint import Finding, Severity
from edge_detector.workstation.calibration_statistics import measure
from edge_detector.workstation.conversion_report import CalibrationSummary, ConversionReport
from edge_detector.workstation.fidelity import TensorSnr, signal_to_noise
from edge_detector.workstation.float_source import FloatSource, open_source
from edge_detector.workstation.guards import DeadChannels, Tidied
from edge_detector.workstation.images import InputTensors, find_images, spread
from edge_detector.workstation.model_files import write_model
from edge_detector.workstation.progress import progress
from edge_detector.workstation.tflite_graph import TFLiteGraph

INT8 = "int8"
QUANTIZATIONS = (INT8, *quantize.UNCALIBRATED)
SNR_SAMPLES = 4


@dataclass(frozen=True, slots=True)
class Request:
    """What to convert and how."""

    source: Path
    output: Path
    quantize: str = INT8
    calibration: Path | None = None  # a folder of photographs or COCO annotations; int8 only
    labels: Path | None = None  # None: those of the source's manifest
    method: str = "minmax"
    samples: int = 128
    input_type: str = INT8  # or uint8, float32
    keep_postprocess: bool = False
    force: bool = False  # convert in spite of what the calibration linter finds
    input: dict[str, str | float] = field(default_factory=dict)  # fields of `InputSpec` the source does not say
    pythons: dict[str, Path] = field(default_factory=dict)  # runtime -> another Python that has it


@dataclass(frozen=True, slots=True)
class Quantized:
    """The result of the int8 path."""

    graph: TFLiteGraph
    dead_channels: tuple[DeadChannels, ...] = ()
    calibration: CalibrationSummary | None = None
    snr: tuple[TensorSnr, ...] = ()


def convert(request: Request) -> ConversionReport:
    """Write the model, its manifest and its report; the report.

    Raises `ConfigError` for a request or calibration images that cannot be right, `ModelError` for the source.
    """
    _check(request)
    source = open_source(request.source, keep_postprocess=request.keep_postprocess)
    source = replace(source, manifest=_with_input(source.manifest, request.input))
    places = _output_places(source)
    tidied = guards.tidy(source.graph)
    source = replace(source, manifest=_with_outputs(source.manifest, source.graph, places))
    result = _to_int8(source, request) if request.quantize == INT8 else _uncalibrated(source, request)
    manifest = _with_outputs(source.manifest, result.graph, places)
    labels = _labels(request, source.manifest)
    write_model(request.output, result.graph, manifest, anchors=source.anchors, labels=labels)
    report = _report(request, source, tidied, result)
    report.save(request.output)
    return report


def _check(request: Request) -> None:
    if request.output.suffix != ".tflite":
        raise ConfigError(f"--output {request.output}: expected a name that ends in .tflite")
    if request.output.resolve() == request.source.resolve():
        raise ConfigError(f"--output {request.output}: is the source itself; expected another name")
    if request.quantize == INT8 and request.calibration is None:
        raise ConfigError("int8 needs --calibration: a folder of photographs, or a COCO annotation file")
    if request.quantize != INT8 and request.input_type not in (INT8, "float32"):
        raise ConfigError(f"--input-type {request.input_type}: only an int8 model takes it")


def _with_input(manifest: Manifest, fields: dict[str, str | float]) -> Manifest:
    return replace(manifest, input=replace(manifest.input, **fields))  # type: ignore[arg-type]


def _output_places(source: FloatSource) -> dict[str, int]:
    """Role -> place among the outputs: names may change on the way, places do not."""
    names = [source.graph.name(index) for index in source.graph.outputs]
    return {role: names.index(name) for role, name in source.manifest.outputs.items()}


def _with_outputs(manifest: Manifest, graph: TFLiteGraph, places: dict[str, int]) -> Manifest:
    return replace(manifest, outputs={role: graph.name(graph.outputs[place]) for role, place in places.items()})


def _uncalibrated(source: FloatSource, request: Request) -> Quantized:
    return Quantized(quantize.UNCALIBRATED[request.quantize](source.graph))


def _to_int8(source: FloatSource, request: Request) -> Quantized:
    assert request.calibration is not None
    spec = source.manifest.input
    images = InputTensors(spread(find_images(request.calibration), request.samples), spec)
    summary = _lint(source, images, request)
    ranges = calibrate(source.graph, images, request.method)
    ranges[source.graph.name(source.graph.inputs[0])] = pixel_range(spec)
    guarded = source.graph.copy()
    dead = guards.raise_dead_channels(guarded, {name: each.scale() for name, each in ranges.items()})
    graph = quantize.to_int8(guarded, ranges)
    snr = signal_to_noise(source.graph, graph, [sample.copy() for sample in islice(images, SNR_SAMPLES)])
    quantize.set_input_type(graph, request.input_type)
    return Quantized(graph, dead, summary, snr)


def pixel_range(spec: InputSpec) -> Range:
    """The real values that pixels from 0 to 255 become."""
    ends = ((0 - spec.mean) / spec.std, (255 - spec.mean) / spec.std)
    return Range(min(ends), max(ends))


def _lint(source: FloatSource, images: InputTensors, request: Request) -> CalibrationSummary:
    spec = source.manifest.input
    statistics = measure(progress(images, "looking at the images"), expected=pixel_range(spec), color=spec.color)
    findings = calibration_lint.lint(statistics) + _ask_the_model(source, images, request)
    errors = [finding.sentence for finding in findings if finding.severity is Severity.ERROR]
    if errors and not request.force:
        raise ConfigError(f"{request.calibration}: {'; '.join(errors)} (--force converts nevertheless)")
    return CalibrationSummary.of(statistics, findings, method=request.method)


def _ask_the_model(source: FloatSource, images: InputTensors, request: Request) -> tuple[Finding, ...]:
    """What the model itself says of its input; it can be asked only where its labels are known."""
    labels = _labels(request, source.manifest)
    if labels is None or request.calibration is None:
        return ()
    annotated = request.calibration if request.calibration.suffix == ".json" else None
    return input_probe.probe(source, labels, images.paths, annotated)


def _labels(request: Request, manifest: Manifest) -> Path | None:
    """The label file: the one asked for, else the source's, else none is known."""
    labels = request.labels or (manifest.folder / manifest.labels if manifest.labels else None)
    if labels is not None and not labels.is_file():
        raise ConfigError(f"--labels {labels}: no such file")
    return labels


def _report(request: Request, source: FloatSource, tidied: Tidied, result: Quantized) -> ConversionReport:
    return ConversionReport(
        source=str(request.source),
        output=str(request.output),
        quantize=request.quantize,
        source_bytes=_size(request.source),
        output_bytes=_size(request.output),
        operators=result.graph.op_counts(),
        float_operators=len(_before_heads(quantize.float_operators(result.graph))),
        weights_widened=source.widened,
        tidied=tidied,
        dead_channels=result.dead_channels,
        calibration=result.calibration,
        snr=result.snr,
        compatibility=compatibility.check(request.output, pythons=request.pythons),
    )


def _before_heads(operators: list[str]) -> list[str]:
    """Without a fused operator that was kept, and what turns floats into integers and back at the two ends."""
    return [name for name in operators if name not in ("QUANTIZE", "DEQUANTIZE", postprocess_op.POSTPROCESS)]


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
