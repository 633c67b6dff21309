"""The annotated picture as H.264 film: ``video:FILE.mp4``, or films of some minutes each: ``video:FOLDER``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from edge_detector.context import Context
from edge_detector.errors import ConfigError
from edge_detector.options import Bytes, Seconds, Spec
from edge_detector.overlay import Image, annotate
from edge_detector.sinks import sink_options
from edge_detector.sinks.encoder import Codec, choose_codec
from edge_detector.sinks.film import Film
from edge_detector.sinks.shelf import RESERVE_BYTES, Limits, Shelf
from edge_detector.types import Result

log = logging.getLogger(__name__)

SUFFIX = ".mp4"
ROOM_CHECK_S = 1.0  # of film: how often the disk is asked how full it is


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """``video:PATH?segment=10m&keep=2GB``."""

    path: Path
    segment: Seconds = Seconds(600)  # length of one film, in a folder
    segment_size: Bytes = Bytes(10**9)  # and its size: whichever comes first
    keep: Bytes | None = None  # the oldest films go when all together are larger
    reserve: Bytes = Bytes(RESERVE_BYTES)  # they also go when the disk has less left
    encoder: str = "auto"  # software, hardware, or auto: hardware where there is one that works


class Reel(Protocol):
    """Where annotated pictures go: one film, or one after another."""

    def open(self) -> None: ...
    def add(self, image: Image, timestamp_ns: int) -> None: ...
    def close(self) -> None: ...


class VideoSink:
    """Records the annotated picture at the speed at which it happened: a dropped frame leaves no hole in time."""

    may_block = True
    backlog = 8

    def __init__(self, spec: Spec, context: Context) -> None:
        options = sink_options(VideoOptions, spec, argument="path")
        if options.segment <= 0:
            raise ConfigError(f"sink video: segment = {options.segment:g} s; expected more than 0, such as 10m")
        self._meter = context.meter
        codec = choose_codec(options.encoder)
        self._reel: Reel
        if _is_folder(options.path):
            self._reel = Segments(options, codec, context)
        else:
            _check_is_one_film(spec, options.path)
            self._reel = OneFilm(options.path, codec, context)

    def __repr__(self) -> str:
        return f"<VideoSink {self._reel!r}>"

    def __enter__(self) -> Self:
        self._reel.open()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._reel.close()

    def write(self, result: Result) -> None:
        """Add the annotated frame.

        Raises `SinkError` when the disk does not take it; what was written until then can be played.
        """
        self._reel.add(annotate(result, line=self._meter.line()), result.frame.timestamp_ns)


class OneFilm:
    """The whole run in one file."""

    def __init__(self, path: Path, codec: Codec, context: Context) -> None:
        self._path = path
        self._codec = codec
        self._meter = context.meter
        self._film: Film | None = None

    def __repr__(self) -> str:
        return f"<OneFilm {self._film or self._path!r}>"

    def open(self) -> None:
        self._film = Film(self._path, self._codec, count=self._meter.wrote)

    def add(self, image: Image, timestamp_ns: int) -> None:
        assert self._film is not None, "add before open"
        self._film.add(image, timestamp_ns)

    def close(self) -> None:
        if self._film is not None:
            film, self._film = self._film, None
            film.close()
            log.info("film in %s: %d frames, %.1f s", self._path, film.frames, film.duration_s)


class Segments:
    """Films in a folder, each begun when the last is long or large enough; the oldest make room."""

    def __init__(self, options: VideoOptions, codec: Codec, context: Context) -> None:
        self._options = options
        self._codec = codec
        self._meter = context.meter
        self._shelf = Shelf(options.path, Limits(size_bytes=options.keep, reserve_bytes=options.reserve))
        self._film: Film | None = None
        self._has_room = True
        self._next_check_ns = 0

    def __repr__(self) -> str:
        return f"<Segments {self._shelf!r} {self._film!r}>"

    def open(self) -> None:
        self._shelf.open()

    def add(self, image: Image, timestamp_ns: int) -> None:
        self._look_for_room(timestamp_ns)
        if not self._has_room or self._is_full():
            self.close()
        if not self._has_room:
            return
        if self._film is None:
            path = self._shelf.folder / f"{self._shelf.new_name()}{SUFFIX}"
            self._film = Film(path, self._codec, count=self._meter.wrote)
        self._film.add(image, timestamp_ns)

    def close(self) -> None:
        if self._film is None:
            return
        film, self._film = self._film, None
        film.close()
        self._shelf.add(film.path)

    def _look_for_room(self, timestamp_ns: int) -> None:
        if timestamp_ns >= self._next_check_ns:
            self._next_check_ns = timestamp_ns + round(ROOM_CHECK_S * 1e9)
            self._has_room = self._shelf.make_room(self._film.bytes_written if self._film else 0)

    def _is_full(self) -> bool:
        return self._film is not None and (
            self._film.duration_s >= self._options.segment or self._film.bytes_written >= self._options.segment_size
        )


def _is_folder(path: Path) -> bool:
    return path.is_dir() or not path.suffix


def _check_is_one_film(spec: Spec, path: Path) -> None:
    if path.suffix.lower() != SUFFIX:
        raise ConfigError(f"sink video: {path}: films are MP4 files; call it {path.with_suffix(SUFFIX)}")
    for key in ("segment", "segment_size", "keep", "reserve"):
        if key in spec.options:
            raise ConfigError(f"sink video: {key} is for a folder of films; {path} is one film")
