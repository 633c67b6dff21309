"""One run: make every model, let it find objects, time all of them in turn, and put the figures together."""

from __future__ import annotations

import errno
import gzip
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import manifest_path
from edge_detector.errors import SinkError
from edge_detector.registry import resolve
from edge_detector.workstation import fingerprint
from edge_detector.workstation.comparison.calibration_check import calibration_warnings
from edge_detector.workstation.comparison.delegation import delegation
from edge_detector.workstation.comparison.examination import Examination
from edge_detector.workstation.comparison.making import ComparisonRequest, MadeModel, make
from edge_detector.workstation.comparison.rows import Accuracy, Comparison, Measured, Row, Unmeasured
from edge_detector.workstation.comparison.store import Store
from edge_detector.workstation.comparison.tasks import EXAMINATIONS
from edge_detector.workstation.comparison.timing import Times, cores, machine, time_models
from edge_detector.workstation.comparison.variants import Variant
from edge_detector.workstation.graph.classifier import read_manifest
from edge_detector.workstation.graph.fewer_classes import class_ids
from edge_detector.workstation.graph.model_files import make_folder
from edge_detector.workstation.quantization.material import NotApplicable
from edge_detector.workstation.quantization.techniques import Data

log = logging.getLogger(__name__)

Given = TypeVar("Given")
Value = TypeVar("Value")

TIMING = "workstation/comparison"  # the room whose code decides what the times are
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
LONGEST_REASON = 300  # characters; TensorFlow's messages have pages


def compare(request: ComparisonRequest, variants: Sequence[Variant]) -> Comparison:
    """Everything about `variants`, of which the first is the reference. What an earlier run has kept is used again.

    A variant that fails is a row with the reason. Raises `ConfigError` and `ModelError` for a source or photographs
    that cannot be right, `SinkError` where the output cannot be written.
    """
    examination: Examination[Any] = resolve(EXAMINATIONS, request.task.option, kind="task")(request.truth)
    for path in request.data.values():
        fingerprint.photographs_digest(path)  # raises for missing files, before minutes of work
    models, measurements = _store(request.output / "models"), _store(request.output / "measurements")
    reference = make(variants[0], request, models)
    request = replace(request, source_size=read_manifest(manifest_path(reference.path)).input.size)
    _check_classes(reference.path, variants)
    warnings = _check_calibration(reference, variants, request, measurements)
    made, unmade = _make_all(variants, request, models)
    observed, unobserved = _each(made, lambda _, model: examination.observe(model, measurements))
    kept = {variant: made[variant] for variant in observed}
    times = _timed(kept, examination.paths[0], measurements)
    accuracies = examination.accuracies([model.path for model in kept.values()], list(observed.values()))
    return Comparison(
        source=request.source,
        truth=request.truth,
        pictures=len(examination.paths),
        given=frozenset(request.data),
        machine=machine(),
        rows=tuple(
            Row(variant, _measured(model, accuracy, times[variant.name]))
            for (variant, model), accuracy in zip(kept.items(), accuracies, strict=True)
        ),
        unmeasured=(*unmade, *unobserved),
        warnings=warnings,
        task=request.task,
        annotations=examination.annotations,
    )


def _store(folder: Path) -> Store:
    make_folder(folder)
    return Store(folder)


def _check_classes(reference: Path, variants: Iterable[Variant]) -> None:
    """Raises `ConfigError` for classes to keep that the model does not know, before minutes of work."""
    manifest = read_manifest(manifest_path(reference))
    for variant in variants:
        if variant.classes and manifest.labels:
            class_ids(variant.classes, read_labels(manifest.folder / manifest.labels, class_count=None))


def _check_calibration(
    reference: MadeModel, variants: Iterable[Variant], request: ComparisonRequest, store: Store
) -> tuple[str, ...]:
    used = any(Data.CALIBRATION in variant.entry.needs for variant in variants)
    return calibration_warnings(reference, request, store) if used and Data.CALIBRATION in request.data else ()


def _make_all(
    variants: Iterable[Variant], request: ComparisonRequest, store: Store
) -> tuple[dict[Variant, MadeModel], list[Unmeasured]]:
    lacking = {each: each.missing(request.data, request.task) for each in variants}
    skipped = [Unmeasured(each, missing, True) for each, missing in lacking.items() if missing]
    tried = {each: each for each, missing in lacking.items() if not missing}
    made, failed = _each(tried, lambda variant, _: make(variant, request, store))
    return made, [*failed, *skipped]


def _each(
    items: Mapping[Variant, Given], work: Callable[[Variant, Given], Value]
) -> tuple[dict[Variant, Value], list[Unmeasured]]:
    """What `work` gives for each variant, and those that it failed for. The first is the reference: it may not fail."""
    done: dict[Variant, Value] = {}
    failed = []
    for variant, item in items.items():
        try:
            done[variant] = work(variant, item)
        except Exception as error:  # a technique may fail in any way, and the others are still wanted
            _check_disk(variant, error)
            if not done:
                raise
            log.debug("%s: where it failed:", variant.name, exc_info=True)
            failed.append(Unmeasured(variant, _reason(error), skipped=isinstance(error, NotApplicable)))
            log.warning("%s: %s: %s", variant.name, failed[-1].state, failed[-1].reason)
    return done, failed


def _check_disk(variant: Variant, error: Exception) -> None:
    """Raises `SinkError` where the next variant would fail in the same way, because nothing can be written."""
    if isinstance(error, SinkError):
        raise error
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        raise SinkError(f"{variant.name}: cannot be written: {error.strerror}") from error


def _reason(error: Exception) -> str:
    """One line."""
    text = " ".join(str(error).split()) or "no message"
    known = type(error).__module__.startswith("edge_detector")
    return (text if known else f"{type(error).__name__}: {text}")[:LONGEST_REASON]


def _timed(made: Mapping[Variant, MadeModel], picture: Path, store: Store) -> dict[str, dict[int, Times]]:
    """Name -> number of threads -> times; all are measured again if one of the models is another."""
    paths = {variant.name: model.path for variant, model in made.items()}
    reference, found = next(iter(paths)), {name: dict[int, Times]() for name in paths}
    for threads in sorted({1, cores()}):
        record_name = f"times-{threads}"
        program = fingerprint.program_digest(TIMING)
        key = fingerprint.digest([model.digest for model in made.values()], list(paths), machine(), program)
        record = store.find(record_name, key)
        if record is None:
            log.info("timing %d models in turn, threads: %d", len(paths), threads)
            times = time_models(paths, picture, reference=reference, threads=threads)
            record = store.keep(record_name, key, {"times": {name: asdict(each) for name, each in times.items()}})
        for name, each in record["times"].items():
            found[name][threads] = Times(**each)
    return found


def _measured(model: MadeModel, accuracy: Accuracy, times: Mapping[int, Times]) -> Measured:
    content = model.path.read_bytes()
    return Measured(
        model=model.path,
        size_bytes=len(content),
        gzip_bytes=len(gzip.compress(content, mtime=0)),
        made_in_s=model.seconds,
        ap=accuracy.ap,
        ap50=accuracy.ap50,
        change=accuracy.change,
        class_changes=accuracy.class_changes,
        agreement=accuracy.agreement,
        times=times,
        operators=model.report["operators"],
        float_operators=model.report["float_operators"],
        delegation=delegation(model.path),
        runtimes=model.report["compatibility"]["runtimes"],
        edgetpu=tuple(model.report["compatibility"]["edgetpu"]),
        evaluation=accuracy.evaluation,
    )
