"""The models of a comparison: each is made once, and again only when what it depends on has changed."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from edge_detector.errors import ModelError
from edge_detector.types import Size
from edge_detector.workstation import fingerprint
from edge_detector.workstation.comparison.store import Store
from edge_detector.workstation.comparison.tasks import DETECTION, Task
from edge_detector.workstation.comparison.variants import Variant
from edge_detector.workstation.graph.fewer_classes import keep_classes
from edge_detector.workstation.graph.model_files import write_whole
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.compatibility import check_compatibility
from edge_detector.workstation.quantization.make_model import ConversionRequest, make_model
from edge_detector.workstation.quantization.material import NotApplicable
from edge_detector.workstation.quantization.techniques import Data, TechniqueOptions

log = logging.getLogger(__name__)

RUNTIME = "ai-edge-litert"  # that everything is measured with
SIDE_STEP = 32  # pixels of the input for one of the coarsest map: sides of most detectors are multiples of it
TRAINING_OPTIONS = ("steps", "batch", "rate")  # of `TechniqueOptions`: nothing else reads them


@dataclass(frozen=True, slots=True)
class ComparisonRequest:
    """What to compare and with which photographs."""

    source: Path
    truth: Path  # to measure with: annotations, or pictures in folders of their class
    output: Path  # the folder for models, measurements and reports
    data: Mapping[Data, Path] = field(default_factory=dict)  # to make models with
    options: TechniqueOptions = field(default_factory=TechniqueOptions)
    labels: Path | None = None
    input: Mapping[str, str | float] = field(default_factory=dict)  # as in `ConversionRequest`
    outputs: str = ""
    pythons: Mapping[str, Path] = field(default_factory=dict)
    task: Task = DETECTION
    source_size: Size | None = None  # of the source's input, once it is known


@dataclass(frozen=True, slots=True)
class MadeModel:
    """A model on disk, and what its conversion said."""

    path: Path
    digest: str  # of model and manifest
    seconds: float  # that making it took
    report: dict[str, Any]  # of the conversion, as in NAME.report.json

    def require_running(self) -> None:
        """Raises `ModelError` if the runtime that everything is measured with cannot run it."""
        answer = self.report["compatibility"]["runtimes"].get(RUNTIME, "ok")
        if answer != "ok":
            raise ModelError(f"{RUNTIME} cannot run it: {answer}")


def make(variant: Variant, request: ComparisonRequest, store: Store) -> MadeModel:
    """The variant's model in the folder of `store`, made now unless it is there already.

    Raises whatever the technique raises; `SinkError` if the model cannot be written.
    """
    key, path = _key(variant, request), store.path(variant.name, ".tflite")
    record = store.find(variant.name, key)
    if record is None or not path.is_file() or record["digest"] != fingerprint.model_digest(path):
        record = _make_now(variant, request, store, key)
    report = json.loads(path.with_suffix(".report.json").read_text(encoding="utf-8"))
    return MadeModel(path, record["digest"], record["seconds"], report)


def _make_now(variant: Variant, request: ComparisonRequest, store: Store, key: str) -> dict[str, Any]:
    log.info("%s: making the model", variant.name)
    store.forget(variant.name)
    started, path = time.monotonic(), store.path(variant.name, ".tflite")
    if variant.classes is None:
        make_model(_conversion(variant, request, path))
    else:
        _specialise(make(variant.whole, request, store), variant.classes, path, request)
    seconds = round(time.monotonic() - started, 1)
    return store.keep(variant.name, key, {"digest": fingerprint.model_digest(path), "seconds": seconds})


def _specialise(whole: MadeModel, classes: Sequence[str], path: Path, request: ComparisonRequest) -> None:
    """Write the model with these classes only, and what its conversion said, as far as it is another."""
    keep_classes(whole.path, classes, output=path)
    report = {
        **whole.report,
        "output": str(path),
        "output_bytes": path.stat().st_size,
        "operators": TFLiteGraph.load(path).op_counts(),
        "compatibility": asdict(check_compatibility(path, pythons=request.pythons)),
    }
    text = json.dumps(report, indent=2) + "\n"
    write_whole(path.with_suffix(".report.json"), lambda partial: partial.write_text(text, encoding="utf-8"))


def _conversion(variant: Variant, request: ComparisonRequest, output: Path) -> ConversionRequest:
    return ConversionRequest(
        source=request.source,
        output=output,
        quantize=variant.technique,
        data=_needed_data(variant, request),
        options=_bounded(variant, request),
        labels=request.labels,
        input=request.input,
        input_size=_input_size(variant, request),
        outputs=request.outputs,
        pythons=request.pythons,
    )


def _bounded(variant: Variant, request: ComparisonRequest) -> TechniqueOptions:
    """With the photographs to bound the loss on: never those that the comparison measures with."""
    bound = variant.options.max_loss is not None
    return replace(variant.options, annotations=request.data[Data.TRAINING]) if bound else variant.options


def _input_size(variant: Variant, request: ComparisonRequest) -> str:
    """Sides for the variant, multiples of `SIDE_STEP`; "" for those of the source.

    Raises `NotApplicable` if there are none.
    """
    if variant.input_scale == 1.0 or request.source_size is None:
        return ""
    sides = [round(side * variant.input_scale / SIDE_STEP) * SIDE_STEP for side in request.source_size]
    if not all(0 < new < old for new, old in zip(sides, request.source_size, strict=True)):
        raise NotApplicable(f"no side near {variant.input_scale:g} of the source's is a multiple of {SIDE_STEP} pixels")
    return "x".join(map(str, sides))


def _needed_data(variant: Variant, request: ComparisonRequest) -> dict[Data, Path]:
    return {data: request.data[data] for data in variant.needs}


def _key(variant: Variant, request: ComparisonRequest) -> str:
    """Of everything that the model depends on."""
    data = {str(name): fingerprint.photographs_digest(path) for name, path in _needed_data(variant, request).items()}
    labels = fingerprint.files_digest([request.labels]) if request.labels else ""
    return fingerprint.digest(
        fingerprint.model_digest(request.source),
        (variant.technique, _read_options(variant), _input_size(variant, request), variant.classes),
        (data, labels, dict(request.input), request.outputs),
        {name: str(python) for name, python in request.pythons.items()},
        fingerprint.program_digest(*_rooms(variant)),
    )


def _rooms(variant: Variant) -> tuple[str, ...]:
    """Those whose code decides what the model is."""
    trained = fingerprint.TRAINING if variant.trains else ()
    measured = fingerprint.MEASURING if variant.trains or variant.options.max_loss is not None else ()
    return (*fingerprint.MAKING, *measured, *trained)


def _read_options(variant: Variant) -> tuple[object, ...]:
    """The options that the technique reads, so that another number of steps leaves the untrained models as they are."""
    options = asdict(variant.options)
    unread = () if variant.trains else TRAINING_OPTIONS
    return tuple((name, value) for name, value in options.items() if name not in unread)
