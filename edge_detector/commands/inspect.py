"""``edge-detector inspect MODEL``: what a model is, and the manifest that says so."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from edge_detector.config import Config
from edge_detector.detect import manifest, recognition
from edge_detector.detect.description import Answers, Description, TensorDescription
from edge_detector.detect.detector import answers_of
from edge_detector.detect.manifest import Manifest
from edge_detector.errors import ConfigError, ModelError
from edge_detector.model_store.find import find_model
from edge_detector.toml import to_toml

INTEGER_WEIGHTS = ("int8", "int4")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("model", type=Path, help="a .tflite file, or the name of a model")
    parser.add_argument("--runtime", default="auto", help="the interpreter to load it with")
    parser.add_argument("--outputs", default="", metavar="ROLE=TENSOR,...", help="say what an unclear output is")
    parser.add_argument(
        "--resize",
        default="auto",
        choices=("auto", "stretch", "letterbox"),
        help="how training resized pictures",
    )
    parser.add_argument("--mean", type=float, help="of the input, as trained: real = (pixel - mean) / std")
    parser.add_argument("--std", type=float, help="of the input: see --mean")
    parser.add_argument("--labels", type=Path, help="label file to name in the manifest")
    parser.add_argument("--write-manifest", action="store_true", help="write NAME.toml beside the model")


def main(arguments: argparse.Namespace) -> int:
    """Print the description. Exit code 0 even if the model is no detector: the output says so."""
    arguments.model = find_model(arguments.model)
    description = recognition.describe(arguments.model, arguments.runtime)
    print("\n".join(describe_lines(arguments.model, description)))  # noqa: T201 - the answer
    try:
        found = _manifest(arguments, description)
    except ModelError as error:
        print(f"\nnot usable as it is: {error}")  # noqa: T201
        return 0
    print(f"\n{_summary(found)}")  # noqa: T201
    if arguments.write_manifest:
        path = _write(found, arguments)
        print(f"wrote {path}")  # noqa: T201
    return 0


def describe_lines(path: Path, description: Description) -> list[str]:
    """The description as lines for a person."""
    return [
        f"{path}  {description.size_bytes / 1e6:.2f} MB  sha256 {description.sha256[:12]}",
        f"input    {_tensor_line(description.input)}",
        *(
            f"output   {_tensor_line(output)}  values {output.minimum:.3g} to {output.maximum:.3g}"
            for output in description.outputs
        ),
        *(f"signature {name} -> {tensor}" for name, tensor in description.signature.items()),
        *_fused_lines(description),
        f"numbers  {_numbers(description)}",
        f"operators {sum(operator.count for operator in description.operators)}: "
        + ", ".join(f"{operator.name} v{operator.version} x{operator.count}" for operator in description.operators),
    ]


def _numbers(description: Description) -> str:
    """In which types the model is stored and computes: what "quantized" means of this file."""
    weights, activations = description.weight_type, description.activation_type
    stored = f"weights {weights or 'none'}, activations {activations}"
    if activations != "float32":
        return f"{stored}: quantized, it computes in integers"
    if weights in ("", "float32"):
        return f"{stored}: not quantized"
    if weights in INTEGER_WEIGHTS:
        return f"{stored}: dynamic range, only the weights are quantized; it computes in floating point"
    return f"{stored}: not quantized, only stored in {weights}; it computes in floating point"


def _manifest(arguments: argparse.Namespace, description: Description) -> Manifest:
    beside = manifest.manifest_path(arguments.model)
    config = Config(
        resize=arguments.resize, outputs=arguments.outputs, mean=arguments.mean, std=arguments.std
    )  # which checks them
    answers = answers_of(config)
    if beside.is_file() and answers == Answers():
        return manifest.read(beside)
    return recognition.deduce(arguments.model, description, answers)


def _summary(found: Manifest) -> str:
    values = {"family": found.family, "decode": found.decode.kind, "classes": found.class_count or "see the scores"}
    return to_toml({**values, "roles": dict(found.outputs)})


def _write(found: Manifest, arguments: argparse.Namespace) -> Path:
    path = manifest.manifest_path(arguments.model)
    labels = str(arguments.labels.resolve()) if arguments.labels else found.labels
    try:
        manifest.write(replace(found, labels=labels), path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot write the manifest: {error.strerror}") from None
    return path


def _tensor_line(tensor: TensorDescription) -> str:
    quantization = f"  scale {tensor.scale:.6g} zero point {tensor.zero_point}" if tensor.scale else ""
    return f"{tensor.name}  {tensor.dtype} {list(tensor.shape)}{quantization}"


def _fused_lines(description: Description) -> list[str]:
    if not description.fused_outputs:
        return []
    options = ", ".join(f"{key} {value:g}" for key, value in description.fused_options.items())
    return [f"fused post-processing over {description.anchor_count} anchors: {options}"]
