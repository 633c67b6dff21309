"""One run: make every model, let it find objects, time all of them in turn, and put the figures together."""

from __future__ import annotations

import errno
import gzip
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.errors import SinkError
from edge_detector.workstation.comparison import fingerprint
from edge_detector.workstation.comparison.calibration_check import calibration_warnings
from edge_detector.workstation.comparison.delegation import delegation
from edge_detector.workstation.comparison.detections import observed_by
from edge_detector.workstation.comparison.making import ComparisonRequest, MadeModel, make
from edge_detector.workstation.comparison.rows import Comparison, Measured, Row, Unmeasured
from edge_detector.workstation.comparison.store import Store
from edge_detector.workstation.comparison.timing import Times, cores, machine, time_models
from edge_detector.workstation.comparison.variants import Variant
from edge_detector.workstation.data.coco import Annotations, load_annotations
from edge_detector.workstation.evaluation.agreement import agreement
from edge_detector.workstation.evaluation.measurement import Evaluation, Observed, evaluations
from edge_detector.workstation.graph.model_files import make_folder
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
    annotations = load_annotations(request.annotations)
    for path in request.data.values():
        fingerprint.photographs_digest(path)  # raises for missing files, before minutes of work
    models, measurements = _store(request.output / "models"), _store(request.output / "measurements")
    reference = make(variants[0], request, models)
    request = replace(request, source_size=manifests.read(manifests.manifest_path(reference.path)).input.size)
    warnings = _check_calibration(reference, variants, request, measurements)
    made, unmade = _make_all(variants, request, models)
    observed, unobserved = _each(made, lambda _, model: observed_by(model, annotations, measurements))
    kept = {variant: made[variant] for variant in observed}
    times = _timed(kept, annotations, measurements)
    return Comparison(
        source=request.source,
        annotations=annotations,
        given=frozenset(request.data),
        machine=machine(),
        rows=tuple(_rows(kept, list(observed.values()), times, annotations)),
        unmeasured=(*unmade, *unobserved),
        warnings=warnings,
    )


def _store(folder: Path) -> Store:
    make_folder(folder)
    return Store(folder)


def _check_calibration(
    reference: MadeModel, variants: Iterable[Variant], request: ComparisonRequest, store: Store
) -> tuple[str, ...]:
    used = any(Data.CALIBRATION in variant.entry.needs for variant in variants)
    return calibration_warnings(reference, request, store) if used and Data.CALIBRATION in request.data else ()


def _make_all(
    variants: Iterable[Variant], request: ComparisonRequest, store: Store
) -> tuple[dict[Variant, MadeModel], list[Unmeasured]]:
    skipped = [Unmeasured(each, missing, True) for each in variants if (missing := each.missing(request.data))]
    tried = {each: each for each in variants if not each.missing(request.data)}
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
            log.warning("%s: failed: %s", variant.name, _reason(error))
            failed.append(Unmeasured(variant, _reason(error)))
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


def _timed(made: Mapping[Variant, MadeModel], annotations: Annotations, store: Store) -> dict[str, dict[int, Times]]:
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
            times = time_models(paths, annotations.images[0][1], reference=reference, threads=threads)
            record = store.keep(record_name, key, {"times": {name: asdict(each) for name, each in times.items()}})
        for name, each in record["times"].items():
            found[name][threads] = Times(**each)
    return found


def _rows(
    made: Mapping[Variant, MadeModel],
    observed: Sequence[Observed],
    times: Mapping[str, Mapping[int, Times]],
    annotations: Annotations,
) -> Iterable[Row]:
    configs = [Config(model=model.path) for model in made.values()]
    results = evaluations(configs, observed, annotations)
    for (variant, model), result in zip(made.items(), results, strict=True):
        yield Row(variant, _measured(model, result, results[0], times[variant.name]))


def _measured(model: MadeModel, result: Evaluation, reference: Evaluation, times: Mapping[int, Times]) -> Measured:
    content = model.path.read_bytes()
    own = known_classes(result)
    theirs = {each.name: each for each in reference.metrics.classes if each.name in own}
    classes = [each for each in result.metrics.classes if each.name in own]
    changes = {each.name: each.ap - theirs[each.name].ap for each in classes}
    return Measured(
        model=model.path,
        size_bytes=len(content),
        gzip_bytes=len(gzip.compress(content, mtime=0)),
        made_in_s=model.seconds,
        ap=_mean([each.ap for each in classes]),
        ap50=_mean([each.ap50 for each in classes]),
        change=_mean(list(changes.values())),
        class_changes=changes,
        agreement=agreement(result, reference),
        times=times,
        operators=model.report["operators"],
        float_operators=model.report["float_operators"],
        delegation=delegation(model.path),
        runtimes=model.report["compatibility"]["runtimes"],
        edgetpu=tuple(model.report["compatibility"]["edgetpu"]),
        evaluation=result,
    )


def known_classes(result: Evaluation) -> set[str]:
    """The categories that the model has a label for and that are on the photographs."""
    unknown = set(result.matching.unmatched_categories)
    return {each.name for each in result.metrics.classes} - unknown


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0
