"""The command edge-detector distill: other detectors label photographs, for the command train."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.workstation import extras


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument("--teacher", type=Path, action="append", required=True, help="a .tflite or YOLOX .onnx file")
    parser.add_argument(
        "--weights", type=float, nargs="+", help="how much each teacher counts, in their order; default: all the same"
    )
    parser.add_argument("--labels", type=Path, required=True, help="the classes to propose, one a line")
    parser.add_argument("--annotations", type=Path, required=True, help="COCO annotations; images lie relative to it")
    parser.add_argument("--output", type=Path, required=True, help="the annotations with the proposals added")


def main(args: argparse.Namespace) -> int:
    """Run the teachers on every photograph, and write what they propose."""
    weights = args.weights or [1.0] * len(args.teacher)
    if len(weights) != len(args.teacher):
        raise ConfigError(f"--weights: {len(weights)} numbers for {len(args.teacher)} teachers")
    if min(weights) < 0.0 or not sum(weights) > 0.0:
        raise ConfigError(
            f"--weights: {' '.join(map('{:g}'.format, weights))}; expected numbers from 0, not all of them 0"
        )
    extras.require("distilling", "onnxruntime", "pycocotools", "tqdm", extra=extras.TRAINING)
    from edge_detector.workstation.training.teachers import label_with_teachers  # only now: it imports all of these

    label_with_teachers(args.teacher, weights, labels=args.labels, annotations=args.annotations, output=args.output)
    return 0
