"""Every option of the detector, each defined once: its name, type, default, help and short flag.

The command line, the configuration file and ``--print-config`` are all made from this one dataclass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints
from urllib.parse import quote

from edge_detector.cameras import Camera, cameras_as_toml, named
from edge_detector.errors import ConfigError, UsageError
from edge_detector.limits import MOST_PIXELS, MOST_PIXELS_IN_WORDS
from edge_detector.masking import masked_value
from edge_detector.options import Seconds, Spec, build, convert, option, table_type
from edge_detector.registry import RUNTIMES, SINKS, check, unknown
from edge_detector.toml import read_toml, to_value
from edge_detector.track.places import Line, Mask, Place, Places, Zone, as_toml

if TYPE_CHECKING:
    from edge_detector.types import Thresholds

# The fastest camera for a Pi gives 1,000 frames a second.
SLOWEST_FPS, FASTEST_FPS = 0.01, 1000.0

INSTALLED_CONFIG = Path("/etc/edge-detector/edge-detector.toml")  # where deploy.sh puts it
SERVICE_FOLDER = Path("/var/lib/edge-detector")  # relative paths in the service's settings start there


# Options of earlier versions that belong to a sink now, and how they are written there.
MOVED = {
    "telemetry_csv": "telemetry?csv=FILE",
    "telemetry_interval": "telemetry?interval=10s",
    "web_token_file": "web:0.0.0.0:8080?token_file=FILE",
}


def where_service_has(path: Path) -> Path:
    """``path``, or the one in the service's folder if only that exists: its relative paths start there."""
    there = SERVICE_FOLDER / path
    return there if there.exists() and not path.exists() else path


