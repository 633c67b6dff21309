"""edge-detector convert: a float model becomes a smaller one, with a report of what that cost."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.workstation import extras
from edge_detector.workstation.quantization.techniques import DEFAULT, EXPECTED, TECHNIQUES, Data, TechniqueOptions


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the sub-command."""
    parser.add_argument(
        "source", type=Path, help="a float or dynamic-range .tflite, .onnx, a SavedModel folder, or .keras"
    )
    parser.add_argument(
        "--output", type=Path, required=True, help="the .tflite to write; manifest and report beside it"
    )
    _add_technique_arguments(parser)
    parser.add_argument("--labels", type=Path, help="the label file; default: what the source's manifest names")
    parser.add_argument("--postprocess", default="cut", choices=("cut", "keep"), help="the fused detection operator")
    parser.add_argument(
        "--outputs", default="", metavar="ROLE=TENSOR,...", help="say what an unclear output of a .tflite is"
    )
    _add_input_arguments(parser)
    parser.add_argument(
        "--input-size",
        default="",
        metavar="W[xH]",
        help="make the model for pictures of this size, such as 256 (faster)",
    )
    parser.add_argument(
        "--tflite-runtime-python", type=Path, help="a Python that has tflite-runtime, to try the model there too"
    )


def _add_technique_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quantize", default=DEFAULT, choices=tuple(TECHNIQUES), help=_techniques_help())
    for data in _needed():
        needing = [name for name, technique in TECHNIQUES.items() if data in technique.needs]
        parser.add_argument(f"--{data}", type=Path, help=f"{EXPECTED[data]} ({', '.join(needing)})")
    kinds = dict.fromkeys(kind for technique in TECHNIQUES.values() for kind in technique.input_types)
    parser.add_argument("--input-type", choices=tuple(kinds), help=_input_types_help())
    defaults = TechniqueOptions()
    parser.add_argument(
        "--calibration-method",
        default=defaults.calibration_method,
        choices=("minmax", "percentile", "mse", "kl"),
        help=f"how the range of a tensor is taken from its values ({defaults.calibration_method})",
    )
    parser.add_argument(
        "--samples",
        type=int,
        default=defaults.samples,
        help=f"calibration photographs used, spread evenly ({defaults.samples})",
    )
    parser.add_argument(
        "--equalize",
        type=int,
        default=defaults.equalize,
        metavar="N",
        help="make the channels of the first N SiLUs that become int8 equally large before rounding, without bias "
        "correction; for a YOLOX of which all is int8, 3 helps much (0)",
    )
    parser.add_argument(
        "--float-operators",
        type=_float_operators,
        default=defaults.float_operators,
        metavar="N|NAME,...",
        help="operators that stay float although the others become integers: the first N, or those with these output "
        "tensors",
    )
    parser.add_argument(
        "--max-loss",
        type=float,
        metavar="MAP",
        help="int8: keep the fewest operators in float so that mAP falls by at most this, such as 0.01; each of the "
        "steps measures a model on --annotations",
    )
    parser.add_argument(
        "--annotations",
        type=Path,
        metavar="DATA",
        help="labelled photographs that --max-loss measures on, of any format that evaluate takes",
    )
    _add_training_arguments(parser)
    parser.add_argument("--force", action="store_true", help="convert even if the calibration images look wrong")


def _add_training_arguments(parser: argparse.ArgumentParser) -> None:
    defaults, group = TechniqueOptions(), parser.add_argument_group("techniques that train")
    group.add_argument("--steps", type=int, default=defaults.steps, help=f"of training ({defaults.steps})")
    group.add_argument("--batch", type=int, default=defaults.batch, help=f"photographs in a step ({defaults.batch})")
    group.add_argument("--rate", type=float, help="the highest learning rate; default: the technique's own")


def _float_operators(text: str) -> int | tuple[str, ...]:
    """How many of the first operators, or their names; a name that is a number needs a comma after it."""
    return int(text) if text.isdecimal() else tuple(name for name in text.split(",") if name)


def _needed() -> list[Data]:
    """The kinds of data that at least one technique needs."""
    return [data for data in Data if any(data in technique.needs for technique in TECHNIQUES.values())]


