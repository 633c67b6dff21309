"""edge-detector evaluate: accuracy, latency and size of one or several models, side by side."""

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
        help="one each, or one for those whose manifest names none",
    )
    parser.add_argument("--mean", type=float, help="of the input of models without a manifest; with --std")
    parser.add_argument("--std", type=float, help="real = (pixel - mean) / std")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: from the number of cores")
    parser.add_argument("--output", type=Path, help="write a report: report.html to look at, report.json to work with")


def main(args: argparse.Namespace) -> int:
    """Evaluate, print the table, and write the report."""
    extras.require("evaluating", "pycocotools", "tqdm", extra=extras.WORKSTATION)
    from edge_detector.workstation.data import coco  # only now: they import all of these
    from edge_detector.workstation.evaluation import measurement, report
    from edge_detector.workstation.graph import model_files

    writer = report.writer(args.output) if args.output else None
    annotations = coco.load(args.annotations)
    results = measurement.evaluate(_configs(args), annotations)
    sys.stdout.write(report.text(results))
    if writer is not None:
        with model_files.writing(args.output):
            args.output.write_text(writer(results, annotations), encoding="utf-8")
        sys.stdout.write(f"report: {args.output}\n")
    return 0


def _configs(args: argparse.Namespace) -> list[Config]:
    labels = args.labels or [None] * len(args.model)
    if len(labels) == 1 < len(args.model):  # one for all but those that say themselves what their labels are
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