@dataclass(frozen=True, slots=True)
class Config:
    """The options by their names in the configuration file; the flag is the same name with dashes."""

    model: Path | None = option(
        None,
        "the .tflite file, its manifest NAME.toml beside it, or a model's name; default: the one that is installed",
        flags=("-m",),
    )
    labels: Path | None = option(
        None,
        "a file with one label a line, in the order of the model's classes; default: what the manifest names",
        flags=("-l",),
    )
    confidence: float | None = option(
        None, "lowest score that counts, 0 to 1; default: as the model's manifest says, else 0.5", flags=("-c",)
    )
    class_confidence: dict[str, float] = option(
        dict, "lowest score of some classes, 0 to 1: person=0.6,dog=0.4; default: as confidence says"
    )
    classes: tuple[str, ...] = option((), "report only these: person,dog; default: all classes")
    iou: float = option(
        0.6, "boxes of one class are one object if they overlap by more than this, 0 to 1 (intersection over union)"
    )
    max_detections: int = option(100, "at most this many objects a frame, the best ones")
    skip_similar: bool = option(
        False, "do not run the model on frames that look like the last one on which it ran; what was found stays"
    )
    longest_skip: Seconds = option(Seconds(1.0), "with skip_similar: the model runs at least once in this time")
    track: bool = option(
        True, "follow objects from frame to frame, so that boxes are steady; false: each frame for itself"
    )
    source: str = option(
        "0",
        "a camera number, /dev/videoN, picamera2:0, rtsp://..., a video file, an image, a folder of images, "
        "or synthetic; edge-detector sources lists their options; given several times, several cameras: "
        "see docs/cameras.md",
    )
    source_credentials: Path | None = option(
        None,
        "a file with one line, user:password, for a source at rtsp://... or http://...; nobody else should read it; "
        "none: the address says what is needed",
    )
    size: tuple[int, int] = option((1280, 720), "picture size asked of a camera, WIDTHxHEIGHT in pixels")
    fps: float = option(30.0, "frames per second asked of a camera")
    timeout: Seconds = option(
        5.0, "a camera silent for longer than this is an error, in seconds, or such as 1.5s or 2m"
    )
    loop: bool = option(False, "start a file again at its end")
    realtime: bool = option(False, "play a video at its own speed; frames that come too fast are dropped")
    sinks: tuple[str, ...] = option(
        (),
        "where results go, NAME[:ARG][?key=value]: " + ", ".join(SINKS) + "; edge-detector sinks lists their options; "
        "may be given several times; default: the window if there is a screen, else the web page",
        flags=("--sink",),
    )
    runtime: str = option("auto", "the interpreter: auto, " + ", ".join(RUNTIMES))
    threads: int = option(0, "inference threads, at most one a core; 0: all cores but one, at most four")
    resize: str = option("auto", "stretch or letterbox, for a model without a manifest")
    outputs: str = option(
        "", "role=tensor,... for a model whose outputs are not recognised; default: as the manifest says"
    )
    mean: float | None = option(
        None,
        "of the input, for a model without a manifest: real = (pixel - mean) / std, pixels from 0 to 255",
    )
    std: float | None = option(None, "of the input, for a model without a manifest: see mean")
    label_base: str = option("auto", "0 or 1: the first number in a numbered label file")
    max_temperature: float = option(
        0.0, "the processor's limit in degrees Celsius, such as 80; near it the model works less; 0: no limit"
    )
    cool_by: str = option("rests", "how the model works less: rests between frames, or threads: fewer threads first")
    shadow_frames: int = option(
        50,
        "a new model, which a reload brings, sees so many frames beside the running one before it takes over, and the "
        "one before is kept for so many more in case it fails; 0: it takes over at once",
    )
    shadow_every: int = option(5, "a new model sees every n-th frame until it takes over")
    shadow_time: Seconds = option(60.0, "and takes over after so long at most, in seconds, or such as 2m")
    shadow_slower: float = option(
        1.5, "a new model that takes more than so many times as long as the running one is refused; 0: none is"
    )
    zones: tuple[Zone, ...] = option((), "parts of the picture: who enters, leaves and stays; see docs/zones.md")
    lines: tuple[Line, ...] = option((), "lines in the picture: who crosses them, which way; see docs/zones.md")
    masks: tuple[Mask, ...] = option((), "parts of the picture that are left out, or black; see docs/zones.md")
    # In the file and on the command line they are called source; `load` puts them here. With them, source says nothing.
    cameras: tuple[Camera, ...] = option((), "several cameras, each with a name of its own; see docs/cameras.md")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a value that cannot be used."""
        for name, value in {"confidence": self.confidence, "iou": self.iou, **self.class_confidence}.items():
            if value is not None and not 0.0 <= value <= 1.0:
                raise ConfigError(f"{name} is {value:g}; expected a fraction from 0 to 1, such as 0.5")
        if not SLOWEST_FPS <= self.fps <= FASTEST_FPS:
            raise ConfigError(f"fps is {self.fps:g}; expected {SLOWEST_FPS:g} to {FASTEST_FPS:g}")
        width, height = self.size
        if width * height > MOST_PIXELS:
            raise ConfigError(f"size is {width}x{height}; expected at most {MOST_PIXELS_IN_WORDS}, such as 9248x6944")
        if self.max_temperature < 0:
            raise ConfigError(
                f"max_temperature is {self.max_temperature:g}; expected degrees Celsius, or 0 for no limit"
            )
        if self.threads < 0:
            raise ConfigError(f"threads is {self.threads}; expected 1 or more, or 0 to choose from the cores")
        _check_limits(self)
        _check_normalization(self.mean, self.std)
        _choose("resize", self.resize, ("auto", "stretch", "letterbox"))
        _choose("label_base", self.label_base, ("auto", "0", "1"))
        _choose("cool_by", self.cool_by, ("rests", "threads"))
        check(RUNTIMES, self.runtime, kind="runtime", also=("auto",))
        for text in self.sinks:
            check(SINKS, Spec.parse(text).name, kind="sink")
        _ = self.places
        object.__setattr__(self, "cameras", named(self.cameras))
        _check_cameras(self)

    def of_camera(self, camera: Camera) -> Config:
        """As if ``camera`` were the only one. Raises `ConfigError` for a value that cannot be used."""
        try:
            return replace(
                self,
                source=camera.source,
                source_credentials=camera.source_credentials or self.source_credentials,
                size=camera.size or self.size,
                fps=self.fps if camera.fps is None else camera.fps,
                zones=camera.zones,
                lines=camera.lines,
                masks=camera.masks,
                cameras=(),
            )
        except ConfigError as error:
            raise ConfigError(f"{camera}: {error}") from None

    @property
    def all_sources(self) -> tuple[str, ...]:
        """The source, or those of the cameras."""
        return tuple(camera.source for camera in self.cameras) or (self.source,)

    @property
    def all_places(self) -> tuple[Place, ...]:
        """The zones and lines, also those of several cameras."""
        return (*self.places, *(place for camera in self.cameras for place in camera.places))

    @property
    def places(self) -> Places:
        """The zones and lines. Raises `ConfigError` if two have one name."""
        return Places(self.zones, self.lines)

    def thresholds(self, default_confidence: float | None = None) -> Thresholds:
        """The part that may change while running; ``default_confidence`` is that of the model, if it has its own."""
        from edge_detector.types import DEFAULT_CONFIDENCE, Thresholds  # late: numpy comes with it

        said = (self.confidence, default_confidence, DEFAULT_CONFIDENCE)
        confidence = next(each for each in said if each is not None)
        return Thresholds(confidence, self.class_confidence, self.classes, self.iou, self.max_detections)


def load(path: Path | None, flags: Mapping[str, Any]) -> Config:
    """The configuration file's values, replaced by the flags where both say something, checked.

    Raises `ConfigError` that names the file, or `UsageError` for a flag.
    """
    from_file = read_toml(path) if path else {}
    if path:
        _refuse_moved(path, from_file)
    try:
        from_file = _with_cameras(from_file)
        build(Config, from_file, where=str(path))
    except ConfigError as error:
        raise error if str(error).startswith(str(path)) else ConfigError(f"{path}: {error}") from None
    try:
        return build(Config, {**from_file, **_with_cameras(flags)}, where="command line")
    except ConfigError as error:
        raise UsageError(str(error)) from None


def _with_cameras(values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with several sources, which are tables or texts, as cameras; one alone hides those of the file.

    Raises `ConfigError` for the name that only this program uses.
    """
    if "cameras" in values:
        raise ConfigError("unknown option 'cameras'; several cameras are tables that begin with [[source]]")
    source = values.get("source")
    if source is None:
        return dict(values)
    if not isinstance(source, list | tuple):
        return {**values, "source": _camera_number(source), "cameras": ()}
    if len(source) == 1 and not isinstance(source[0], Mapping):
        return {**values, "source": _camera_number(source[0]), "cameras": ()}
    rest = {name: value for name, value in values.items() if name != "source"}
    return {**rest, "cameras": convert(tuple[Camera, ...], [_camera_table(each) for each in source], where="source")}


