"""The way of a model: float source, guards, calibration, quantizer, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from edge_detector.config import Config
from edge_detector.detect.description import FUSED_OP
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import Manifest
from edge_detector.errors import ConfigError
from edge_detector.workstation.data.images import find_images, spread
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.float_source import FloatSource, open_source
from edge_detector.workstation.graph.model_files import make_folder, write_model, writing
from edge_detector.workstation.graph.repairs import Tidied
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization import compatibility, quantizer
from edge_detector.workstation.quantization.int8 import Calibration, Quantized, to_int8
from edge_detector.workstation.quantization.report import ConversionReport

INT8 = "int8"


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


def convert(request: Request) -> ConversionReport:
    """Write the model, its manifest and its report; the report.

    Raises `ConfigError` for a request or calibration images that cannot be right, `ModelError` for the source.
    """
    _check(request)
    source = open_source(request.source, _answers(request), keep_postprocess=request.keep_postprocess)
    source = replace(source, manifest=_with_input(source.manifest, request.input))
    labels = _labels(request, source)
    places = _output_places(source)
    tidied = repairs.tidy(source.graph)
    source = replace(source, manifest=_with_outputs(source.manifest, source.graph, places))
    result = _quantized(source, request, labels)
    manifest = _with_outputs(source.manifest, result.graph, places)
    write_model(request.output, result.graph, manifest, anchors=source.anchors, labels=labels)
    report = _report(request, source, tidied, result)
    with writing(request.output):
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
    make_folder(request.output.parent)  # now, not after minutes of work


def _answers(request: Request) -> Config:
    """What the request says of the input, for a source that says nothing; both or none of mean and std."""
    mean, std = (request.input.get(name) for name in ("mean", "std"))
    return Config() if mean is None or std is None else Config(mean=float(mean), std=float(std))


def _with_input(manifest: Manifest, fields: dict[str, str | float]) -> Manifest:
    return replace(manifest, input=replace(manifest.input, **fields))  # type: ignore[arg-type]


def _output_places(source: FloatSource) -> dict[str, int]:
    """Role -> place among the outputs: names may change on the way, places do not."""
    names = [source.graph.name(index) for index in source.graph.outputs]
    return {role: names.index(name) for role, name in source.manifest.outputs.items()}


def _with_outputs(manifest: Manifest, graph: TFLiteGraph, places: dict[str, int]) -> Manifest:
    return replace(manifest, outputs={role: graph.name(graph.outputs[place]) for role, place in places.items()})


def _quantized(source: FloatSource, request: Request, labels: Path | None) -> Quantized:
    if request.quantize != INT8:
        return Quantized(quantizer.UNCALIBRATED[request.quantize](source.graph))
    assert request.calibration is not None
    images = spread(find_images(request.calibration), request.samples)
    calibration = Calibration(request.calibration, images, request.method, request.force)
    result = to_int8(source, calibration, labels)
    quantizer.set_input_type(result.graph, request.input_type)
    return result


def _labels(request: Request, source: FloatSource) -> Path | None:
    """The label file: the one asked for, else the source's, else none is known.

    Raises `ConfigError` if it cannot be read, or has not one label for each class.
    """
    manifest = source.manifest
    labels = request.labels or (manifest.folder / manifest.labels if manifest.labels else None)
    if labels is not None:
        read_labels(labels, class_count=_class_count(source))
    return labels


def _class_count(source: FloatSource) -> int | None:
    """The score columns that are classes; None where the shapes do not tell (yolo, fused)."""
    manifest = source.manifest
    if not isinstance(manifest.decode, SsdDecode) or manifest.decode.kind != "raw":
        return manifest.class_count or None
    scores = source.graph.outputs[_output_places(source)["scores"]]
    return source.graph.shape(scores)[2] - int(manifest.decode.background)


def _report(request: Request, source: FloatSource, tidied: Tidied, result: Quantized) -> ConversionReport:
    return ConversionReport(
        source=str(request.source),
        output=str(request.output),
        quantize=request.quantize,
        source_bytes=_size(request.source),
        output_bytes=_size(request.output),
        operators=result.graph.op_counts(),
        float_operators=len(_before_heads(quantizer.float_operators(result.graph))),
        weights_widened=source.widened,
        tidied=tidied,
        dead_channels=result.dead_channels,
        calibration=result.calibration,
        biases=result.biases,
        snr=result.snr,
        compatibility=compatibility.check(request.output, pythons=request.pythons),
    )


def _before_heads(operators: list[str]) -> list[str]:
    """Without a fused operator that was kept, and what turns floats into integers and back at the two ends."""
    return [name for name in operators if name not in ("QUANTIZE", "DEQUANTIZE", FUSED_OP)]


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
