"""The objects in view, in words, at each change: ``print`` writes ``0:12.4  2 dogs 83%, person 71%`` to the terminal.

Each photograph gets a line of its own, with its name instead of the time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Sink
from edge_detector.sinks.recording.line_file import STANDARD_OUTPUT, LineFile
from edge_detector.types import Result

SECOND_NS = 1_000_000_000
STEADY = 3  # results in a row that must agree: an object that is missed in one frame is not a change


@dataclass(frozen=True, slots=True)
class NoOptions:
    """This sink has no options."""


class PrintSink(Sink, options=NoOptions, may_block=True):
    """Writes a line when the objects, or their number, have changed and stay the same for a few results.

    For a photograph it writes a line at once. A pipe's reader may pause.
    """

    def __init__(self, spec: Spec, _context: Context) -> None:
        sink_options(NoOptions, spec)
        self._started_ns: int | None = None
        self._last_written: Counter[str] = Counter()
        self._previous: Counter[str] = Counter()
        self._repeats = 0
        self._file: LineFile | None = None

    def __repr__(self) -> str:
        return f"<PrintSink {'open' if self._file else 'closed'} written={dict(self._last_written)}>"

    def open(self) -> None:
        self._file = LineFile(STANDARD_OUTPUT, append=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, result: Result) -> None:
        """Write what a photograph shows, or what has changed in a video.

        Raises `SinkError` if the reader of a pipe has ended.
        """
        if result.frame.file is not None:
            self._write_line(result.frame.file.name, result)
        else:
            self._compare(result)

    def _compare(self, result: Result) -> None:
        if self._started_ns is None:
            self._started_ns = result.frame.timestamp_ns
        seen = Counter(detection.label for detection in result.detections)
        self._repeats = self._repeats + 1 if seen == self._previous else 1
        self._previous = seen
        if self._repeats == STEADY and seen != self._last_written:
            self._last_written = seen
            self._write_line(clock((result.frame.timestamp_ns - self._started_ns) / SECOND_NS), result)

    def _write_line(self, when: str, result: Result) -> None:
        assert self._file is not None, "write outside of with"
        self._file.write(f"{when}  {in_words(result)}")


def clock(moment_s: float) -> str:
    """``1:02.4``: minutes, seconds and tenths."""
    minutes, tenths = divmod(round(moment_s * 10), 600)
    return f"{minutes}:{tenths // 10:02}.{tenths % 10}"


def in_words(result: Result) -> str:
    """``2 dogs 83%, person 71%``: each label once, with its best score, in the order of the scores."""
    counts = Counter(detection.label for detection in result.detections)
    best = {detection.label: detection.score for detection in reversed(list(result.detections))}
    words = (f"{_counted(label, counts[label])} {best[label]:.0%}" for label in counts)
    return ", ".join(words) or "nothing"


def _counted(label: str, count: int) -> str:
    return label if count == 1 else f"{count} {label}s"
