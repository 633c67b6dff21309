"""What a model says of itself: ``NAME.toml`` beside ``NAME.tflite``.

Nothing here guesses: a manifest is complete, or an error says which key is missing. What is in [decode] is the matter
of the model family, found in the table `HEADS`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from edge_detector.errors import ConfigError, ModelError
from edge_detector.options import build, convert
from edge_detector.registry import HEADS, resolve
from edge_detector.toml import read_toml, to_toml
from edge_detector.types import DEFAULT_CONFIDENCE, Size

COLDEST, HOTTEST = 0.01, 100.0  # temperatures beyond make every score 0, 0.5 or 1


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How a picture becomes the model's input: real = (pixel - mean) / std."""

    size: Size  # (width, height)
    resize: str = "stretch"  # or letterbox
    color: str = "rgb"  # or bgr
    mean: float = 127.5
    std: float = 127.5


@dataclass(frozen=True, slots=True)
class ScoreSpec:
    """What the model's scores mean: the table [scores], which may be left out; ``evaluate`` can fit and write it."""

    confidence: float = DEFAULT_CONFIDENCE  # the lowest score that counts unless the user says another, as shown
    temperature: float = 1.0  # of `ScoreScale`: shown = sigmoid(logit(raw) / temperature)

    def check(self) -> None:
        """Raises `ModelError` for a value that cannot be used."""
        if not 0.0 <= self.confidence <= 1.0:
            raise ModelError(f"scores.confidence is {self.confidence:g}; expected a fraction from 0 to 1, such as 0.5")
        if not COLDEST <= self.temperature <= HOTTEST:
            raise ModelError(
                f"scores.temperature is {self.temperature:g}; expected {COLDEST:g} to {HOTTEST:g}, or 1 for raw scores"
            )


@dataclass(frozen=True, slots=True)
class Decode:
    """How the output tensors become boxes: the table [decode]. Each model family has a subclass with its own keys.

    A subclass must name its ``kinds``. It may add keys, with defaults; a key whose type is a dataclass (or None) is a
    table beside [decode], such as [anchors] of the ssd family. It may extend ``check``.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    former_keys: ClassVar[tuple[str, ...]] = ()  # earlier versions wrote them for every family; read without effect

    kind: str

    def check(self) -> None:
        """Raises `ModelError` for a value that means nothing to the family."""
        choose("decode.kind", self.kind, self.kinds)


FamilyDecode = TypeVar("FamilyDecode", bound=Decode)
NO_OTHERS: Mapping[str, type[Decode]] = {}


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything the detector must know of a model that the .tflite file cannot say."""

    name: str
    family: str  # a key of HEADS
    input: InputSpec
    outputs: Mapping[str, str]  # role -> tensor name
    decode: Decode  # of the class that the family names
    class_count: int = 0  # where the output tensors do not tell; 0 if not known
    labels: str = ""  # path relative to the manifest; one label a line, the line number from 0 is the class_id
    sha256: str = ""  # of the .tflite; "" if not known
    metrics: Mapping[str, float] = field(default_factory=dict)  # what was measured, for people: map, ap50
    folder: Path = field(default=Path(), compare=False)  # where it lies: what its relative paths start from
    scores: ScoreSpec = ScoreSpec()

    def decode_as(self, kind: type[FamilyDecode]) -> FamilyDecode:
        """``decode`` as the class of one family.

        Raises `ModelError` if the model is of another family.
        """
        if not isinstance(self.decode, kind):
            raise ModelError(f"{self.name}: a model of the family {self.family!r}; expected one with {kind.__name__}")
        return self.decode


def manifest_path(model: Path) -> Path:
    """The place of the manifest of ``model``."""
    return model.with_suffix(".toml")


def read(path: Path, *, others: Mapping[str, type[Decode]] = NO_OTHERS) -> Manifest:
    """The manifest in ``path``; ``others`` are families besides `HEADS`, with the class of their [decode].

    Raises `ModelError` naming the file, the table and the key at fault.
    """
    try:
        return _from_tables(read_toml(path), path, others)
    except ConfigError as error:
        raise ModelError(str(error)) from None


