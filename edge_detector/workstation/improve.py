"""The command edge-detector improve: a model that learns from what people have corrected on the page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.workstation import extras
from edge_detector.workstation.improvement.verdict import MOST_LOST
from edge_detector.workstation.training.base_model import find_base
from edge_detector.workstation.training.recipe import Recipe

# 320-pixel SSD, 60 pictures of cats with a dog's box (or the reverse), 84 replayed ones: after 126 of 180 steps it is
# right at 24 of 80 marks held out (before: 4) and has lost 0.008 mAP on the old set; 1e-4 lost 0.025 after 108.
RATE = 2e-5
NOT_RECOMMENDED = 1  # the exit code: a script must not deploy the model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument(
        "--mistakes",
        type=Path,
        required=True,
        help="what edge-detector mistakes export has written, a folder or .zip; or any labelled set",
    )
    parser.add_argument(
        "--base", type=Path, required=True, help="the float SSD to improve, a .tflite with its manifest, or a name"
    )
    parser.add_argument(
        "--replay",
        type=Path,
        metavar="DATA",
        help="photographs of what the base knows, so that it forgets nothing: a labelled set, or a folder of "
        "photographs, which the base labels; default: none, and then no swap is recommended",
    )
    parser.add_argument(
        "--old", type=Path, help="the int8 model that runs now, to compare with; default: the base in int8"
    )
    parser.add_argument("--output", type=Path, required=True, help="a folder for the models and what was measured")
    parser.add_argument(
        "--most-lost",
        type=float,
        default=MOST_LOST,
        help=f"mAP that the new model may lose on the replayed photographs held out ({MOST_LOST:g})",
    )
    defaults = Recipe(Path(), Path())
    parser.add_argument("--epochs", type=int, help="how often each photograph is shown; default: as the set needs")
    parser.add_argument("--batch", type=int, default=defaults.batch, help=f"photographs in a step ({defaults.batch})")
    parser.add_argument("--rate", type=float, default=RATE, help=f"highest learning rate ({RATE:g})")
    parser.add_argument("--seed", type=int, default=defaults.seed, help=f"start of random numbers ({defaults.seed})")
    parser.add_argument("--resume", action="store_true", help="go on with the training that was stopped in --output")


def main(args: argparse.Namespace) -> int:
    """Improve; 0 if the new model is recommended, `NOT_RECOMMENDED` if it is not."""
    recipe = recipe_from(args)
    packages = ("tensorflow", "tf_keras", "ai_edge_litert", "ai_edge_quantizer", "pycocotools", "tqdm")
    extras.require("improving", *packages, extra=extras.TRAINING)
    from edge_detector.workstation.training.quiet import import_tensorflow

    import_tensorflow()
    from edge_detector.workstation.improvement.improving import (  # only now: it imports all of these
        Request,
        improve,
        in_words,
    )

    outcome = improve(Request(args.mistakes, recipe, args.replay, args.old, args.most_lost))
    sys.stdout.write(in_words(outcome))
    return 0 if outcome.verdict.swap else NOT_RECOMMENDED


def recipe_from(args: argparse.Namespace) -> Recipe:
    """The recipe that the options describe. Raises `ConfigError` for what cannot be used."""
    base = find_base(args.base)
    if args.most_lost < 0:
        raise ConfigError(f"--most-lost {args.most_lost:g}: expected 0 or more, such as {MOST_LOST:g}")
    return Recipe(
        base=base,
        output=args.output,
        epochs=args.epochs,
        batch=args.batch,
        rate=args.rate,
        resume=args.resume,
        seed=args.seed,
    )