def _techniques_help() -> str:
    described = (
        f"{name}: {technique.description}; needs {technique.needed()}" for name, technique in TECHNIQUES.items()
    )
    return f"{'. '.join(described)}. Default: {DEFAULT}".replace("%", "%%")  # argparse formats it with %


def _input_types_help() -> str:
    kinds = (f"{name}: {', '.join(technique.input_types)}" for name, technique in TECHNIQUES.items())
    return f"the type of the model's input. {'; '.join(kinds)}. Default: the first"


def _add_input_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("input, where the source has no manifest: real = (pixel - mean) / std")
    group.add_argument("--mean", type=float, help="the pixel value that becomes 0, such as 127.5")
    group.add_argument("--std", type=float, help="what the difference is divided by, such as 127.5")
    group.add_argument("--color", choices=("rgb", "bgr"), help="the order of the colours")
    group.add_argument("--resize", choices=("stretch", "letterbox"), help="how training resized pictures")


def main(args: argparse.Namespace) -> int:
    """Convert, and print the report."""
    extras.require("converting", "ai_edge_litert", "ai_edge_quantizer", "tqdm", extra=extras.WORKSTATION)
    from edge_detector.workstation.quantization.make_model import ConversionRequest, make_model  # imports all of these

    report = make_model(
        ConversionRequest(
            source=args.source,
            output=args.output,
            quantize=args.quantize,
            data={Data(name): path for name, path in _given(args, *_needed()).items()},
            options=_options(args),
            input_type=args.input_type,
            labels=args.labels,
            keep_postprocess=args.postprocess == "keep",
            outputs=args.outputs,
            input_size=args.input_size,
            input=_given(args, "mean", "std", "color", "resize"),
            pythons=_pythons(args),
        )
    )
    sys.stdout.write(report.text())
    return 0


def _options(args: argparse.Namespace) -> TechniqueOptions:
    """Raises `ConfigError` for what the technique cannot do."""
    for name in ("samples", "steps", "batch"):
        if getattr(args, name) < 1:
            raise ConfigError(f"--{name} {getattr(args, name)}: expected at least 1")
    if args.rate is not None and not 0.0 < args.rate < math.inf:
        raise ConfigError(f"--rate {args.rate:g}: expected more than 0, such as 1e-5")
    if args.float_operators and Data.CALIBRATION not in TECHNIQUES[args.quantize].needs:
        raise ConfigError(f"--float-operators: {args.quantize} computes in float anyway; expected a technique as int8")
    if args.equalize < 0:
        raise ConfigError(f"--equalize {args.equalize}: expected 0 or more")
    if args.equalize:
        _check_equalize(args)
    if args.max_loss is not None:
        _check_max_loss(args)
    return TechniqueOptions(
        calibration_method=args.calibration_method,
        samples=args.samples,
        force=args.force,
        equalize=args.equalize,
        float_operators=args.float_operators,
        steps=args.steps,
        batch=args.batch,
        rate=args.rate,
        max_loss=args.max_loss,
        annotations=args.annotations,
    )


def _check_equalize(args: argparse.Namespace) -> None:
    if args.quantize != "int8":
        raise ConfigError(f"--equalize: {args.quantize} does not do that; expected --quantize int8")
    if args.max_loss is not None:
        raise ConfigError("--equalize: expected no --max-loss beside it, which chooses among the operators as they are")


def _check_max_loss(args: argparse.Namespace) -> None:
    if args.quantize != "int8":
        raise ConfigError(f"--max-loss: {args.quantize} has no operators to choose; expected --quantize int8")
    if args.annotations is None:
        raise ConfigError("--max-loss needs --annotations: labelled photographs to measure on")
    if args.float_operators:
        raise ConfigError("--max-loss finds the operators itself; expected no --float-operators beside it")
    extras.require("--max-loss", "pycocotools", extra=extras.WORKSTATION)
    if not 0 <= args.max_loss < math.inf:
        raise ConfigError(f"--max-loss {args.max_loss:g}: expected at least 0")


def _pythons(args: argparse.Namespace) -> dict[str, Path]:
    """Runtime -> another Python that has it."""
    python = args.tflite_runtime_python
    return {} if python is None else {"tflite-runtime": python}


def _given(args: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options that were given, by name."""
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}
