"""The command edge-detector evaluate: accuracy, latency and size of one or several models, side by side."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.manifest import Manifest
from edge_detector.errors import ConfigError
from edge_detector.model_store.find import find_model
from edge_detector.workstation import extras

if TYPE_CHECKING:  # they import what only the extra [workstation] has
    from edge_detector.workstation.evaluation.measurement import Evaluation
    from edge_detector.workstation.evaluation.score_quality import ScoreQuality


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument("--model", "-m", type=Path, nargs="+", required=True, help="the .tflite files to compare")
    truths = parser.add_mutually_exclusive_group(required=True)
    truths.add_argument(
        "--annotations",
        type=Path,
        metavar="DATA",
        help="of detectors: labelled photographs, a folder or file of Pascal VOC, YOLO, COCO or TFRecord; of a set "
        "with parts, the test or else the validation part",
    )
    truths.add_argument(
        "--pictures",
        type=Path,
        help="of classifiers: a folder with a folder for each class, or a .csv of picture,class",
    )
    parser.add_argument(
        "--labels",
        "-l",
        type=Path,
        nargs="+",
        default=[],
        help="one file for each model, or one file for all models whose manifest names no labels",
    )
    parser.add_argument("--mean", type=float, help="of the input of models without a manifest; with --std")
    parser.add_argument("--std", type=float, help="real = (pixel - mean) / std")
    parser.add_argument("--runtime", default="auto", help="the interpreter (auto)")
    parser.add_argument("--threads", type=int, default=0, help="0: from the number of cores")
    parser.add_argument(
        "--output", type=Path, help="also write a report: NAME.html for people (of detectors), NAME.json for programs"
    )
    parser.add_argument(
        "--write-threshold", action="store_true", help="store the score with the best F1 in each model's manifest"
    )
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="fit a temperature, so that a score of 80%% is right 8 times in 10, and store it in each model's manifest",
    )


def main(args: argparse.Namespace) -> int:
    """Evaluate, print the table, and write the report."""
    extras.require("evaluating", "pycocotools", "tqdm", "jinja2", extra=extras.WORKSTATION)
    args.model = [find_model(model) for model in args.model]
    kind = next(option for option in EVALUATIONS if getattr(args, option) is not None)
    EVALUATIONS[kind](args)
    return 0


def _evaluate_classifiers(args: argparse.Namespace) -> None:
    from edge_detector.workstation.classification.measurement import measure_classifiers  # only now, as below
    from edge_detector.workstation.classification.pictures import read_pictures
    from edge_detector.workstation.classification.reports import check_output, json_report, text_report
    from edge_detector.workstation.graph.model_files import writing

    _check_for_classifiers(args)
    if args.output is not None:
        check_output(args.output)
    results = measure_classifiers(_configs(args), read_pictures(args.pictures))
    sys.stdout.write(text_report(results))
    if args.output is not None:
        with writing(args.output):
            args.output.write_text(json_report(results, args.pictures), encoding="utf-8")
        sys.stdout.write(f"report: {args.output}\n")


def _check_for_classifiers(args: argparse.Namespace) -> None:
    """Raises `ConfigError` for an option that means nothing for a classifier."""
    for option in ("write_threshold", "calibrate"):
        if getattr(args, option):
            raise ConfigError(f"--{option.replace('_', '-')} is of detectors; --pictures measures classifiers")


def _evaluate_detectors(args: argparse.Namespace) -> None:
    from edge_detector.workstation.data.measured_sets import read_measured_set  # only now: they import all of these
    from edge_detector.workstation.evaluation.measurement import measure_models
    from edge_detector.workstation.evaluation.report_formats import report_for
    from edge_detector.workstation.evaluation.text_report import scores_report, text_report
    from edge_detector.workstation.graph.model_files import writing

    _check_manifests(args)
    report = report_for(args.output) if args.output else None
    annotations = read_measured_set(args.annotations)
    results = measure_models(_configs(args), annotations)
    sys.stdout.write(text_report(results) + "".join(map(scores_report, results)))
    if report is not None:
        with writing(args.output):
            args.output.write_text(report(results, annotations), encoding="utf-8")
        sys.stdout.write(f"report: {args.output}\n")
    if args.calibrate or args.write_threshold:
        for result in results:
            _store(result, calibrate=args.calibrate, threshold=args.write_threshold)


# The option that names the truth -> what models of that kind are measured by.
EVALUATIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "annotations": _evaluate_detectors,
    "pictures": _evaluate_classifiers,
}


def _check_manifests(args: argparse.Namespace) -> None:
    """Before the work, not after it. Raises `ConfigError` if no manifest to write to."""
    for model in args.model if args.calibrate or args.write_threshold else ():
        path = manifests.manifest_path(model)
        if not path.is_file():
            raise ConfigError(f"{path}: no manifest to write to; edge-detector inspect --write-manifest makes one")


def _store(result: Evaluation, *, calibrate: bool, threshold: bool) -> None:
    """Write what was asked for into the manifest; with a new temperature the threshold there keeps its meaning."""
    from edge_detector.workstation.evaluation.manifest_scores import store_scores

    path = manifests.manifest_path(result.model)
    values = new_scores(manifests.read(path), result.quality, calibrate=calibrate, threshold=threshold)
    store_scores(path, values)
    said = ", ".join(f"{key} = {value:g}" for key, value in values.items())
    sys.stdout.write(f"{path}: [scores] {said}\n")


def new_scores(manifest: Manifest, quality: ScoreQuality, *, calibrate: bool, threshold: bool) -> dict[str, float]:
    """The keys of [scores] to write; the threshold is always of scores as they will be shown."""
    from edge_detector.detect.score_scale import ScoreScale
    from edge_detector.workstation.evaluation.score_quality import rescaled

    temperature = quality.fitted_temperature if calibrate else quality.temperature
    before = quality.best.threshold if threshold else manifest.scores.confidence
    values = {"confidence": rescaled(before, ScoreScale(quality.temperature), ScoreScale(temperature))}
    return {**values, "temperature": temperature} if calibrate else values


def _configs(args: argparse.Namespace) -> list[Config]:
    labels = args.labels or [None] * len(args.model)
    if len(labels) == 1 < len(args.model):  # one file, for all models whose manifest names no labels
        labels = [None if _names_its_labels(model) else labels[0] for model in args.model]
    if len(labels) != len(args.model):
        raise ConfigError(f"--labels: {len(labels)} files for {len(args.model)} models; expected one, or one each")
    return [
        Config(model=model, labels=file, runtime=args.runtime, threads=args.threads, mean=args.mean, std=args.std)
        for model, file in zip(args.model, labels, strict=True)
    ]


def _names_its_labels(model: Path) -> bool:
    from edge_detector.workstation.graph.classifier import read_manifest  # of both kinds

    manifest = manifests.manifest_path(model)
    return manifest.is_file() and bool(read_manifest(manifest).labels)
