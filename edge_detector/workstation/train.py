"""The command edge-detector train: a detector for what is on your own photographs."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from edge_detector.workstation import extras
from edge_detector.workstation.training.base_model import BASE, find_base
from edge_detector.workstation.training.recipe import Recipe

AUTO = "auto"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument(
        "data",
        type=_data_part,
        nargs="+",
        metavar="DATA[=N]",
        help="labelled photographs: a folder or file of Pascal VOC, YOLO, COCO or TFRecord; =N: each photograph N "
        "times an epoch",
    )
    parser.add_argument("--output", type=Path, required=True, help="a folder for the models, the report and the card")
    parser.add_argument(
        "--base",
        type=Path,
        default=Path(BASE),
        help=f"the float SSD to start from, a .tflite with its manifest, or the name of a model ({BASE})",
    )
    parser.add_argument(
        "--classes", metavar="NAME,...", help="what to learn, such as cat,dog; default: all classes of DATA"
    )
    parser.add_argument(
        "--image-size", type=int, help="pixels of the model's square input, such as 256 (faster); default: the base's"
    )
    parser.add_argument(
        "--epochs", type=_count, default=None, metavar="auto|N", help="how often each photograph is shown (auto)"
    )
    parser.add_argument(
        "--qat-epochs",
        type=_count,
        default=None,
        metavar="auto|N",
        help="more epochs, with activations rounded as in int8; auto: only if int8 loses too much (auto)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the training that was stopped in --output")
    _add_numbers(parser)


def _add_numbers(parser: argparse.ArgumentParser) -> None:
    defaults = Recipe(Path(), Path())
    parser.add_argument("--batch", type=int, default=defaults.batch, help=f"photographs in a step ({defaults.batch})")
    parser.add_argument("--rate", type=float, default=defaults.rate, help=f"highest learning rate ({defaults.rate:g})")
    parser.add_argument("--seed", type=int, default=defaults.seed, help=f"start of random numbers ({defaults.seed})")


def main(args: argparse.Namespace) -> int:
    """Train, and say where the results are."""
    recipe = recipe_from(args)
    packages = ("tensorflow", "tf_keras", "ai_edge_litert", "ai_edge_quantizer", "pycocotools", "tqdm", "jinja2")
    extras.require("training", *packages, extra=extras.TRAINING)
    from edge_detector.workstation.training.quiet import import_tensorflow

    import_tensorflow()
    from edge_detector.workstation.training.command import train  # only now: it imports all of these

    sys.stdout.write(train(args.data, _classes(args.classes), recipe))
    return 0


def recipe_from(args: argparse.Namespace) -> Recipe:
    """The recipe that the options describe. Raises `ConfigError` for a number that no training could use."""
    return Recipe(
        base=find_base(args.base),
        output=args.output,
        image_size=args.image_size,
        epochs=args.epochs,
        qat_epochs=args.qat_epochs,
        batch=args.batch,
        rate=args.rate,
        resume=args.resume,
        seed=args.seed,
    )


def _classes(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def _count(text: str) -> int | None:
    """A number, or None for "auto"."""
    if text == AUTO:
        return None
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected auto, or a number such as 20") from None


def _data_part(text: str) -> tuple[Path, float]:
    path, found, number = text.rpartition("=")
    if not found or Path(text).exists():
        return Path(text), 1.0
    try:
        times = float(number)
    except ValueError:
        times = math.nan
    if not 0.0 < times < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r}: expected DATA or DATA=N, N times an epoch, such as 0.5")
    return Path(path), times
