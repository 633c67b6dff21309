"""The values of the charts over minutes, hours and days, in memory and bounded: of each span 120 points."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

Sample = dict[str, float | None]

POINTS = 120  # of each span
# Each span by its name, and how many points of the one before make one of its own: 1 s, 1 minute, 24 minutes.
SPANS = {"minutes": 1, "hours": 60, "days": 24}
LAST = frozenset({"dropped", "at_s"})  # they only grow: of many the last one counts, so that differences stay right
WORST = frozenset({"latency_p95_ms", "soc_temperature_c"})  # of many the highest: an average would hide it


class Samples:
    """Takes a sample a second; two minutes of them, two hours and two days."""

    def __init__(self) -> None:
        self._points: dict[str, deque[Sample]] = {span: deque(maxlen=POINTS) for span in SPANS}
        self._waiting: dict[str, list[Sample]] = {span: [] for span in SPANS}  # for the next point of that span

    def add(self, sample: Sample) -> None:
        """Take one sample."""
        for span, size in SPANS.items():
            self._waiting[span].append(sample)
            if len(self._waiting[span]) < size:
                return
            sample = summary(self._waiting[span])
            self._points[span].append(sample)
            self._waiting[span].clear()

    def of(self, span: str) -> list[Sample]:
        """The points of one of `SPANS`, oldest first."""
        return list(self._points[span])


def summary(samples: Sequence[Sample]) -> Sample:
    """One for all of ``samples``; None where none of them knows a value."""
    return {name: _one(name, [sample[name] for sample in samples]) for name in samples[0]}


def _one(name: str, values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    if name in LAST:
        return known[-1]
    return max(known) if name in WORST else sum(known) / len(known)
