"""Who comes and goes, in words: ``print`` writes ``0:12.4  person 83% came`` and ``0:24.9  person left after 12 s``.

Without tracking it tells the objects in view at each change: ``0:12.4  2 dogs 83%, person 71%``.

It writes to standard output, or to standard error if ``jsonl:-`` writes lines for another program to standard output.
Each photograph gets a line of its own, with its name instead of the time; one in which nothing is found says what came
nearest: ``street.jpg  nothing; person 46%, below 50%``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.record import duration, stay_duration
from edge_detector.sinks.recording.line_file import STANDARD_ERROR, STANDARD_OUTPUT, LineFile
from edge_detector.types import Detection, Result, VisitChange

SECOND_NS = 1_000_000_000
STANDARD_OUTPUT_NAMES = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})
WORDS = {  # what is written of a change of a visit; {after} and {after_in_place} say when, {in_place} how long
    "started": "{label} {score:.0%} came",
    "renamed": "{was} is called {label} now",
    "stopped": "{label} stands still",
    "moved": "{label} moves again",
    "entered": "{label} entered {place}",
    "left": "{label} left {place} {after_in_place}",
    "stayed": "{label} has been in {place} for {in_place}",
    "crossed": "{label} crossed {place}{direction}",
    "ended": "{label} left {after}",
}
STEADY = 3  # results in a row that must agree: an object that is missed in one frame is not a change


@dataclass(frozen=True, slots=True)
class NoOptions:
    """This sink has no options."""


class Steady:
    """Says when what is in view has changed, and stays so for a few results."""

    def __init__(self) -> None:
        self._said: Counter[str] = Counter()
        self._previous: Counter[str] = Counter()
        self._repeats = 0

    def is_news(self, seen: Counter[str]) -> bool:
        """Whether ``seen``, the number of objects by label, is to be said now."""
        self._repeats = self._repeats + 1 if seen == self._previous else 1
        self._previous = seen
        if self._repeats != STEADY or seen == self._said:
            return False
        self._said = seen
        return True


class PrintSink(Sink, options=NoOptions, may_block=True, cameras=Cameras.TOGETHER):
    """Writes a line when a visit begins, ends, or does something at a zone or a line.

    Without visits: when the objects, or their number, have changed and stay the same for a few results.
    For a photograph it writes a line at once. A pipe's reader may pause.
    """

    def __init__(self, spec: Spec, context: Context) -> None:
        sink_options(NoOptions, spec)
        self._detector = context.detector
        self._tells_visits = context.tells_visits
        self._output = output_beside(context.config.sinks)
        self._started_ns: int | None = None
        self._last_written: Counter[str] = Counter()
        self._steady: dict[str, Steady] = {}  # by camera
        self._file: LineFile | None = None

    def __repr__(self) -> str:
        return f"<PrintSink {'open' if self._file else 'closed'} written={dict(self._last_written)}>"

    def open(self) -> None:
        self._file = LineFile(self._output, append=True)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, result: Result) -> None:
        """Write what a photograph shows, or what has changed in a video.

        Raises `SinkError` if the reader of a pipe has ended.
        """
        if result.frame.file is not None:
            self._write_line(result.frame.file.name, self._of_photograph(result))
        elif self._tells_visits(result):
            self._tell_visits(result)
        else:
            self._compare(result)

    def _tell_visits(self, result: Result) -> None:
        when = self._clock(result)
        for change in result.visits:
            if change.kind in WORDS:
                self._write_line(when, f"{_before(result)}{change_in_words(change)}")

    def _clock(self, result: Result) -> str:
        """The time since the first result."""
        if self._started_ns is None:
            self._started_ns = result.frame.timestamp_ns
        return clock((result.frame.timestamp_ns - self._started_ns) / SECOND_NS)

    def _compare(self, result: Result) -> None:
        when = self._clock(result)
        seen = Counter(detection.label for detection in result.detections)
        if self._steady.setdefault(result.camera, Steady()).is_news(seen):
            self._last_written = seen
            self._write_line(when, f"{_before(result)}{in_words(result)}")

    def _write_line(self, when: str, words: str) -> None:
        assert self._file is not None, "write outside of with"
        self._file.write(f"{when}  {words}")

    def _of_photograph(self, result: Result) -> str:
        return f"{in_words(result)}{self._near_miss(result.below)}"

    def _near_miss(self, below: Detection | None) -> str:
        """``; person 46%, below 50%``"""
        if below is None:
            return ""
        thresholds = self._detector.thresholds
        lowest = (thresholds.class_confidence or {}).get(below.label, thresholds.confidence)
        percent = int(100 * below.score)  # rounded down: 49.7 % are not "50%, below 50%"
        return f"; {below.label} {percent}%, below {lowest:.0%}"


def output_beside(sinks: Iterable[str]) -> Path:
    """Where words go: to standard error if one of the ``sinks`` writes to standard output, so as not to mix the two."""
    taken = any((spec := Spec.parse(text)).name == "jsonl" and spec.argument in STANDARD_OUTPUT_NAMES for text in sinks)
    return STANDARD_ERROR if taken else STANDARD_OUTPUT


def _before(result: Result) -> str:
    """``porch: ``, where there are several cameras."""
    return f"{result.camera}: " if result.camera else ""


def clock(moment_s: float) -> str:
    """``1:02.4``: minutes, seconds and tenths."""
    minutes, tenths = divmod(round(moment_s * 10), 600)
    return f"{minutes}:{tenths // 10:02}.{tenths % 10}"


def change_in_words(change: VisitChange) -> str:
    """``person left after 12 s``, ``dog crossed street, in``"""
    visit = change.visit
    in_place_s = visit.zones.get(change.place, 0.0)
    return WORDS[change.kind].format(
        label=visit.label,
        score=visit.score,
        place=change.place,
        direction=f", {change.direction}" if change.direction else "",
        was=change.was,
        after=_after(visit.duration_s),
        after_in_place=_after(in_place_s),
        in_place=stay_duration(in_place_s),
    )


def _after(seconds: float) -> str:
    return "within 1 s" if seconds < 1 else f"after {duration(seconds)}"


def in_words(result: Result) -> str:
    """``2 dogs 83%, person 71%``: each label once, with its best score, in the order of the scores."""
    counts = Counter(detection.label for detection in result.detections)
    best = {detection.label: detection.score for detection in reversed(list(result.detections))}
    words = (f"{_counted(label, counts[label])} {best[label]:.0%}" for label in counts)
    return ", ".join(words) or "nothing"


def _counted(label: str, count: int) -> str:
    return label if count == 1 else f"{count} {label}s"