def write(manifest: Manifest, path: Path) -> None:
    """Write ``manifest`` so that `read` gives it back."""
    values = {key: value for key, value in asdict(manifest).items() if key != "folder"}
    decode = {key: value for key, value in values.pop("decode").items() if value is not None}
    tables = {key: decode.pop(key) for key in _tables_beside(type(manifest.decode)) if key in decode}
    scores, metrics = values.pop("scores"), values.pop("metrics")
    values |= {"decode": decode, **tables}
    values |= {"scores": scores} if manifest.scores != ScoreSpec() else {}
    values |= {"metrics": metrics} if metrics else {}
    path.write_text(to_toml(values), encoding="utf-8")


def sha256(path: Path) -> str:
    """The checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sum(manifest: Manifest, model: Path) -> None:
    """Raises `ModelError` if ``manifest`` has the checksum of another file than ``model``."""
    if manifest.sha256 and manifest.sha256 != sha256(model):
        beside = manifest_path(model).name
        raise ModelError(f"{model}: not the file that {beside} describes; was it changed, or cut short in a copy?")


def choose(key: str, value: object, known: tuple[str, ...]) -> None:
    """Raises `ModelError` unless ``value`` is one of the ``known``."""
    if value not in known:
        raise ModelError(f"{key} is {value!r}; expected one of {', '.join(known)}")


@dataclass(frozen=True, slots=True)
class _Plain:
    """The keys of a manifest outside any table."""

    family: str
    name: str = ""
    class_count: int = 0
    labels: str = ""
    sha256: str = ""


def _from_tables(tables: dict[str, Any], path: Path, others: Mapping[str, type[Decode]]) -> Manifest:
    missing = [name for name in ("family", "input", "outputs", "decode") if name not in tables]
    if missing:
        raise ModelError(f"{path}: [{missing[0]}] is missing from the manifest")
    try:
        manifest = _built(tables, _settings(tables["family"], others), path)
        _check(manifest)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None
    return manifest


def _settings(family: str, others: Mapping[str, type[Decode]]) -> type[Decode]:
    """The class of the family's [decode]."""
    choose("family", family, (*HEADS, *others))
    if family in others:
        return others[family]
    settings: type[Decode] = resolve(HEADS, family, kind="model family").settings
    return settings


def _built(tables: dict[str, Any], kind: type[Decode], path: Path) -> Manifest:
    in_tables = ("input", "outputs", "decode", "scores", "metrics", *_tables_beside(kind))
    plain = build(_Plain, {key: value for key, value in tables.items() if key not in in_tables}, where=str(path))
    return Manifest(
        **asdict(plain),
        input=build(InputSpec, tables["input"], where=f"{path}: [input]"),
        outputs={str(role): str(tensor) for role, tensor in tables["outputs"].items()},
        decode=_decode(tables, kind, path),
        metrics=convert(dict[str, float], tables.get("metrics", {}), where=f"{path}: metrics"),
        folder=path.parent,
        scores=build(ScoreSpec, tables.get("scores", {}), where=f"{path}: [scores]"),
    )


def _decode(tables: dict[str, Any], kind: type[Decode], path: Path) -> Decode:
    beside = _tables_beside(kind)
    for key in beside:
        if key in tables["decode"]:
            raise ModelError(f"[decode]: {key} is here; expected a table of its own, [{key}]")
    keys = {key: value for key, value in tables["decode"].items() if key not in kind.former_keys}
    decode = build(kind, keys, where=f"{path}: [decode]")
    return replace(
        decode,
        **{key: build(beside[key], tables[key], where=f"{path}: [{key}]") for key in beside if key in tables},
    )


def _tables_beside(kind: type[Decode]) -> dict[str, type[Any]]:
    """The fields of a family's settings that are tables of their own: those whose type is a dataclass, or None."""
    hints = {key: hint for key, hint in get_type_hints(kind).items() if not key.startswith("_")}
    return {key: arm for key, hint in hints.items() for arm in (hint, *get_args(hint)) if is_dataclass(arm)}  # type: ignore[misc]


def _check(manifest: Manifest) -> None:
    choose("input.resize", manifest.input.resize, ("stretch", "letterbox"))
    choose("input.color", manifest.input.color, ("rgb", "bgr"))
    if manifest.input.std == 0:
        raise ModelError("input.std is 0; expected the divisor of (pixel - mean) / std")
    manifest.scores.check()
    manifest.decode.check()
