"""The tables: everything that can be chosen by name, each a "module:attribute" imported when first used.

A new camera, model family, runtime or output is one file and one line here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from edge_detector.errors import ConfigError

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
    "jsonl": "edge_detector.sinks.jsonl:JsonlSink",
    "mqtt": "edge_detector.sinks.mqtt.sink:MqttSink",
    "print": "edge_detector.sinks.print:PrintSink",
    "snapshots": "edge_detector.sinks.snapshots:SnapshotsSink",
    "telemetry": "edge_detector.sinks.telemetry.sink:TelemetrySink",
    "video": "edge_detector.sinks.video:VideoSink",
    "watchdog": "edge_detector.sinks.watchdog:WatchdogSink",
    "window": "edge_detector.sinks.window.sink:WindowSink",
    "web": "edge_detector.sinks.web.sink:WebSink",
}


MOST_LISTED = 30  # the 80 classes of COCO would bury the hint

EXTRAS = ("mqtt", "web", "window")  # what needs the extra of pyproject.toml that has its name


def resolve(table: dict[str, str], name: str, *, kind: str) -> Any:
    """The object that ``name`` stands for.

    Raises `ConfigError` for a name that is not in the table, or one whose extra is not installed.
    """
    if name not in table:
        raise ConfigError(unknown(kind, name, table))
    module, _, attribute = table[name].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if name not in EXTRAS:
            raise
        raise ConfigError(
            f"{kind} {name!r} needs {error.name}, which is not installed: pip install 'edge-detector[{name}]'"
        ) from None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The sentence for a name that does not exist: the nearest one that does, and all of them unless they are many."""
    known = sorted(known)
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f" did you mean {nearest[0]!r}?" if nearest else ""
    listed = f" known: {', '.join(known)}" if len(known) <= MOST_LISTED or not nearest else ""
    return f"unknown {kind} {name!r};{hint}{listed}"
