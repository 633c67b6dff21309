"""Records annotated pictures: in one film, or in one film after another."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_detector.errors import ConfigError
from edge_detector.options import Bytes, Seconds, argument, option
from edge_detector.overlay import Image
from edge_detector.running.context import Context
from edge_detector.sinks.recording.disk import MARGIN_BYTES, RESERVE_BYTES, DiskFull, Outage, check_room, free_path
from edge_detector.sinks.recording.encoder import Codec
from edge_detector.sinks.recording.mp4_writer import Mp4Writer, finish_recording
from edge_detector.sinks.recording.playable import FILM_SUFFIX
from edge_detector.sinks.recording.recording_folder import Limits, RecordingFolder

log = logging.getLogger(__name__)

ROOM_CHECK_NS = 10**9  # of film between two checks of the free space
SMALLEST_FILM_BYTES = 5 * 10**6  # more than an encoder writes at once


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """``video:PATH?segment=10m&keep=2GB``. One film takes at most half of ``keep``, so that the one before it stays."""

    path: Path = argument("a file, FILE.mp4, or a folder that gets a new film after each segment")
    segment: Seconds = option(Seconds(600), "length of one film in a folder at most")
    segment_size: Bytes = option(Bytes(10**9), "size of one film in a folder at most; whichever limit is reached first")
    keep: Bytes | None = option(
        None, "size of all films together; the oldest are removed when they are larger; none: no limit"
    )
    reserve: Bytes = option(Bytes(RESERVE_BYTES), "films are also removed when the disk has less free than this")
    encoder: str = option("auto", "software, hardware, or auto: hardware if it is there and works")
    trails: bool = option(False, "true: draw where each object has stood in the last seconds")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for films too short or too small to hold a picture."""
        if self.segment < 1:
            raise ConfigError(f"sink video: segment = {self.segment:g} s; expected 1s or more, such as 10m")
        if self.segment_size < SMALLEST_FILM_BYTES:
            raise ConfigError(
                f"sink video: segment_size = {self.segment_size} bytes; expected 5MB or more, such as 1GB"
            )
        if self.keep is not None and self.keep < 2 * SMALLEST_FILM_BYTES:
            raise ConfigError(f"sink video: keep = {self.keep} bytes; expected 10MB or more, such as 2GB")


class Recorder(Protocol):
    """Records annotated pictures, each with the time stamp of its frame."""

    def open(self) -> None: ...
    def add(self, image: Image, timestamp_ns: int) -> None: ...
    def close(self) -> None: ...


class SingleFileRecorder:
    """Records the whole run in one file; after the disk has been full, the rest of it in FILE_2.mp4.

    That of one camera of several has its name: ``FILE_porch.mp4``.
    """

    def __init__(self, options: VideoOptions, codec: Codec, context: Context, outage: Outage) -> None:
        self._path = _of_camera(options.path, context)
        self._reserve_bytes = options.reserve if context.live else 0  # a film made of a file ends with the file
        self._codec = codec
        self._meter = context.meter
        self._outage = outage
        self._writer: Mp4Writer | None = None
        self._next_check_ns = 0

    def __repr__(self) -> str:
        return f"<SingleFileRecorder {self._writer or self._path!r}>"

    def open(self) -> None:
        self._writer = self._begin(self._path)

    def add(self, image: Image, timestamp_ns: int) -> None:
        self._ensure_room(timestamp_ns)
        if self._writer is None:
            check_room(self._path.parent, MARGIN_BYTES)
            self._writer = self._begin(free_path(self._path))
        try:
            self._writer.add(image, timestamp_ns)
        except DiskFull:
            self.close()
            raise

    def close(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        with self._outage.full_disk_tolerated():
            writer.close()
        if writer.frames:
            log.info("film in %s: %d frames, %.1f s", writer.path, writer.frames, writer.duration_s)

    def _begin(self, path: Path) -> Mp4Writer:
        return Mp4Writer(path, self._codec, count=self._meter.wrote)

    def _ensure_room(self, timestamp_ns: int) -> None:
        if self._reserve_bytes and timestamp_ns >= self._next_check_ns:
            check_room(self._path.parent, self._reserve_bytes)
            self._next_check_ns = timestamp_ns + ROOM_CHECK_NS


class SegmentRecorder:
    """Records films in a folder: a new one when the last is long or large enough; the oldest are removed."""

    def __init__(self, options: VideoOptions, codec: Codec, context: Context, outage: Outage) -> None:
        self._longest_s = options.segment
        self._largest_bytes = min(options.segment_size, options.keep // 2) if options.keep else options.segment_size
        self._codec = codec
        self._meter = context.meter
        self._outage = outage
        limits = Limits(size_bytes=options.keep, reserve_bytes=options.reserve)
        camera = context.camera if context.is_one_of_several else ""
        self._folder = RecordingFolder(options.path, limits, camera=camera)
        self._writer: Mp4Writer | None = None
        self._next_check_ns = 0

    def __repr__(self) -> str:
        return f"<SegmentRecorder {self._folder!r} {self._writer!r}>"

    def open(self) -> None:
        self._folder.open()

    def add(self, image: Image, timestamp_ns: int) -> None:
        try:
            self._ensure_room(timestamp_ns)
            if self._writer is None:
                path = self._folder.path / f"{self._folder.new_name()}{FILM_SUFFIX}"
                self._writer = Mp4Writer(path, self._codec, count=self._meter.wrote)
            self._writer.add(image, timestamp_ns)
        except DiskFull:
            self.close()
            raise
        if self._is_full(self._writer):
            self.close()

    def close(self) -> None:
        if self._writer is None:
            return
        writer, self._writer = self._writer, None
        finish_recording(writer, self._folder, self._outage)

    def _ensure_room(self, timestamp_ns: int) -> None:
        if timestamp_ns >= self._next_check_ns:
            self._folder.make_room(self._writer.bytes_written if self._writer else 0)
            self._next_check_ns = timestamp_ns + ROOM_CHECK_NS

    def _is_full(self, writer: Mp4Writer) -> bool:
        return writer.duration_s >= self._longest_s or writer.bytes_written >= self._largest_bytes


def _of_camera(path: Path, context: Context) -> Path:
    return path.with_stem(f"{path.stem}_{context.camera}") if context.is_one_of_several else path
