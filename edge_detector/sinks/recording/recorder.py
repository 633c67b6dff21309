"""Where annotated pictures go: into one film, or into one after another."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_detector.errors import ConfigError
from edge_detector.options import Bytes, Seconds
from edge_detector.overlay import Image
from edge_detector.running.context import Context
from edge_detector.sinks.recording.disk import MARGIN_BYTES, RESERVE_BYTES, DiskFull, Outage, check_room, free_path
from edge_detector.sinks.recording.encoder import Codec
from edge_detector.sinks.recording.mp4_writer import Mp4Writer, put_away
from edge_detector.sinks.recording.retention import Limits, RecordingFolder

log = logging.getLogger(__name__)

SUFFIX = ".mp4"
ROOM_CHECK_NS = 10**9  # of film: how often the disk is asked how full it is
SMALLEST_FILM_BYTES = 5 * 10**6  # more than an encoder writes at once


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """``video:PATH?segment=10m&keep=2GB``. Half of ``keep`` is the most for one film, so that one before it stays."""

    path: Path
    segment: Seconds = Seconds(600)  # length of one film, in a folder
    segment_size: Bytes = Bytes(10**9)  # and its size: whichever comes first
    keep: Bytes | None = None  # the oldest films go when all together are larger
    reserve: Bytes = Bytes(RESERVE_BYTES)  # they also go when the disk has less left
    encoder: str = "auto"  # software, hardware, or auto: hardware where there is one that works

    def __post_init__(self) -> None:
        """Raises `ConfigError` for films that could hold nothing."""
        if self.segment < 1:
            raise ConfigError(f"sink video: segment = {self.segment:g} s; expected 1s or more, such as 10m")
        if self.segment_size < SMALLEST_FILM_BYTES:
            raise ConfigError(
                f"sink video: segment_size = {self.segment_size} bytes; expected 5MB or more, such as 1GB"
            )
        if self.keep is not None and self.keep < 2 * SMALLEST_FILM_BYTES:
            raise ConfigError(f"sink video: keep = {self.keep} bytes; expected 10MB or more, such as 2GB")


class Recorder(Protocol):
    """Where annotated pictures go: one film, or one after another."""

    def open(self) -> None: ...
    def add(self, image: Image, timestamp_ns: int) -> None: ...
    def close(self) -> None: ...


class SingleFileRecorder:
    """The whole run in one file, or, after a disk has been full, the rest of it in FILE_2.mp4."""

    def __init__(self, options: VideoOptions, codec: Codec, context: Context, outage: Outage) -> None:
        self._path = options.path
        self._reserve_bytes = options.reserve if context.live else 0  # a file's film is as long as the file
        self._codec = codec
        self._meter = context.meter
        self._outage = outage
        self._film: Mp4Writer | None = None
        self._next_check_ns = 0

    def __repr__(self) -> str:
        return f"<SingleFileRecorder {self._film or self._path!r}>"

    def open(self) -> None:
        self._film = self._begin(self._path)

    def add(self, image: Image, timestamp_ns: int) -> None:
        self._look_for_room(timestamp_ns)
        if self._film is None:
            check_room(self._path.parent, MARGIN_BYTES)
            self._film = self._begin(free_path(self._path))
        try:
            self._film.add(image, timestamp_ns)
        except DiskFull:
            self.close()
            raise

    def close(self) -> None:
        if self._film is None:
            return
        film, self._film = self._film, None
        with self._outage.survived():
            film.close()
        if film.frames:
            log.info("film in %s: %d frames, %.1f s", film.path, film.frames, film.duration_s)

    def _begin(self, path: Path) -> Mp4Writer:
        return Mp4Writer(path, self._codec, count=self._meter.wrote)

    def _look_for_room(self, timestamp_ns: int) -> None:
        if self._reserve_bytes and timestamp_ns >= self._next_check_ns:
            check_room(self._path.parent, self._reserve_bytes)
            self._next_check_ns = timestamp_ns + ROOM_CHECK_NS


class SegmentRecorder:
    """Films in a folder, each begun when the last is long or large enough; the oldest make room."""

    def __init__(self, options: VideoOptions, codec: Codec, context: Context, outage: Outage) -> None:
        self._longest_s = options.segment
        self._largest_bytes = min(options.segment_size, options.keep // 2) if options.keep else options.segment_size
        self._codec = codec
        self._meter = context.meter
        self._outage = outage
        self._shelf = RecordingFolder(options.path, Limits(size_bytes=options.keep, reserve_bytes=options.reserve))
        self._film: Mp4Writer | None = None
        self._next_check_ns = 0

    def __repr__(self) -> str:
        return f"<SegmentRecorder {self._shelf!r} {self._film!r}>"

    def open(self) -> None:
        self._shelf.open()

    def add(self, image: Image, timestamp_ns: int) -> None:
        try:
            self._look_for_room(timestamp_ns)
            if self._film is None:
                path = self._shelf.folder / f"{self._shelf.new_name()}{SUFFIX}"
                self._film = Mp4Writer(path, self._codec, count=self._meter.wrote)
            self._film.add(image, timestamp_ns)
        except DiskFull:
            self.close()
            raise
        if self._is_full(self._film):
            self.close()

    def close(self) -> None:
        if self._film is None:
            return
        film, self._film = self._film, None
        put_away(film, self._shelf, self._outage)

    def _look_for_room(self, timestamp_ns: int) -> None:
        if timestamp_ns >= self._next_check_ns:
            self._shelf.make_room(self._film.bytes_written if self._film else 0)
            self._next_check_ns = timestamp_ns + ROOM_CHECK_NS

    def _is_full(self, film: Mp4Writer) -> bool:
        return film.duration_s >= self._longest_s or film.bytes_written >= self._largest_bytes
