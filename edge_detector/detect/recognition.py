"""What a .tflite file is, without trusting it: described by a child process, then named by role.

What the file settles is settled here; what it leaves open is an error that names the flag which answers it.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from edge_detector import errors
from edge_detector.detect.manifest import DETECTION_ROLES, Decode, InputSpec, Manifest
from edge_detector.detect.probe import FUSED_OP, Description, Operator, TensorDescription
from edge_detector.detect.runtimes import choose_runtime
from edge_detector.errors import ConfigError, ModelError
from edge_detector.system.child import environment

PROBE_TIMEOUT_S = 120.0  # the largest detectors run once in a few seconds on the slowest Pi
IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every TFLite flatbuffer
MOST_CLASSES = 2000  # wider than that is no score column
SIGNATURE_ROLES = {
    "detection_boxes": "boxes",
    "detection_classes": "classes",
    "detection_scores": "scores",
    "num_detections": "count",
    "raw_detection_boxes": "boxes",
    "raw_detection_scores": "scores",
}


def describe(path: Path, runtime_name: str = "auto") -> Description:
    """What the model in ``path`` is.

    Raises `ModelError` if it is none, or crashes or hangs the runtime; `ConfigError` if the runtime is missing.
    """
    check_file(path)
    command = [sys.executable, "-P", "-m", "edge_detector.detect.probe", str(path), choose_runtime(runtime_name)]
    try:
        child = subprocess.run(
            command, env=environment(), capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{path}: the runtime hangs on this model; is the file damaged?") from None
    if child.returncode < 0:
        reason = signal.Signals(-child.returncode).name
        raise ModelError(f"{path}: the runtime crashes on this model ({reason}); is the file damaged or cut short?")
    if child.returncode != 0:
        last = child.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise ModelError(f"{path}: not a readable model ({last[0]}); is the file damaged or cut short?")
    return _from_json(child.stdout)


def check_file(path: Path) -> None:
    """Raises `ModelError` unless ``path`` is a file that begins like a TFLite model."""
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ModelError(f"{path}: cannot read the model: {error.strerror}") from None
    if head[4:] != IDENTIFIER:
        what = "is empty" if not head else "is not a TFLite model"
        raise ModelError(f"{path}: {what}; expected a .tflite file")


def deduce(path: Path, description: Description, *, resize: str = "auto", outputs: str = "") -> Manifest:
    """The manifest that the description allows, with the user's flags answering what it leaves open.

    Raises `ModelError` with the open question and the flag that settles it.
    """
    found = _deduce(path, description, outputs)
    return found if resize == "auto" else replace(found, input=replace(found.input, resize=resize))


def _deduce(path: Path, description: Description, outputs: str) -> Manifest:
    manifest = Manifest(
        name=path.stem,
        family="",
        input=_input(path, description.input),
        outputs={},
        decode=Decode("fused"),
        sha256=description.sha256,
        folder=path.parent,
    )
    roles = _roles_from_flag(path, outputs, description) or _roles(path, description)
    if set(roles) == set(DETECTION_ROLES):
        count = int(description.fused_options.get("num_classes", 0))
        return replace(manifest, family="ssd", outputs=roles, class_count=count)
    if set(roles) == {"predictions"}:
        return _yolo(manifest, roles, _by_name(description)[roles["predictions"]])
    raise ModelError(
        f"{path}: raw SSD outputs (boxes {roles['boxes']!r}, scores {roles['scores']!r}) need to know their anchors; "
        f"expected a manifest {path.with_suffix('.toml').name} with an [anchors] table beside the model"
    )


def _input(path: Path, tensor: TensorDescription) -> InputSpec:
    if len(tensor.shape) != 4 or tensor.shape[0] != 1 or tensor.shape[3] != 3:
        raise ModelError(f"{path}: the input is {tensor.shape}; expected a colour picture (1, height, width, 3)")
    _, height, width, _ = tensor.shape
    # A quantized input says by itself which real values the pixels 0 to 255 stand for. The common choices are
    # [-1, 1] and [0, 1]: their scales are 2/255 and 1/255, and 0.00591 lies between the two.
    zero_to_one = 0.0 < tensor.scale < 0.00591
    return InputSpec((width, height), mean=0.0, std=255.0) if zero_to_one else InputSpec((width, height))


def _roles(path: Path, description: Description) -> dict[str, str]:
    """Role -> tensor name, from the strongest evidence there is."""
    names = {output.name for output in description.outputs}
    if len(description.fused_outputs) == 4 and names.issuperset(description.fused_outputs):
        return dict(zip(DETECTION_ROLES, description.fused_outputs, strict=True))
    signed = {SIGNATURE_ROLES[key]: name for key, name in description.signature.items() if key in SIGNATURE_ROLES}
    if set(signed) in ({*DETECTION_ROLES}, {"boxes", "scores"}):
        return signed
    return _roles_from_shapes(path, description.outputs)


def _roles_from_shapes(path: Path, outputs: tuple[TensorDescription, ...]) -> dict[str, str]:
    if len(outputs) == 1 and _is_yolo(outputs[0]):
        return {"predictions": outputs[0].name}
    boxes = [output for output in outputs if len(output.shape) == 3 and output.shape[2] == 4]
    if len(outputs) == 4 and len(boxes) == 1:
        return _fused_by_values(path, boxes[0], [output for output in outputs if output is not boxes[0]])
    scores = [output for output in outputs if len(output.shape) == 3 and output not in boxes]
    if len(outputs) == 2 and len(boxes) == len(scores) == 1 and boxes[0].shape[1] == scores[0].shape[1]:
        return {"boxes": boxes[0].name, "scores": scores[0].name}
    shapes = ", ".join(f"{output.name} {output.shape}" for output in outputs)
    raise ModelError(
        f"{path}: not a detector that is known here; its outputs are {shapes}. Expected the four of "
        f"{FUSED_OP}, boxes with scores, or YOLO predictions (a classifier has none of these); "
        "if it is one, say which output is what: --outputs boxes=NAME,scores=NAME,..."
    )


def _fused_by_values(path: Path, boxes: TensorDescription, rest: list[TensorDescription]) -> dict[str, str]:
    """Tell classes and scores apart by what they held for the canned picture; both are (1, N)."""
    count = [output for output in rest if len(output.shape) == 1 or output.shape == (1, 1)]
    pair = [output for output in rest if output not in count]
    above_one = [output for output in pair if output.maximum > 1.0]
    fractional = [output for output in pair if 0.0 < output.maximum < 1.0]
    if len(count) == 1 and len(above_one) == len(fractional) == 1:
        names = (boxes, above_one[0], fractional[0], count[0])
        return dict(zip(DETECTION_ROLES, (output.name for output in names), strict=True))
    names_of_pair = " and ".join(output.name for output in pair)
    raise ModelError(
        f"{path}: which of {names_of_pair} holds the classes and which the scores? Say it with "
        f"--outputs boxes={boxes.name},classes=NAME,scores=NAME,count=NAME"
    )


def _roles_from_flag(path: Path, text: str, description: Description) -> dict[str, str]:
    roles = dict(pair.partition("=")[::2] for pair in text.split(",") if pair)
    known = _by_name(description)
    for role, name in roles.items():
        if role not in (*DETECTION_ROLES, "predictions"):
            raise ConfigError(
                f"--outputs {text!r}: unknown role {role!r}; known: boxes, classes, scores, count, predictions"
            )
        if name not in known:
            raise ConfigError(f"--outputs {text!r}: {path} has no output {name!r}; it has {', '.join(known)}")
    if roles and set(roles) not in ({*DETECTION_ROLES}, {"boxes", "scores"}, {"predictions"}):
        raise ConfigError(f"--outputs {text!r}: expected all of boxes, classes, scores and count, or predictions alone")
    return roles


def _is_yolo(output: TensorDescription) -> bool:
    if len(output.shape) != 3:
        return False
    attributes, count = sorted(output.shape[1:])
    return 5 <= attributes <= MOST_CLASSES + 5 and count > attributes


def _yolo(manifest: Manifest, roles: Mapping[str, str], output: TensorDescription) -> Manifest:
    """Attributes first is v8 (no objectness); last is v5 or YOLOX. The number of cells and the values tell the rest."""
    width, height = manifest.input.size
    cells = sum((width // stride) * (height // stride) for stride in (8, 16, 32))
    attributes_last = output.shape[1] > output.shape[2]
    kind = "normalised" if output.maximum <= 2.0 else "pixels"
    if attributes_last and max(output.shape) == cells and output.minimum < 0:
        kind = "grid"  # one prediction per cell, with offsets and log sizes below zero: YOLOX before its decoding
    spec = replace(manifest.input, mean=0.0, std=1.0 if kind == "grid" else 255.0, resize="letterbox")
    spec = replace(spec, color="bgr" if kind == "grid" else "rgb")
    return replace(manifest, family="yolo", outputs=roles, input=spec, decode=Decode(kind, objectness=attributes_last))


def _by_name(description: Description) -> dict[str, TensorDescription]:
    return {output.name: output for output in description.outputs}


def _from_json(text: str) -> Description:
    values = json.loads(text.strip().splitlines()[-1])
    if "error" in values:
        raise getattr(errors, values["kind"])(values["error"])
    values["input"] = _tensor(values["input"])
    values["outputs"] = tuple(_tensor(output) for output in values["outputs"])
    values["operators"] = tuple(Operator(**operator) for operator in values["operators"])
    values["fused_outputs"] = tuple(values["fused_outputs"])
    return Description(**values)


def _tensor(values: dict[str, object]) -> TensorDescription:
    shape = values.pop("shape")
    assert isinstance(shape, list)
    return TensorDescription(shape=tuple(shape), **values)  # type: ignore[arg-type]
