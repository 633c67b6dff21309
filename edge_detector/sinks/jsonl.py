"""Detections as JSON lines, one object a frame, for other programs: ``jsonl:FILE`` or ``jsonl:-``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from edge_detector.context import Context
from edge_detector.options import Spec
from edge_detector.sinks import sink_options
from edge_detector.sinks.line_file import LineFile
from edge_detector.types import Detection, Result


@dataclass(frozen=True, slots=True)
class JsonlOptions:
    """``jsonl:FILE?append=true`` goes on after the lines of an earlier run; without, the file begins anew."""

    file: Path  # "-" is standard output
    append: bool = False


class JsonlSink:
    """Writes one line a result, at once."""

    may_block = True  # a pipe's reader may pause, a disk may be slow
    backlog = 8

    def __init__(self, spec: Spec, context: Context) -> None:
        self._options = sink_options(JsonlOptions, spec, argument="file")
        self._meter = context.meter
        self._file: LineFile | None = None

    def __repr__(self) -> str:
        return f"<JsonlSink {str(self._options.file)!r} {'open' if self._file else 'closed'}>"

    def __enter__(self) -> Self:
        self._file = LineFile(self._options.file, append=self._options.append)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, result: Result) -> None:
        """Write one line.

        Raises `SinkError` when the disk is full or the reader of the pipe has gone.
        """
        assert self._file is not None, "write outside of with"
        size_bytes = self._file.write(json.dumps(record(result), separators=(",", ":")))
        if self._file.on_disk:
            self._meter.wrote(size_bytes)


def record(result: Result) -> dict[str, Any]:
    """What a line says about one frame; boxes are x1, y1, x2, y2 in pixels of the frame."""
    frame = result.frame
    width, height = frame.size
    return {
        "sequence": frame.sequence,
        "timestamp_ns": frame.timestamp_ns,
        **({"file": str(frame.file)} if frame.file else {}),
        "width": width,
        "height": height,
        "latency_ms": round(result.timings.latency_ms, 3),
        "detections": [_row(detection) for detection in result.detections],
    }


def _row(detection: Detection) -> dict[str, Any]:
    return {
        "label": detection.label,
        "class_id": detection.class_id,
        "score": round(detection.score, 4),
        "box": [round(edge, 2) for edge in detection.box],
    }
