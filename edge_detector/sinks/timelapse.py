"""A day in a few minutes: ``timelapse:FOLDER?every=10s`` makes one film a day of one picture every ten seconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.options import Bytes, Seconds, Spec, argument, option
from edge_detector.overlay import Image, annotate
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.recording.disk import RESERVE_BYTES, DiskFull, Outage
from edge_detector.sinks.recording.encoder import choose_codec
from edge_detector.sinks.recording.mp4_writer import Mp4Writer, finish_recording
from edge_detector.sinks.recording.playable import FILM_SUFFIX
from edge_detector.sinks.recording.recording_folder import Limits, RecordingFolder
from edge_detector.types import Result

FASTEST_FPS = 60


@dataclass(frozen=True, slots=True)
class TimelapseOptions:
    """``timelapse:FOLDER?every=10s&fps=25&keep=30``."""

    folder: Path = argument("the folder for the films; it is made if it is missing")
    every: Seconds = option(Seconds(10), "time from one picture to the next")
    fps: int = option(25, "pictures a second in the film: with every=10s, a day is six minutes at 25")
    keep: int = option(30, "number of films to keep; the oldest are removed when there are more")
    reserve: Bytes = option(Bytes(RESERVE_BYTES), "films are also removed when the disk has less free than this")
    encoder: str = option("auto", "software, hardware, or auto: hardware if it is there and works")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a number out of range."""
        if self.every <= 0:
            raise ConfigError(f"sink timelapse: every = {self.every:g} s; expected more than 0, such as 10s")
        if not 1 <= self.fps <= FASTEST_FPS:
            raise ConfigError(f"sink timelapse: fps is {self.fps}; expected 1 to {FASTEST_FPS}, such as 25")
        if self.keep < 1:
            raise ConfigError(f"sink timelapse: keep is {self.keep}; expected 1 or more, such as 30")


class TimelapseSink(Sink, options=TimelapseOptions, may_block=True, cameras=Cameras.APART):
    """Makes one film a day of a picture every few seconds.

    A day is one of the machine's own time zone, and stands at the end of the film's name; the time before it is that of
    its beginning, in UTC, as in all recordings. A run that starts again on the same day begins another film.
    """

    def __init__(self, spec: Spec, context: Context, *, today: Callable[[], date] = lambda: datetime.now().date()):
        self._options = options = sink_options(TimelapseOptions, spec)
        self._every_ns = round(options.every * 1e9)
        self._codec = choose_codec(options.encoder)
        limits = Limits(items=options.keep, reserve_bytes=options.reserve)
        self._folder = RecordingFolder(options.folder, limits, camera=context.camera)
        self._outage = Outage("timelapse", live=context.live)
        self._meter = context.meter
        self._today = today
        self._writer: Mp4Writer | None = None
        self._day = today()
        self._next_ns: int | None = None

    def __repr__(self) -> str:
        return f"<TimelapseSink {self._folder!r} {self._writer!r}>"

    @property
    def lost(self) -> int:
        """Pictures for which the disk had no room."""
        return self._outage.lost

    def open(self) -> None:
        self._folder.open()

    def close(self) -> None:
        self._finish()

    def write(self, result: Result) -> None:
        """Add the annotated frame if it is time for one.

        Raises `SinkError` if the disk fails, `DiskFull` if it is full and the source is a file.
        """
        now_ns = result.frame.timestamp_ns
        if self._next_ns is not None and now_ns < self._next_ns:
            return
        late = self._next_ns is None or now_ns - self._next_ns >= self._every_ns
        self._next_ns = now_ns + self._every_ns if late else self._next_ns + self._every_ns  # type: ignore[operator]
        self._outage.attempt(partial(self._add, annotate(result)))

    def _add(self, image: Image) -> None:
        today = self._today()
        if self._writer is not None and today != self._day:
            self._finish()
        writer = self._writer or self._begin(today)
        try:
            writer.add(image, round(writer.frames * 1e9 / self._options.fps))
        except DiskFull:
            self._finish()
            raise

    def _begin(self, today: date) -> Mp4Writer:
        self._folder.make_room()
        path = self._folder.path / f"{self._folder.new_name(f'day-{today.isoformat()}')}{FILM_SUFFIX}"
        self._writer, self._day = Mp4Writer(path, self._codec, count=self._meter.wrote), today
        return self._writer

    def _finish(self) -> None:
        if self._writer is not None:
            writer, self._writer = self._writer, None
            finish_recording(writer, self._folder, self._outage)
