"""Detections as JSON lines for other programs, one line a frame: ``jsonl:FILE`` or ``jsonl:-``.

With ``jsonl:FILE?visits=true``, a line for each change of a visit instead.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.options import Bytes, Spec, argument, option
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.record import record, visit_record
from edge_detector.sinks.recording.disk import RESERVE_BYTES, Outage
from edge_detector.sinks.recording.line_file import STANDARD_OUTPUT, LineFile
from edge_detector.types import Result

LEAST_KEEP_BYTES = 10**6  # the lines of some minutes


@dataclass(frozen=True, slots=True)
class JsonlOptions:
    """``jsonl:FILE?append=true&keep=1GB``."""

    file: Path = argument('the file to write; "-" is standard output')
    append: bool = option(False, "true: keep the lines of earlier runs; false: begin with an empty file")
    visits: bool = option(False, "true: a line for each change of a visit; false: a line for each frame")
    keep: Bytes | None = option(
        None, "size of FILE and FILE.1 together; the oldest lines are removed when there are more; none: no limit"
    )
    reserve: Bytes = option(
        Bytes(RESERVE_BYTES), "a camera's lines are not written while the disk has less free than this"
    )

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a limit that cannot be kept."""
        if self.keep is not None and self.file == STANDARD_OUTPUT:
            raise ConfigError("sink jsonl: keep is only for a file; lines on standard output cannot be removed")
        if self.keep is not None and self.keep < LEAST_KEEP_BYTES:
            raise ConfigError(f"sink jsonl: keep = {self.keep} bytes; expected 1MB or more, such as 1GB")


class JsonlSink(Sink, options=JsonlOptions, may_block=True, backlog=8, cameras=Cameras.TOGETHER):
    """Writes lines for each result, without delay. A pipe's reader may pause, and a disk may be slow."""

    def __init__(self, spec: Spec, context: Context) -> None:
        """Raises `ConfigError` for a line for each visit where nothing is tracked."""
        self._options = sink_options(JsonlOptions, spec)
        if self._options.visits and not context.config.track:
            raise ConfigError("sink jsonl: visits=true needs visits; remove --no-track, or track = false in the file")
        self._meter = context.meter
        self._live = context.live
        self._outage = Outage("jsonl", live=context.live)
        self._file: LineFile | None = None

    def __repr__(self) -> str:
        return f"<JsonlSink {str(self._options.file)!r} {'open' if self._file else 'closed'}>"

    @property
    def lost(self) -> int:
        """Lines for which the disk had no room."""
        return self._outage.lost

    def open(self) -> None:
        limit_bytes = self._options.keep // 2 if self._options.keep else None
        reserve_bytes = self._options.reserve if self._live else 0
        self._file = LineFile(
            self._options.file, append=self._options.append, limit_bytes=limit_bytes, reserve_bytes=reserve_bytes
        )

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, result: Result) -> None:
        """Write one line, or one for each change of a visit.

        Raises `SinkError` if the disk fails or the reader of the pipe has ended; `DiskFull` if the disk is full and
        the source is a file.
        """
        assert self._file is not None, "write outside of with"
        for values in self._records(result):
            line = json.dumps(values, separators=(",", ":"))
            self._outage.attempt(partial(self._write, self._file, line))

    def _records(self, result: Result) -> list[dict[str, Any]]:
        if self._options.visits:
            return [visit_record(change, result.frame, live=self._live) for change in result.visits]
        return [record(result, live=self._live)]

    def _write(self, file: LineFile, line: str) -> None:
        size_bytes = file.write(line)
        if file.on_disk:
            self._meter.wrote(size_bytes)
