"""The command edge-detector compare: every quantization technique made from one float model, measured, and advice."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError, ModelError
from edge_detector.workstation import extras
from edge_detector.workstation.comparison.tasks import TASKS
from edge_detector.workstation.comparison.wishes import ALL, DEFAULT, WISHES
from edge_detector.workstation.quantization.techniques import TECHNIQUES, Data, TechniqueOptions

log = logging.getLogger(__name__)

NUMBERS = {  # of `TechniqueOptions`
    "samples": "calibration photographs used, spread evenly",
    "steps": "of training, where a technique trains",
    "batch": "photographs in one step of training",
}
TRAINING_FILE = "training.json"  # in the output folder, where several files are given


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument("source", type=Path, help="what convert takes: .tflite, .onnx, SavedModel, .keras")
    truths = parser.add_mutually_exclusive_group(required=True)
    truths.add_argument(
        "--annotations",
        type=Path,
        metavar="DATA",
        help="of a detector: labelled photographs to measure with, a folder or file of any format that evaluate takes",
    )
    truths.add_argument(
        "--pictures", type=Path, help="of a classifier: a folder with one for each class, or a .csv of picture,class"
    )
    parser.add_argument("--calibration", type=Path, help="photographs for the ranges of int8: a folder, or COCO")
    parser.add_argument(
        "--training",
        "--data",  # as it was called first
        type=Path,
        nargs="+",
        metavar="FILE.json",
        help="COCO annotations of photographs to train on, and to bound the loss of int8-mixed on; of a classifier, "
        "pictures as for --pictures",
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="a folder for reports, models and what is needed to continue"
    )
    parser.add_argument(
        "--techniques",
        default=ALL,
        metavar="NAME,...",
        help=f"which of {', '.join(TECHNIQUES)}; float32 is always one ({ALL})",
    )
    parser.add_argument(
        "--classes", default="", metavar="NAME,...", help="what a specialised model keeps, such as person,dog,cat"
    )
    parser.add_argument("--want", default=DEFAULT, choices=tuple(WISHES), help=f"what matters most ({DEFAULT})")
    _add_model_arguments(parser)


def _add_model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--labels", type=Path, help="the label file; default: what the source's manifest names")
    parser.add_argument("--force", action="store_true", help="go on even if the calibration photographs look wrong")
    for name in NUMBERS:
        default = getattr(TechniqueOptions(), name)
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{NUMBERS[name]} ({default})")
    parser.add_argument("--outputs", default="", metavar="ROLE=TENSOR,...", help="as in convert")
    parser.add_argument("--mean", type=float, help="of the input of a source without a manifest; with --std")
    parser.add_argument("--std", type=float, help="real = (pixel - mean) / std")
    parser.add_argument("--tflite-runtime-python", type=Path, help="a Python that has tflite-runtime, to try it there")


def main(args: argparse.Namespace) -> int:
    """Compare, write the reports, and print the table and the advice."""
    needed = ("ai_edge_litert", "ai_edge_quantizer", "pycocotools", "tqdm", "jinja2")
    extras.require("comparing", *needed, extra=extras.WORKSTATION)
    from edge_detector.workstation.comparison.comparing import compare  # only now: they import all of these
    from edge_detector.workstation.comparison.reports import write_reports
    from edge_detector.workstation.comparison.text_report import text_report
    from edge_detector.workstation.comparison.variants import choose, every_variant

    options = TechniqueOptions(force=args.force, **{name: getattr(args, name) for name in NUMBERS})
    variants = choose(every_variant(options, _classes(args.classes)), args.techniques)
    _check(args)
    try:
        comparison = compare(_request(args, options), variants)
    except KeyboardInterrupt:
        log.info("stopped; what is done is kept in %s, and the same command continues there", args.output)
        raise
    sys.stdout.write(text_report(comparison, args.want))
    for path in write_reports(comparison, args.want, args.output):
        sys.stdout.write(f"report: {path}\n")
    return 0


def _check(args: argparse.Namespace) -> None:
    """Before the work, not after it."""
    for name in NUMBERS:
        if getattr(args, name) < 1:
            raise ConfigError(f"--{name} {getattr(args, name)}: expected at least 1")
    if not args.source.exists():
        raise ModelError(f"{args.source}: no such model")
    if args.labels is not None:
        read_labels(args.labels, class_count=None)


def _classes(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")] if text else []


def _training(args: argparse.Namespace) -> Path | None:
    """The one annotation file, or all of them merged into one in the output folder."""
    if not args.training or len(args.training) == 1:
        return args.training[0] if args.training else None
    if args.pictures is not None:
        raise ConfigError(
            f"--training: {len(args.training)} names; with --pictures expected one folder, or one list file"
        )
    from edge_detector.workstation.data.merging import merged
    from edge_detector.workstation.graph.model_files import write_whole

    path: Path = args.output / TRAINING_FILE
    content = json.dumps(merged(args.training, args.output))
    write_whole(path, lambda partial: partial.write_text(content, encoding="utf-8"))
    return path


def _request(args: argparse.Namespace, options: TechniqueOptions) -> Any:
    from edge_detector.workstation.comparison.making import ComparisonRequest

    python = args.tflite_runtime_python
    option = next(option for option in TASKS if getattr(args, option) is not None)
    given = {Data.CALIBRATION: args.calibration, Data.TRAINING: _training(args)}
    return ComparisonRequest(
        source=args.source,
        truth=getattr(args, option),
        output=args.output,
        data={name: path for name, path in given.items() if path is not None},
        options=options,
        labels=args.labels,
        input={name: getattr(args, name) for name in ("mean", "std") if getattr(args, name) is not None},
        outputs=args.outputs,
        pythons={} if python is None else {"tflite-runtime": python},
        task=TASKS[option],
    )
