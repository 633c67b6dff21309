"""A photograph when something wanted is seen: ``snapshots:FOLDER?classes=person&cooldown=10s&keep=500``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from edge_detector.context import Context
from edge_detector.errors import SinkError
from edge_detector.options import Bytes, Seconds, Spec
from edge_detector.overlay import Image, annotate
from edge_detector.sinks import sink_options
from edge_detector.sinks.jsonl import record
from edge_detector.sinks.shelf import RESERVE_BYTES, Limits, Shelf
from edge_detector.sinks.trigger import Trigger
from edge_detector.types import Result


@dataclass(frozen=True, slots=True)
class SnapshotsOptions:
    """``snapshots:FOLDER?classes=person,dog&cooldown=10s&clean=true``."""

    folder: Path
    classes: tuple[str, ...] = ()  # none named means all
    cooldown: Seconds = Seconds(10)  # the shortest time between two snapshots for the same class
    keep: int = 500  # the oldest go when there are more
    reserve: Bytes = Bytes(RESERVE_BYTES)  # they also go when the disk has less left
    clean: bool = False  # also keep the picture as the camera saw it
    quality: int = 90  # of the JPEG files, 1 to 100


class SnapshotsSink:
    """Writes NAME.jpg, the annotated picture, NAME.json, what was found, and by option NAME.clean.jpg."""

    may_block = True

    def __init__(self, spec: Spec, context: Context) -> None:
        self._options = sink_options(SnapshotsOptions, spec, argument="folder")
        self._trigger = Trigger(
            self._options.classes, context.detector.labels, cooldown_s=self._options.cooldown, where="sink snapshots"
        )
        self._shelf = Shelf(self._options.folder, Limits(items=self._options.keep, reserve_bytes=self._options.reserve))
        self._meter = context.meter

    def __repr__(self) -> str:
        return f"<SnapshotsSink {self._shelf!r}>"

    def __enter__(self) -> Self:
        self._shelf.open()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass  # nothing is open between two snapshots

    def write(self, result: Result) -> None:
        """Take a snapshot if a wanted class has appeared.

        Raises `SinkError` when the disk does not take it.
        """
        labels = self._trigger(result)
        if not labels or not self._shelf.make_room():
            return
        try:
            self._shelf.add(*self._save(result, name=self._shelf.new_name(labels[0])))
        except OSError as error:
            raise SinkError(f"{self._shelf.folder}: cannot write a snapshot: {error.strerror}") from error

    def _save(self, result: Result, *, name: str) -> list[Path]:
        found = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **record(result)}
        contents = {".jpg": self._jpeg(annotate(result)), ".json": json.dumps(found, indent=2).encode()}
        if self._options.clean:
            contents[".clean.jpg"] = self._jpeg(result.frame.image)
        paths = []
        for suffix, content in contents.items():
            path = self._shelf.folder / f"{name}{suffix}"
            path.write_bytes(content)
            self._meter.wrote(len(content))
            paths.append(path)
        return paths

    def _jpeg(self, image: Image) -> bytes:
        return jpeg(image, quality=self._options.quality)


def jpeg(image: Image, *, quality: int) -> bytes:
    """``image`` as a JPEG file."""
    _, encoded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return encoded.tobytes()