def _camera_table(source: Any) -> Any:
    """The table of one camera, from a table or from its source alone."""
    if not isinstance(source, Mapping):
        return {"source": source}
    return {**source, "source": _camera_number(source["source"])} if "source" in source else source


def _camera_number(source: Any) -> Any:
    """In a file, ``source = 0`` is camera 0 as ``source = "0"`` is."""
    return str(source) if type(source) is int and source >= 0 else source


def dump(config: Config, *, mask: bool = False) -> str:
    """The configuration as a commented TOML file that `load` reads back; ``mask``: for people, without secrets."""
    show = _masked if mask else _as_it_is
    hints = get_type_hints(Config)
    tables = [item for item in fields(config) if table_type(hints[item.name])]
    entries = [
        _entry(item.name, getattr(config, item.name), item.metadata["help"], show)
        for item in fields(config)
        if item not in tables and not (config.cameras and item.name == "source")
    ]
    places = [item for item in tables if item.name != "cameras" and not config.cameras]
    cameras = [f"# several cameras; see docs/cameras.md\n{cameras_as_toml(map(_shown(mask), config.cameras))}"]
    # In TOML, a key below a table belongs to it: the tables come last.
    return "\n".join(
        entries
        + [_tables(item.name, getattr(config, item.name), item.metadata["help"]) for item in places]
        + (cameras if config.cameras else [])
    )


