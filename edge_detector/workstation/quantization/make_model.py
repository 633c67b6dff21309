"""From a float source to the small model on disk: read it, repair it, apply the technique, write it, report."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_detector.config import Config
from edge_detector.detect.description import FUSED_OP
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import Manifest
from edge_detector.errors import ConfigError
from edge_detector.registry import resolve, unknown
from edge_detector.workstation import extras
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.classifier import CLASSIFIER
from edge_detector.workstation.graph.float_source import FloatSource, output_places, read_float_source, with_outputs
from edge_detector.workstation.graph.input_size import read_size, with_input_size
from edge_detector.workstation.graph.model_files import make_folder, write_model, writing
from edge_detector.workstation.graph.repairs import Tidied
from edge_detector.workstation.graph.tflite_graph import TYPES, TFLiteGraph
from edge_detector.workstation.quantization import compatibility
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.report import ConversionReport
from edge_detector.workstation.quantization.techniques import (
    DEFAULT,
    EXPECTED,
    TECHNIQUES,
    Data,
    Technique,
    TechniqueOptions,
)


@dataclass(frozen=True, slots=True)
class ConversionRequest:
    """What to convert and how."""

    source: Path
    output: Path
    quantize: str = DEFAULT  # one of `TECHNIQUES`
    data: Mapping[Data, Path] = field(default_factory=dict)  # the photographs that the technique needs
    options: TechniqueOptions = field(default_factory=TechniqueOptions)
    input_type: str | None = None  # None: the first of the technique's
    labels: Path | None = None  # None: those of the source's manifest
    keep_postprocess: bool = False
    input: Mapping[str, str | float] = field(default_factory=dict)  # fields of `InputSpec` the source does not say
    input_size: str = ""  # W or WxH, pixels; "": that of the source
    outputs: str = ""  # ROLE=TENSOR,... of a .tflite source without a manifest whose outputs are not recognised
    pythons: Mapping[str, Path] = field(default_factory=dict)  # runtime -> another Python that has it

    @property
    def technique(self) -> Technique:
        return TECHNIQUES[self.quantize]


def make_model(request: ConversionRequest) -> ConversionReport:
    """Write the model, its manifest and its report; the report.

    Raises `ConfigError` for a request or photographs that cannot be right, `ModelError` for the source.
    """
    _check(request)
    size = read_size(request.input_size) if request.input_size else None
    source = read_float_source(
        request.source,
        _answers(request),
        keep_postprocess=request.keep_postprocess,
        input_size=size,
    )
    source = replace(source, manifest=_with_input(source.manifest, request.input))
    source = source if size is None else with_input_size(source, size)
    _check_task(request, source.manifest)
    labels = _labels(request, source)
    places = output_places(source)
    tidied = repairs.tidy(source.graph)
    source = replace(source, manifest=with_outputs(source.manifest, source.graph, places))
    result = _apply_technique(request, source, labels)
    _write(request.output, result, result.source or source, places, labels)
    report = _report(request, source, tidied, result)
    with writing(request.output):
        report.save(request.output)
    shutil.rmtree(_checkpoints(request), ignore_errors=True)
    return report


def _check(request: ConversionRequest) -> None:
    if request.output.suffix != ".tflite":
        raise ConfigError(f"--output {request.output}: expected a name that ends in .tflite")
    if request.output.resolve() == request.source.resolve():
        raise ConfigError(f"--output {request.output}: is the source itself; expected another name")
    _check_technique(request)
    make_folder(request.output.parent)  # now, not after minutes of work


def _check_task(request: ConversionRequest, manifest: Manifest) -> None:
    """Refuse what measures with labelled boxes for a classifier, which has none."""
    if manifest.family == CLASSIFIER and request.options.max_loss is not None:
        raise ConfigError(f"--max-loss measures detectors only; {request.source} is a classifier")


def _check_technique(request: ConversionRequest) -> None:
    name = request.quantize
    if name not in TECHNIQUES:
        raise ConfigError(unknown("technique", name, TECHNIQUES))
    for data in request.technique.needs:
        if data not in request.data:
            raise ConfigError(f"{name} needs --{data}: {EXPECTED[data]}")
    extras.require(f"the technique {name}", *request.technique.packages, extra=extras.TRAINING)
    kinds = request.technique.input_types
    if request.input_type is not None and request.input_type not in kinds:
        raise ConfigError(f"--input-type {request.input_type}: a model made with {name} takes {' or '.join(kinds)}")


def _answers(request: ConversionRequest) -> Config:
    """What the request says of input and outputs, for a source that says nothing; both or none of mean and std."""
    mean, std = (request.input.get(name) for name in ("mean", "std"))
    answers = Config(outputs=request.outputs)
    return answers if mean is None or std is None else replace(answers, mean=float(mean), std=float(std))


def _with_input(manifest: Manifest, fields: Mapping[str, str | float]) -> Manifest:
    return replace(manifest, input=replace(manifest.input, **fields))  # type: ignore[arg-type]


def _apply_technique(request: ConversionRequest, source: FloatSource, labels: Path | None) -> TechniqueResult:
    functions = {name: technique.function for name, technique in TECHNIQUES.items()}
    function: Callable[[Material], TechniqueResult] = resolve(functions, request.quantize, kind="technique")
    input_type = request.input_type or request.technique.input_types[0]
    checkpoints = _checkpoints(request)
    material = Material(source, labels, input_type, request.data, request.options, checkpoints=checkpoints)
    return function(material)


def _checkpoints(request: ConversionRequest) -> Path:
    """The folder, beside the output, that a technique which trains may fill."""
    return request.output.with_suffix(".checkpoints")


def _write(
    output: Path, result: TechniqueResult, source: FloatSource, places: dict[str, int], labels: Path | None
) -> None:
    manifest = with_outputs(source.manifest, result.graph, places)
    write_model(output, result.graph, manifest, anchors=source.anchors, labels=labels)


def _labels(request: ConversionRequest, source: FloatSource) -> Path | None:
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
    scores = source.graph.outputs[output_places(source)["scores"]]
    return source.graph.shape(scores)[2] - int(manifest.decode.background)


def _report(
    request: ConversionRequest, source: FloatSource, tidied: Tidied, result: TechniqueResult
) -> ConversionReport:
    return ConversionReport(
        source=str(request.source),
        output=str(request.output),
        quantize=request.quantize,
        weight_bits=request.technique.weight_bits,
        activation_bits=request.technique.activation_bits,
        source_bytes=_size(request.source),
        output_bytes=_size(request.output),
        operators=result.graph.op_counts(),
        float_operators=len(_float_operators(result.graph)),
        weights_widened=source.widened,
        tidied=tidied,
        sections=result.sections,
        compatibility=compatibility.check_compatibility(request.output, pythons=request.pythons),
    )


def _float_operators(graph: TFLiteGraph) -> list[str]:
    """The names of operators that read or write floats.

    A fused operator that was kept, and what turns floats into integers and back at the two ends, do not count.
    """
    return [
        name
        for operator in graph.operators
        if (name := graph.op_name(operator)) not in ("QUANTIZE", "DEQUANTIZE", FUSED_OP)
        and any(graph.tensors[i].type == TYPES[np.dtype(np.float32)] for i in (*operator.inputs, *operator.outputs))
    ]


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
