"""The best picture of each visit of a wanted object: ``snapshots:FOLDER?classes=person&keep=500``."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError, SinkError
from edge_detector.events.links import FileLinks
from edge_detector.events.record import SNAPSHOT
from edge_detector.image_files import encode_jpeg
from edge_detector.options import Bytes, Seconds, Spec, argument, option
from edge_detector.overlay import Image, annotate
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.record import record, visit_row
from edge_detector.sinks.recording.disk import RESERVE_BYTES, Outage, write_error
from edge_detector.sinks.recording.recording_folder import Limits, RecordingFolder
from edge_detector.sinks.recording.synced_file import SyncedFile
from edge_detector.sinks.recording.trigger import Trigger
from edge_detector.types import Result, Visit

BETTER_BY = 0.05  # a picture replaces the one before only if its score is so much higher: some ten times at most
REWRITE_NS = 10**9  # between two of these at least, but for the one at the end of the visit


@dataclass(frozen=True, slots=True)
class SnapshotsOptions:
    """``snapshots:FOLDER?classes=person,dog&cooldown=10s&clean=true``."""

    folder: Path = argument("the folder for the files; it is made if it is missing")
    classes: tuple[str, ...] = option((), "only these, such as person,dog; none: all classes")
    cooldown: Seconds = option(Seconds(10), "without tracking: time between two snapshots of one class at least")
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


@dataclass(slots=True)
class VisitPicture:
    """The best picture of a visit so far."""

    visit: Visit
    score: float = -1.0  # of the visit in the picture
    found: dict[str, Any] = field(default_factory=dict)  # the detections in it
    unwritten: dict[str, bytes] = field(default_factory=dict)  # what the disk does not have yet: content by suffix
    tried_ns: int | None = None  # when it was last written, or could not be
    stem: Path | None = None  # of its files; None: it has none

    def is_due(self, now_ns: int) -> bool:
        """Whether there is something to write, and enough time has passed."""
        return bool(self.unwritten) and (self.tried_ns is None or now_ns - self.tried_ns >= REWRITE_NS)

    def take_unwritten(self) -> dict[str, bytes]:
        """What to write now, with the visit as it is known now."""
        taken, self.unwritten = self.unwritten, {}
        return {**taken, ".json": _json({**self.found, "visit": visit_row(self.visit)})}


class SnapshotsSink(Sink, options=SnapshotsOptions, may_block=True, cameras=Cameras.APART):
    """Writes NAME.jpg, the annotated picture; NAME.json, the detections; if asked, NAME.clean.jpg, without boxes.

    Each visit has one: it is there when the visit begins, and better pictures replace it. The database of visits, if
    the run keeps one, says which visit it is of. Without visits, one is made when a wanted class is detected.
    """

    def __init__(self, spec: Spec, context: Context) -> None:
        self._options = sink_options(SnapshotsOptions, spec)
        self._trigger = Trigger(
            self._options.classes, context.detector.labels, cooldown_s=self._options.cooldown, where="sink snapshots"
        )
        self._tells_visits = context.tells_visits
        self._pictures: dict[str, VisitPicture] = {}  # of the visits that have not ended, by their ids
        self._folder = RecordingFolder(
            self._options.folder,
            Limits(items=self._options.keep, reserve_bytes=self._options.reserve),
            camera=context.camera,
        )
        self._outage = Outage("snapshots", live=context.live)
        self._links = FileLinks(context.config.sinks, count=context.meter.wrote)
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
        """Take a snapshot of a visit that has begun or is seen better; without visits, of a class that has appeared.

        Raises `SinkError` if the disk fails; `DiskFull` if it is full and the source is a file.
        """
        if self._tells_visits(result):
            self._heed_visits(result)
        else:
            self._heed_detections(result)
        self._links.write()

    def close(self) -> None:
        """Write what is still to be written of the visits that have not ended."""
        pictures, self._pictures = self._pictures, {}
        for picture in pictures.values():
            self._outage.attempt(partial(self._write_picture, picture))
        self._links.close()

    def _heed_visits(self, result: Result) -> None:
        now_ns = result.frame.timestamp_ns
        for change in result.visits:
            self._follow(change.visit, result)
        due = [picture for picture in self._pictures.values() if picture.visit.ended or picture.is_due(now_ns)]
        for picture in due:
            picture.tried_ns = now_ns
            self._outage.attempt(partial(self._write_picture, picture))
            if picture.visit.ended:
                del self._pictures[picture.visit.id]

    def _follow(self, visit: Visit, result: Result) -> None:
        if visit.id not in self._pictures:
            if visit.ended or not self._trigger.wanted(visit.label):
                return
            self._pictures[visit.id] = VisitPicture(visit)
        picture = self._pictures[visit.id]
        picture.visit = visit
        score = visit.score if visit.best_ns == result.frame.timestamp_ns else 0.0  # the best may be an earlier frame
        if score >= picture.score + BETTER_BY:
            picture.score, picture.found, picture.unwritten = score, _found(result), self._jpegs(result)

    def _write_picture(self, picture: VisitPicture) -> None:
        """Write what is new of it. A picture that was removed meanwhile, by ``keep`` or by hand, stays removed."""
        is_new = picture.stem is None
        if is_new and not picture.unwritten:
            return  # the disk had no room for it
        contents = picture.take_unwritten()
        if picture.stem is None:
            picture.stem = self._write_new(picture.visit.label, contents)
            self._links.add(picture.visit.id, SNAPSHOT, _path(picture.stem, ".jpg"))
        elif _path(picture.stem, ".json").exists():
            self._write_files(picture.stem, contents)

    def _heed_detections(self, result: Result) -> None:
        labels = self._trigger(result)
        if labels:
            self._outage.attempt(partial(self._take, result, labels[0]))

    def _take(self, result: Result, label: str) -> None:
        self._write_new(label, {**self._jpegs(result), ".json": _json(_found(result))})

    def _write_new(self, label: str, contents: dict[str, bytes]) -> Path:
        """Write a new snapshot; returns its path without suffix."""
        self._folder.make_room()
        stem = self._folder.path / self._folder.new_name(label)
        try:
            self._write_files(stem, contents)
        except SinkError:
            for suffix in contents:
                _path(stem, suffix).unlink(missing_ok=True)
            raise
        self._folder.add(*(_path(stem, suffix) for suffix in contents))
        return stem

    def _write_files(self, stem: Path, contents: dict[str, bytes]) -> None:
        try:
            self._save({_path(stem, suffix): content for suffix, content in contents.items()})
        except OSError as error:
            self._folder.raise_reserve()
            raise write_error(f"{self._folder.path}: cannot write a snapshot", error) from error

    def _jpegs(self, result: Result) -> dict[str, bytes]:
        """The content of each picture of a snapshot, by its suffix."""
        pictures = {".jpg": self._jpeg(annotate(result))}
        if self._options.clean:
            pictures[".clean.jpg"] = self._jpeg(result.frame.image)
        return pictures

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


def _found(result: Result) -> dict[str, Any]:
    """What a snapshot's JSON file says of the frame."""
    return {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **record(result)}


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, indent=2).encode()


def _path(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)
