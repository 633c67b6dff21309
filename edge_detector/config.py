"""Every option of the detector in one frozen dataclass; file and flags both end here."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.options import Seconds, build
from edge_detector.types import Thresholds


@dataclass(frozen=True, slots=True)
class Config:
    """The options by their names in the configuration file; a flag is the same name with dashes."""

    model: Path | None = None  # a .tflite file; its manifest NAME.toml lies beside it. None: the shipped model
    labels: Path | None = None  # None: the file that the manifest names
    confidence: float = 0.5
    class_confidence: dict[str, float] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    iou: float = 0.6
    max_detections: int = 100
    source: str = "0"
    size: tuple[int, int] = (1280, 720)  # asked of a camera; it may give another
    fps: float = 30.0  # asked of a camera
    timeout: Seconds = Seconds(5.0)  # a camera silent for longer is an error
    loop: bool = False  # begin a file again at its end
    sinks: tuple[str, ...] = ()
    runtime: str = "auto"
    threads: int = 0  # 0: from the number of cores
    resize: str = "auto"  # stretch or letterbox; auto: what the manifest says, else stretch
    outputs: str = ""  # role=tensor pairs, for a model whose outputs explain nothing
    label_base: str = "auto"  # 0 or 1: the number of the first label in a numbered label file
    telemetry_interval: Seconds = Seconds(10.0)
    telemetry_csv: Path | None = None
    web_token_file: Path | None = None  # the secret that viewers of the web page show; needed beyond this machine

    @property
    def thresholds(self) -> Thresholds:
        """The part that may change while running."""
        return Thresholds(self.confidence, self.class_confidence, self.classes, self.iou, self.max_detections)


def read_toml(path: Path) -> dict[str, Any]:
    """The keys and values of a configuration file.

    Raises `ConfigError` if it cannot be read or is no TOML.
    """
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


def load(path: Path | None, flags: Mapping[str, Any]) -> Config:
    """The configuration file's values with the flags laid over them, checked.

    Raises `ConfigError` naming the file or flag at fault.
    """
    from_file = read_toml(path) if path else {}
    build(Config, from_file, where=str(path))  # so that an error in the file names the file
    config = build(Config, {**from_file, **flags}, where="options")
    _check(config)
    return config


def dump(config: Config) -> str:
    """The configuration as TOML that `load` reads back."""
    return to_toml({key: value for key, value in asdict(config).items() if value is not None})


def to_toml(values: Mapping[str, Any]) -> str:
    """``values`` as TOML: plain keys first, then a [table] for each mapping."""
    plain = [f"{_key(key)} = {_toml(value)}" for key, value in values.items() if not isinstance(value, Mapping)]
    tables = [f"\n[{_key(key)}]\n{to_toml(value)}" for key, value in values.items() if isinstance(value, Mapping)]
    return "".join(f"{line}\n" for line in plain) + "".join(tables)


def _check(config: Config) -> None:
    fractions = {"confidence": config.confidence, "iou": config.iou}
    fractions |= {f"class_confidence of {label}": value for label, value in config.class_confidence.items()}
    for name, value in fractions.items():
        if not 0.0 <= value <= 1.0:
            raise ConfigError(f"{name} is {value:g}; expected a fraction from 0 to 1, such as 0.5")
    _choose("resize", config.resize, ("auto", "stretch", "letterbox"))
    _choose("label_base", config.label_base, ("auto", "0", "1"))
    for name, positive in (("max_detections", config.max_detections), ("fps", config.fps), ("timeout", config.timeout)):
        if positive <= 0:
            raise ConfigError(f"{name} is {positive:g}; expected more than 0")
    if config.threads < 0:
        raise ConfigError(f"threads is {config.threads}; expected 1 or more, or 0 to choose from the cores")


def _choose(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(f"{name} is {value!r}; expected one of {', '.join(known)}")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def _toml(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    # What is left is text, a truth or a number, and there TOML and JSON write the same.
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
