"""The command edge-detector evaluate: accuracy, latency and size of one or several models, side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.errors import ConfigError
from edge_detector.model_store.find import find_model
from edge_detector.workstation import extras


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument("--model", "-m", type=Path, nargs="+", required=True, help="the .tflite files to compare")
    parser.add_argument("--annotations", type=Path, required=True, help="COCO annotations; images lie relative to it")
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
    parser.add_argument("--output", type=Path, help="also write a report: NAME.html for people, NAME.json for programs")


def main(args: argparse.Namespace) -> int:
    """Evaluate, print the table, and write the report."""
    extras.require("evaluating", "pycocotools", "tqdm", "jinja2", extra=extras.WORKSTATION)
    from edge_detector.workstation.data.coco import load_annotations  # only now: they import all of these
    from edge_detector.workstation.evaluation.measurement import measure_models
    from edge_detector.workstation.evaluation.report_formats import report_for
    from edge_detector.workstation.evaluation.text_report import text_report
    from edge_detector.workstation.graph.model_files import writing

    report = report_for(args.output) if args.output else None
    annotations = load_annotations(args.annotations)
    results = measure_models(_configs(args), annotations)
    sys.stdout.write(text_report(results))
    if report is not None:
        with writing(args.output):
            args.output.write_text(report(results, annotations), encoding="utf-8")
        sys.stdout.write(f"report: {args.output}\n")
    return 0


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
    manifest = manifests.manifest_path(find_model(model))
    return manifest.is_file() and bool(manifests.read(manifest).labels)
