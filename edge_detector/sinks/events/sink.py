"""A database with one record for each visit: ``events:FOLDER?days=365&size=500MB``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.events.database import Database
from edge_detector.events.place import database_file
from edge_detector.masking import masked_value
from edge_detector.options import Bytes, Spec, argument, option
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.background import Background
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.events.picture import best_picture
from edge_detector.sinks.events.stay import Change
from edge_detector.sinks.events.writer import EventWriter
from edge_detector.types import Result

LEAST_SIZE_BYTES = 10**7


@dataclass(frozen=True, slots=True)
class EventsOptions:
    """``events:FOLDER?days=365&size=500MB``."""

    file: Path = argument("a folder for events.sqlite, or the file itself, NAME.sqlite; what is missing is made")
    days: int = option(365, "visits of more days ago are removed")
    size: Bytes = option(Bytes(500 * 10**6), "of the database and its pictures at most; the oldest visits make room")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for limits that leave no room for a visit."""
        if self.days < 1:
            raise ConfigError(f"sink events: days is {self.days}; expected 1 or more, such as 365")
        if self.size < LEAST_SIZE_BYTES:
            raise ConfigError(f"sink events: size is {self.size} bytes; expected 10MB or more, such as 500MB")


class EventsSink(Sink, options=EventsOptions, cameras=Cameras.TOGETHER):
    """Keeps one record for each visit in a SQLite database, with its best picture.

    What has changed is handed to a thread of its own, which alone waits for the disk. Only changes are: frames without
    one cost nothing, and none is dropped because the disk is slow.
    """

    def __init__(self, spec: Spec, context: Context) -> None:
        self._options = sink_options(EventsOptions, spec)
        writer = EventWriter(
            Database(database_file(self._options.file)),
            source="" if context.cameras else masked_value(context.config.source),
            days=self._options.days,
            size_bytes=self._options.size,
            live=context.live,
            count=context.meter.wrote,
        )
        self._background: Background[Change] = Background(writer, name="events", live=context.live)
        context.meter.watch(self._background)

    def __repr__(self) -> str:
        return f"<EventsSink {self._background!r}>"

    def open(self) -> None:
        self._background.open()

    def close(self) -> None:
        self._background.close()

    def write(self, result: Result) -> None:
        """Hand on what has changed.

        Raises `SinkError` if the database cannot be written; `DiskFull` if the disk is full and the source is a file.
        """
        for change in result.visits:
            is_best = change.visit.best_ns == result.frame.timestamp_ns
            picture = best_picture(result.frame, change.visit.best_box) if is_best else None
            self._background.write(Change(change, result.frame.size, picture, result.camera))
