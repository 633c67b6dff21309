"""edge-detector convert: a float model becomes an int8 one, with proof of what it cost."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.workstation import extras


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument("source", type=Path, help="a float or dynamic-range .tflite, a SavedModel folder, or .keras")
    parser.add_argument(
        "--output", type=Path, required=True, help="the .tflite to write; manifest and report beside it"
    )
    parser.add_argument("--quantize", default="int8", choices=("int8", "dynamic", "float16", "float32"))
    parser.add_argument("--calibration", type=Path, help="a folder of photographs, or a COCO annotation file (int8)")
    parser.add_argument("--labels", type=Path, help="the label file; default: what the source's manifest names")
    parser.add_argument("--calibration-method", default="minmax", choices=("minmax", "percentile", "mse"))
    parser.add_argument("--samples", type=int, default=128, help="photographs used, spread evenly (128)")
    parser.add_argument("--input-type", default="int8", choices=("int8", "uint8", "float32"))
    parser.add_argument("--postprocess", default="cut", choices=("cut", "keep"), help="the fused detection operator")
    parser.add_argument("--force", action="store_true", help="convert even if the calibration images look wrong")
    _add_input_arguments(parser)
    parser.add_argument(
        "--tflite-runtime-python", type=Path, help="a Python that has tflite-runtime, to try the model there too"
    )


def _add_input_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input, where the source has no manifest: real = (pixel - mean) / std")
    group.add_argument("--mean", type=float)
    group.add_argument("--std", type=float)
    group.add_argument("--color", choices=("rgb", "bgr"))
    group.add_argument("--resize", choices=("stretch", "letterbox"))


def main(args: argparse.Namespace) -> int:
    """Convert, and print the report."""
    extras.require("converting", "ai_edge_litert", "ai_edge_quantizer", "tqdm", extra=extras.WORKSTATION)
    from edge_detector.workstation.quantization.make_model import Request, convert  # only now: it imports all of these

    if args.samples < 1:
        raise ConfigError(f"--samples {args.samples}: expected at least 1")
    report = convert(
        Request(
            source=args.source,
            output=args.output,
            quantize=args.quantize,
            calibration=args.calibration,
            labels=args.labels,
            method=args.calibration_method,
            samples=args.samples,
            input_type=args.input_type,
            keep_postprocess=args.postprocess == "keep",
            force=args.force,
            input=_said(args, "mean", "std", "color", "resize"),
            pythons=_said(args, "tflite_runtime_python"),
        )
    )
    sys.stdout.write(report.text())
    return 0


def _said(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given, by name."""
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    return {name.removesuffix("_python").replace("_", "-"): value for name, value in given.items()}
