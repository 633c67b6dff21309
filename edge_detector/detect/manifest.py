"""What a model says of itself: ``NAME.toml`` beside ``NAME.tflite``.

Nothing here guesses: a manifest is complete, or an error says which key is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError, ModelError
from edge_detector.options import build, convert
from edge_detector.toml import read_toml, to_toml
from edge_detector.types import Size

DETECTION_ROLES = ("boxes", "classes", "scores", "count")  # the fused op's outputs, in the op's own order


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a picture becomes the model's input: real = (pixel - mean) / std."""

    size: Size  # (width, height)
    resize: str = "stretch"  # or letterbox
    color: str = "rgb"  # or bgr
    mean: float = 127.5
    std: float = 127.5


@dataclass(frozen=True, slots=True)
class Decode:
    """How the output tensors become boxes.

    ``kind`` of an ssd: "fused" (TFLite_Detection_PostProcess is in the graph) or "raw" (anchors, NMS here); of a
    yolo: "grid" (offsets to grid cells and log sizes, as YOLOX), "pixels" or "normalised" (centre and size).
    """

    kind: str
    activation: str = "none"  # "sigmoid" if the scores are logits
    background: bool = False  # True: the first score column is "nothing"
    objectness: bool = False  # yolo: a fifth column says how sure the box is, to be multiplied with the class scores
    box_scales: tuple[float, ...] = (10.0, 10.0, 5.0, 5.0)  # ssd: divisors of ty, tx, th, tw


@dataclass(frozen=True, slots=True)
class AnchorSpec:
    """Where the anchors come from: a generator with its settings, or a float32 .npy file of (A, 4) yc, xc, h, w."""

    generator: str = ""
    file: str = ""
    min_level: int = 3
    max_level: int = 7
    anchor_scale: float = 4.0
    scales_per_octave: int = 2
    aspect_ratios: tuple[float, ...] = (1.0, 2.0, 0.5)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything the detector must know of a model that the .tflite file cannot say."""

    name: str
    family: str  # a key of HEADS
    input: InputSpec
    outputs: Mapping[str, str]  # role -> tensor name
    decode: Decode
    anchors: AnchorSpec | None = None
    class_count: int = 0  # of a fused ssd, whose tensors do not tell; 0 if not known
    labels: str = ""  # path relative to the manifest; one label a line, the line number from 0 is the class_id
    sha256: str = ""  # of the .tflite; "" if not known
    metrics: Mapping[str, float] = field(default_factory=dict)  # what was measured, for people: map, ap50
    folder: Path = field(default=Path(), compare=False)  # where it lies: what its relative paths start from


def manifest_path(model: Path) -> Path:
    """The place of the manifest of ``model``."""
    return model.with_suffix(".toml")


def read(path: Path) -> Manifest:
    """The manifest in ``path``.

    Raises `ModelError` naming the file, the table and the key at fault.
    """
    try:
        return _from_tables(read_toml(path), path)
    except ConfigError as error:
        raise ModelError(str(error)) from None


def write(manifest: Manifest, path: Path) -> None:
    """Write ``manifest`` so that `read` gives it back."""
    values = {key: value for key, value in asdict(manifest).items() if key != "folder" and value not in (None, {})}
    path.write_text(to_toml(values), encoding="utf-8")


def sha256(path: Path) -> str:
    """The checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_tables(tables: dict[str, Any], path: Path) -> Manifest:
    missing = [name for name in ("family", "input", "outputs", "decode") if name not in tables]
    if missing:
        raise ModelError(f"{path}: [{missing[0]}] is missing from the manifest")
    nested: dict[str, type[Any]] = {"input": InputSpec, "decode": Decode, "anchors": AnchorSpec}
    built = {key: build(kind, tables[key], where=f"{path}: [{key}]") for key, kind in nested.items() if key in tables}
    flat = {key: value for key, value in tables.items() if key not in {*nested, "outputs", "metrics"}}
    plain = build(_Plain, flat, where=str(path))
    outputs = {str(role): str(tensor) for role, tensor in tables["outputs"].items()}
    metrics = convert(dict[str, float], tables.get("metrics", {}), where=f"{path}: metrics")
    manifest = Manifest(**asdict(plain), **built, outputs=outputs, metrics=metrics, folder=path.parent)
    _check(manifest, path)
    return manifest


@dataclass(frozen=True, slots=True)
class _Plain:
    """The keys of a manifest outside any table."""

    family: str
    name: str = ""
    class_count: int = 0
    labels: str = ""
    sha256: str = ""


def _check(manifest: Manifest, path: Path) -> None:
    choices = {
        "family": (manifest.family, ("ssd", "yolo")),
        "input.resize": (manifest.input.resize, ("stretch", "letterbox")),
        "input.color": (manifest.input.color, ("rgb", "bgr")),
        "decode.kind": (manifest.decode.kind, ("fused", "raw", "grid", "pixels", "normalised")),
        "decode.activation": (manifest.decode.activation, ("none", "sigmoid")),
    }
    for key, (value, known) in choices.items():
        if value not in known:
            raise ModelError(f"{path}: {key} is {value!r}; expected one of {', '.join(known)}")
    if manifest.decode.kind == "raw" and manifest.anchors is None:
        raise ModelError(f"{path}: a raw ssd needs [anchors]: a generator with its settings, or a file")
    if manifest.input.std == 0:
        raise ModelError(f"{path}: input.std is 0; expected the divisor of (pixel - mean) / std")
