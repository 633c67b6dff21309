"""The annotated picture as H.264 film: ``video:FILE.mp4``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from edge_detector.context import Context
from edge_detector.options import Spec
from edge_detector.overlay import annotate
from edge_detector.sinks import sink_options
from edge_detector.sinks.film import Film
from edge_detector.types import Result

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VideoOptions:
    """``video:PATH``."""

    path: Path


class VideoSink:
    """Records one film of the whole run, at the speed at which it happened."""

    may_block = True
    backlog = 8

    def __init__(self, spec: Spec, context: Context) -> None:
        self._options = sink_options(VideoOptions, spec, argument="path")
        self._meter = context.meter
        self._film: Film | None = None

    def __repr__(self) -> str:
        return f"<VideoSink {str(self._options.path)!r} {self._film!r}>"

    def __enter__(self) -> Self:
        self._film = Film(self._options.path, count=self._meter.wrote)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._film is not None:
            self._film.close()

    def write(self, result: Result) -> None:
        """Add the annotated frame.

        Raises `SinkError` when the disk does not take it; what was written until then can be played.
        """
        assert self._film is not None, "write outside of with"
        self._film.add(annotate(result, line=self._meter.line()), result.frame.timestamp_ns)
