"""The command edge-detector specialize: a smaller, faster model that knows some of its classes only."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from edge_detector.model_store.find import find_model
from edge_detector.workstation import extras


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument("model", type=Path, help="an int8 or float .tflite, or the name of a model")
    parser.add_argument("--classes", required=True, metavar="NAME,...", help="what to keep, such as person,dog,cat")
    parser.add_argument(
        "--output", type=Path, required=True, help="the .tflite to write; manifest and labels beside it"
    )
    parser.add_argument("--labels", type=Path, help="the label file; default: what the model's manifest names")


def main(args: argparse.Namespace) -> int:
    """Write the smaller model, and say what it knows."""
    extras.require("specializing", "ai_edge_litert", extra=extras.WORKSTATION)
    from edge_detector.workstation.graph.fewer_classes import keep_classes  # only now: it imports that

    model = find_model(args.model)
    labels = keep_classes(model, args.classes.split(","), output=args.output, labels=args.labels)
    sizes = " -> ".join(f"{path.stat().st_size / 1e6:.2f} MB" for path in (model, args.output))
    sys.stdout.write(f"{args.output}: {len(labels)} classes ({', '.join(labels)}), {sizes}\n")
    return 0
