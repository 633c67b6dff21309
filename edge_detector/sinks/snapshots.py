"""A photograph when a wanted object is detected: ``snapshots:FOLDER?classes=person&cooldown=10s&keep=500``."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.image_files import encode_jpeg
from edge_detector.options import Bytes, Seconds, Spec, argument, option
from edge_detector.overlay import Image, annotate
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Sink
from edge_detector.sinks.record import record
from edge_detector.sinks.recording.disk import RESERVE_BYTES, Outage, write_error
from edge_detector.sinks.recording.recording_folder import Limits, RecordingFolder
from edge_detector.sinks.recording.synced_file import SyncedFile
from edge_detector.sinks.recording.trigger import Trigger
from edge_detector.types import Result


@dataclass(frozen=True, slots=True)
class SnapshotsOptions:
    """``snapshots:FOLDER?classes=person,dog&cooldown=10s&clean=true``."""

    folder: Path = argument("the folder for the files; it is made if it is missing")
    classes: tuple[str, ...] = option((), "only these, such as person,dog; none: all classes")
    cooldown: Seconds = option(Seconds(10), "time between two snapshots of one class at least; not between photographs")
    keep: int = option(500, "number of snapshots to keep; the oldest are removed when there are more")
    reserve: Bytes = option(Bytes(RESERVE_BYTES), "snapshots are also removed when the disk has less free than this")
    clean: bool = option(False, "true: also keep the picture without boxes")
    quality: int = option(90, "of the JPEG files, 1 to 100")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a number out of range."""
        if self.keep < 1:
            raise ConfigError(f"sink snapshots: keep is {self.keep}; expected 1 or more, such as 500")
        if not 1 <= self.quality <= 100:
            raise ConfigError(f"sink snapshots: quality is {self.quality}; expected 1 to 100")


class SnapshotsSink(Sink, options=SnapshotsOptions, may_block=True):
    """Writes NAME.jpg, the annotated picture; NAME.json, the detections; if asked, NAME.clean.jpg, without boxes."""

    def __init__(self, spec: Spec, context: Context) -> None:
        self._options = sink_options(SnapshotsOptions, spec)
        self._trigger = Trigger(
            self._options.classes, context.detector.labels, cooldown_s=self._options.cooldown, where="sink snapshots"
        )
        self._folder = RecordingFolder(
            self._options.folder, Limits(items=self._options.keep, reserve_bytes=self._options.reserve)
        )
        self._outage = Outage("snapshots", live=context.live)
        self._meter = context.meter

    def __repr__(self) -> str:
        return f"<SnapshotsSink {self._folder!r}>"

    @property
    def lost(self) -> int:
        """Snapshots for which the disk had no room."""
        return self._outage.lost

    def open(self) -> None:
        self._folder.open()

    def write(self, result: Result) -> None:
        """Take a snapshot if a wanted class has appeared.

        Raises `SinkError` if the disk fails; `DiskFull` if it is full and the source is a file.
        """
        labels = self._trigger(result)
        if labels:
            self._outage.attempt(partial(self._take, result, labels[0]))

    def _take(self, result: Result, label: str) -> None:
        self._folder.make_room()
        stem = self._folder.path / self._folder.new_name(label)
        files = {stem.with_name(stem.name + suffix): content for suffix, content in self._contents(result).items()}
        try:
            self._save(files)
        except OSError as error:
            for path in files:
                path.unlink(missing_ok=True)
            self._folder.raise_reserve()
            raise write_error(f"{self._folder.path}: cannot write a snapshot", error) from error
        self._folder.add(*files)

    def _contents(self, result: Result) -> dict[str, bytes]:
        """The content of each file of a snapshot, by its suffix."""
        found = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **record(result)}
        contents = {".jpg": self._jpeg(annotate(result)), ".json": json.dumps(found, indent=2).encode()}
        if self._options.clean:
            contents[".clean.jpg"] = self._jpeg(result.frame.image)
        return contents

    def _save(self, contents: dict[Path, bytes]) -> None:
        """Write all files, then give all their names: where that is cut off, the next run does the rest of it."""
        with ExitStack() as stack:
            files = [stack.enter_context(SyncedFile(path, count=self._meter.wrote)) for path in contents]
            for file, content in zip(files, contents.values(), strict=True):
                file.write(content)
            for file in files:
                file.take_final_name()

    def _jpeg(self, image: Image) -> bytes:
        return encode_jpeg(image, quality=self._options.quality)
