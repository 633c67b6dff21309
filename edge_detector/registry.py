"""The tables: everything that can be chosen by name, each a "module:attribute" imported when first used.

A new camera, model family, runtime or output is one file and one line here. One of another package joins by an entry
point of the group ``edge_detector.sources``, ``.heads``, ``.runtimes`` or ``.sinks`` (see examples/plugin); it cannot
take the place of a name in the tables.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from edge_detector.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

SOURCES = {
    "camera": "edge_detector.sources.camera:CameraSource",
    "images": "edge_detector.sources.images:ImagesSource",
    "picamera2": "edge_detector.sources.picamera2:Picamera2Source",
    "stream": "edge_detector.sources.stream:StreamSource",
    "synthetic": "edge_detector.sources.synthetic:SyntheticSource",
    "video": "edge_detector.sources.video:VideoSource",
}

RUNTIMES = {
    "fake": "edge_detector.detect.runtimes.fake:FakeRuntime",
    "litert": "edge_detector.detect.runtimes.litert:LiteRtRuntime",
    "tflite-runtime": "edge_detector.detect.runtimes.litert:TfliteRuntime",
}

HEADS = {
    "ssd": "edge_detector.detect.heads.ssd:Ssd",
    "yolo": "edge_detector.detect.heads.yolo:Yolo",
}

SINKS = {
    "clips": "edge_detector.sinks.clips:ClipsSink",
    "command": "edge_detector.sinks.notify.command:CommandSink",
    "email": "edge_detector.sinks.notify.email:EmailSink",
    "events": "edge_detector.sinks.events.sink:EventsSink",
    "gpio": "edge_detector.sinks.gpio:GpioSink",
    "jsonl": "edge_detector.sinks.jsonl:JsonlSink",
    "mqtt": "edge_detector.sinks.mqtt.sink:MqttSink",
    "ntfy": "edge_detector.sinks.notify.ntfy:NtfySink",
    "print": "edge_detector.sinks.print:PrintSink",
    "snapshots": "edge_detector.sinks.snapshots:SnapshotsSink",
    "telemetry": "edge_detector.sinks.telemetry.sink:TelemetrySink",
    "telegram": "edge_detector.sinks.notify.telegram:TelegramSink",
    "timelapse": "edge_detector.sinks.timelapse:TimelapseSink",
    "video": "edge_detector.sinks.video:VideoSink",
    "watchdog": "edge_detector.sinks.watchdog:WatchdogSink",
    "window": "edge_detector.sinks.window.sink:WindowSink",
    "web": "edge_detector.sinks.web.sink:WebSink",
    "webhook": "edge_detector.sinks.notify.webhook:WebhookSink",
}


PACKAGE = "edge_detector"

MOST_LISTED = 30  # a list of COCO's 80 classes would hide the hint

EXTRAS = ("gpio", "mqtt", "web", "window")  # names that need the extra of the same name in pyproject.toml
ALSO_BY = {"gpio": ", or on a Raspberry Pi: sudo apt install python3-gpiozero python3-lgpio"}


def resolve(table: dict[str, str], name: str, *, kind: str) -> Any:
    """The object that ``name`` stands for, in the table or as a plug-in.

    Raises `ConfigError` for a name that nobody has, one whose extra is not installed, and a plug-in that is broken.
    """
    if name not in table:
        return _load_plugin(table, name, kind)
    module, _, attribute = table[name].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if name not in EXTRAS:
            raise
        how = f"pip install 'edge-detector[{name}]'{ALSO_BY.get(name, '')}"
        raise ConfigError(f"{kind} {name!r} needs {error.name}, which is not installed: {how}") from None


def is_known(table: dict[str, str], name: str) -> bool:
    """Whether ``name`` is in the table or a plug-in. Who asks for a name of the table does not wait for the search."""
    return name in table or any(plugin.name == name for plugin in plugins(table))


def check(table: dict[str, str], name: str, *, kind: str, also: tuple[str, ...] = ()) -> None:
    """Raises `ConfigError` for a name that is neither known nor one of ``also``. Nothing is imported."""
    if name not in also and not is_known(table, name):
        raise ConfigError(unknown(kind, name, [*also, *names(table)]))


def names(table: dict[str, str]) -> list[str]:
    """Every name that can be chosen, those of plug-ins too."""
    return sorted({*table, *(plugin.name for plugin in plugins(table))})


def plugins(table: dict[str, str]) -> list[EntryPoint]:
    """What other packages offer for ``table``. This reads the metadata of every installed package."""
    from importlib.metadata import entry_points  # late: most runs use none

    groups = {"sources": SOURCES, "runtimes": RUNTIMES, "heads": HEADS, "sinks": SINKS}
    return [each for group, own in groups.items() if own is table for each in entry_points(group=f"{PACKAGE}.{group}")]


def _load_plugin(table: dict[str, str], name: str, kind: str) -> Any:
    found = [plugin for plugin in plugins(table) if plugin.name == name]
    if not found:
        raise ConfigError(unknown(kind, name, names(table)))
    if len(found) > 1:
        owners = " and ".join(sorted(_owner(plugin) for plugin in found))
        raise ConfigError(f"{kind} {name!r}: {owners} both have one of this name; uninstall one of them")
    try:
        return found[0].load()
    except Exception as error:
        raise ConfigError(
            f"{kind} {name!r}: the plug-in {found[0].value} of {_owner(found[0])} cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error


def _owner(plugin: EntryPoint) -> str:
    return f"{plugin.dist.name} {plugin.dist.version}" if plugin.dist else "an unknown package"


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The error text for an unknown name, with the nearest known one, and all of them unless there are many."""
    known = sorted(known)
    if not known:
        return f"unknown {kind} {name!r}; there is none to choose"
    import difflib  # late: only mistakes need it

    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f" did you mean {nearest[0]!r}?" if nearest else ""
    listed = f" known: {', '.join(known)}" if len(known) <= MOST_LISTED or not nearest else ""
    return f"unknown {kind} {name!r};{hint}{listed}"
