"""Every option of the detector, each said once: its name, type, default, help and short flag.

The command line, the configuration file and ``--print-config`` are all made from this one dataclass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError, UsageError
from edge_detector.options import Seconds, Spec, build
from edge_detector.registry import RUNTIMES, SINKS, unknown
from edge_detector.toml import read_toml, to_value
from edge_detector.types import Thresholds

# Cameras for a Pi end at 64 megapixels and 1,000 frames a second.
MOST_PIXELS = 2**26
SLOWEST_FPS, FASTEST_FPS = 0.01, 1000.0


def option(default: Any, description: str, *, flags: tuple[str, ...] = ()) -> Any:
    """A field of `Config`: what ``--help`` and the configuration file say of it, and flags beside ``--its-name``."""
    metadata = {"help": description, "flags": flags}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Config:
    """The options by their names in the configuration file; the flag is the same name with dashes."""

    model: Path | None = option(None, "the .tflite file; its manifest NAME.toml lies beside it", flags=("-m",))
    labels: Path | None = option(None, "one label a line, in the order of the model's classes", flags=("-l",))
    confidence: float = option(0.5, "lowest score that counts, 0 to 1", flags=("-c",))
    class_confidence: dict[str, float] = option(dict, "lowest score of some classes: person=0.6,dog=0.4")
    classes: tuple[str, ...] = option((), "report only these: person,dog")
    iou: float = option(0.6, "boxes of one class that overlap by more are one object, 0 to 1")
    max_detections: int = option(100, "at most this many objects a frame, the best ones")
    source: str = option(
        "0",
        "a camera number, /dev/videoN, picamera2:0, rtsp://..., a video file, an image, a folder of images, "
        "or synthetic",
    )
    size: tuple[int, int] = option((1280, 720), "picture size asked of a camera")
    fps: float = option(30.0, "frames per second asked of a camera")
    timeout: Seconds = option(5.0, "a camera silent for longer than this is an error")
    loop: bool = option(False, "begin a file again at its end")
    realtime: bool = option(False, "play a video at its own speed, as a camera would: what comes too fast is dropped")
    sinks: tuple[str, ...] = option(
        (),
        "where results go, NAME[:ARG][?key=value]: " + ", ".join(SINKS) + "; "
        "default: the window if there is a screen, else the web page",
        flags=("--sink",),
    )
    runtime: str = option("auto", "the interpreter: auto, " + ", ".join(RUNTIMES))
    threads: int = option(0, "inference threads, at most one a core; 0: all cores but one, at most four")
    resize: str = option("auto", "stretch or letterbox, for a model without a manifest")
    outputs: str = option("", "role=tensor,... for a model whose outputs explain nothing")
    mean: float | None = option(None, "of the input, for a model without a manifest: real = (pixel - mean) / std")
    std: float | None = option(None, "of the input, for a model without a manifest: see mean")
    label_base: str = option("auto", "0 or 1: the first number in a numbered label file")
    max_temperature: float = option(
        0.0, "degrees Celsius of the processor at which the model works less, such as 80; 0: never"
    )
    cool_by: str = option("rests", "how it works less: rests between frames, or threads, which it gives up first")
    telemetry_interval: Seconds = option(10.0, "how often telemetry logs a line")
    telemetry_csv: Path | None = option(None, "also write telemetry to this CSV file, which at 50 MB becomes FILE.1")
    web_token_file: Path | None = option(None, "the secret for viewers of the web page from other machines")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a value that no run could use."""
        for name, value in {"confidence": self.confidence, "iou": self.iou, **self.class_confidence}.items():
            if not 0.0 <= value <= 1.0:
                raise ConfigError(f"{name} is {value:g}; expected a fraction from 0 to 1, such as 0.5")
        for name in ("max_detections", "timeout", "telemetry_interval"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} is {getattr(self, name):g}; expected more than 0")
        if not SLOWEST_FPS <= self.fps <= FASTEST_FPS:
            raise ConfigError(f"fps is {self.fps:g}; expected {SLOWEST_FPS:g} to {FASTEST_FPS:g}")
        width, height = self.size
        if width * height > MOST_PIXELS:
            raise ConfigError(
                f"size is {width}x{height}; expected at most {MOST_PIXELS / 1e6:.0f} megapixels, such as 9248x6944"
            )
        if self.max_temperature < 0:
            raise ConfigError(
                f"max_temperature is {self.max_temperature:g}; expected degrees Celsius, or 0 for no limit"
            )
        if self.threads < 0:
            raise ConfigError(f"threads is {self.threads}; expected 1 or more, or 0 to choose from the cores")
        _check_normalization(self.mean, self.std)
        _choose("resize", self.resize, ("auto", "stretch", "letterbox"))
        _choose("label_base", self.label_base, ("auto", "0", "1"))
        _choose("cool_by", self.cool_by, ("rests", "threads"))
        _choose("runtime", self.runtime, ("auto", *RUNTIMES))
        for text in self.sinks:
            _choose("sink", Spec.parse(text).name, tuple(SINKS))

    @property
    def thresholds(self) -> Thresholds:
        """The part that may change while running."""
        return Thresholds(self.confidence, self.class_confidence, self.classes, self.iou, self.max_detections)


def load(path: Path | None, flags: Mapping[str, Any]) -> Config:
    """The configuration file's values with the flags laid over them, checked.

    Raises `ConfigError` naming the file at fault, `UsageError` for a flag.
    """
    from_file = read_toml(path) if path else {}
    try:
        build(Config, from_file, where=str(path))
    except ConfigError as error:
        raise error if str(error).startswith(str(path)) else ConfigError(f"{path}: {error}") from None
    try:
        return build(Config, {**from_file, **flags}, where="command line")
    except ConfigError as error:
        raise UsageError(str(error)) from None


def dump(config: Config) -> str:
    """The configuration as a commented TOML file that `load` reads back."""
    return "\n".join(_entry(item.name, getattr(config, item.name), item.metadata["help"]) for item in fields(config))


def _entry(name: str, value: Any, description: str) -> str:
    line = f"# {name} =" if value is None else f"{name} = {to_value(value)}"
    return f"# {description}\n{line}\n"


def _check_normalization(mean: float | None, std: float | None) -> None:
    if (mean is None) != (std is None):
        raise ConfigError("mean and std belong together; expected both, such as 127.5 and 127.5, or neither")
    if std == 0:
        raise ConfigError("std is 0; expected the divisor of (pixel - mean) / std, such as 127.5")


def _choose(kind: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(unknown(kind, value, known))
