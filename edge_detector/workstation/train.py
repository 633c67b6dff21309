"""The command edge-detector train: fine-tune an SSD on photographs that people and teachers labelled."""

from __future__ import annotations

import argparse
import math
from dataclasses import fields
from pathlib import Path

from edge_detector.workstation import extras
from edge_detector.workstation.training.recipe import Recipe

NUMBERS = {
    "epochs": "how many times to train on all photographs",
    "batch": "photographs in one training step",
    "rate": "the highest learning rate",
    "average": "how much of the moving average of the weights each step keeps",
    "seed": "start of the random numbers",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument("--start", type=Path, required=True, help="a float SSD .tflite with its manifest")
    parser.add_argument("--labels", type=Path, required=True, help="the classes to detect, one a line")
    parser.add_argument(
        "--data",
        type=_data_part,
        nargs="+",
        required=True,
        metavar="FILE.json[=N]",
        help="COCO annotations; =N: each photograph N times an epoch",
    )
    parser.add_argument("--output", type=Path, required=True, help="the float .tflite to write; checkpoints beside it")
    parser.add_argument(
        "--calibration",
        type=Path,
        help="train for int8, with the ranges of these photographs: a folder or COCO annotations",
    )
    defaults = {item.name: item.default for item in fields(Recipe)}
    for name, description in NUMBERS.items():
        default = defaults[name]
        parser.add_argument(f"--{name}", type=type(default), default=default, help=f"{description} ({default:g})")


def main(args: argparse.Namespace) -> int:
    """Train, and write the best weights found."""
    wanted = recipe_from(args)
    packages = ("tensorflow", "tf_keras", "ai_edge_litert", "ai_edge_quantizer", "pycocotools", "tqdm")
    extras.require("training", *packages, extra=extras.TRAINING)
    from edge_detector.workstation.training.fine_tuning import fine_tune  # only now: it imports all of these

    fine_tune(wanted)
    return 0


def recipe_from(args: argparse.Namespace) -> Recipe:
    """The recipe that the options describe. Raises `ConfigError` for a number that no training could use."""
    return Recipe(
        start=args.start,
        labels=args.labels,
        data=tuple(args.data),
        output=args.output,
        calibration=args.calibration,
        **{name: getattr(args, name) for name in NUMBERS},
    )


def _data_part(text: str) -> tuple[Path, float]:
    path, _, number = text.partition("=")
    try:
        times = float(number or 1)
    except ValueError:
        times = math.nan
    if not 0.0 < times < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected FILE.json or FILE.json=N, N times an epoch, such as 0.5")
    return Path(path), times