def _shown(mask: bool) -> Callable[[Camera], Camera]:
    """What is shown of a camera."""
    return (lambda camera: replace(camera, source=masked_value(camera.source))) if mask else (lambda camera: camera)


def moved_flag(flag: str) -> str | None:
    """What to write instead of ``flag``, if it is one of an earlier version."""
    new = MOVED.get(flag.removeprefix("--").replace("-", "_"))
    return new and f"{flag} belongs to a sink now; write --sink '{new}'"


def _refuse_moved(path: Path, values: Mapping[str, Any]) -> None:
    for name in sorted(MOVED.keys() & values.keys()):
        line = f"{name} = {to_value(values[name])}"
        raise ConfigError(
            f"{path}: {line}: belongs to a sink now; remove this line, and in sinks write {_moved(name, values)}"
        )


def _moved(name: str, values: Mapping[str, Any]) -> str:
    """The sink of ``values`` that the option ``name`` belongs to, with it, as TOML."""
    new = Spec.parse(MOVED[name])
    sinks = [str(text) for text in values.get("sinks", ())]
    text = next((text for text in sinks if Spec.parse(text).name == new.name), new.name)
    return to_value(
        f"{text}{'&' if '?' in text else '?'}{next(iter(new.options))}={quote(str(values[name]), safe='/:')}"
    )


def _entry(name: str, value: Any, description: str, show: Callable[[Any], Any]) -> str:
    shown = show(value)
    hint = "" if shown == value else "# A secret is not shown at a terminal; source_credentials keeps one in a file.\n"
    line = f"# {name} =" if value is None else f"{name} = {to_value(shown)}"
    return f"# {description}\n{hint}{line}\n"


def _tables(name: str, values: tuple[Zone | Line | Mask, ...], description: str) -> str:
    tables = as_toml(name, values) if values else f"# [[{name}]]\n"
    return f"# {description}\n{tables}"


def _as_it_is(value: Any) -> Any:
    return value


def _masked(value: Any) -> Any:
    """``value`` of an option without the secrets of addresses."""
    if isinstance(value, tuple):
        return tuple(map(_masked, value))
    return masked_value(value) if isinstance(value, str) else value


def _check_cameras(config: Config) -> None:
    for name in ("zones", "lines", "masks"):
        if config.cameras and getattr(config, name):
            raise ConfigError(f"{name}: with several cameras they belong to one; write [[source.{name}]] below it")
    for camera in config.cameras:
        config.of_camera(camera)


def _check_limits(config: Config) -> None:
    for name in ("max_detections", "timeout", "longest_skip", "shadow_every", "shadow_time"):
        if getattr(config, name) <= 0:
            raise ConfigError(f"{name} is {getattr(config, name):g}; expected more than 0")
    for name in ("shadow_frames", "shadow_slower"):
        if getattr(config, name) < 0:
            raise ConfigError(f"{name} is {getattr(config, name):g}; expected 0 or more")


def _check_normalization(mean: float | None, std: float | None) -> None:
    if (mean is None) != (std is None):
        raise ConfigError("mean and std belong together; expected both, such as 127.5 and 127.5, or neither")
    if std == 0:
        raise ConfigError("std is 0; expected the divisor of (pixel - mean) / std, such as 127.5")


def _choose(kind: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigError(unknown(kind, value, known))
