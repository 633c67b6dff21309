"""Which pictures the detector is unsure of, and how many of them it offers a person for review."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from edge_detector.types import Result, Thresholds

DAY_S = 86400.0
A_DAY = 20  # pictures offered, at most, unless somebody says otherwise
NEAR = 0.1  # above the threshold: a score that is so low is unsure
SHORT_S = 1.0  # a visit that is shorter may have been nothing
SPREAD = 4  # the day's pictures may come within a quarter of it, not all in its first minute
SAME_REASON = 3  # pauses between two pictures for one reason: the others get a turn
MOST_WAITING = 4  # frames of visits that have just begun; each holds a whole picture in memory

LOW_SCORE, RENAMED, SHORT_VISIT = "low score", "renamed", "short visit"
REASONS = {
    LOW_SCORE: "a score just above the threshold",
    RENAMED: "an object that got another label while it was followed",
    SHORT_VISIT: "an object that was seen for less than a second",
}


class Offer(NamedTuple):
    """A picture to look at, and why."""

    result: Result
    reason: str  # one of REASONS


class Sampler:
    """Looks at every result, and picks few: at most ``a_day`` in any 24 hours, spread over the day."""

    def __init__(
        self, a_day: int = A_DAY, *, ages_s: Iterable[float] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``ages_s``: how long ago pictures were offered before this run."""
        self._a_day = a_day
        self._clock = clock
        now_s = clock()
        self._offered_s = deque(sorted(now_s - age_s for age_s in ages_s if 0 <= age_s < DAY_S))
        self._last: dict[str, float] = {}  # when each reason had its last turn
        self._begun: dict[str, Result] = {}  # the first frame of each visit that may turn out to be short, by its id

    def __repr__(self) -> str:
        return f"<Sampler {len(self._offered_s)} of {self._a_day} a day>"

    def look(self, result: Result, thresholds: Thresholds) -> Offer | None:
        """``result``, or an earlier one, if it is worth a look and today's number allows it."""
        now_s = self._clock()
        if not self._is_free(now_s):
            self._begun.clear()
            return None
        offers = (self._short_visit(result), _renamed(result), _low_score(result, thresholds))
        offer = next((each for each in offers if each is not None and self._has_turn(each.reason, now_s)), None)
        if offer is not None:
            self._offered_s.append(now_s)
            self._last[offer.reason] = now_s
        return offer

    @property
    def _pause_s(self) -> float:
        return DAY_S / self._a_day / SPREAD

    def _is_free(self, now_s: float) -> bool:
        while self._offered_s and now_s - self._offered_s[0] >= DAY_S:
            self._offered_s.popleft()
        if len(self._offered_s) >= self._a_day:
            return False
        return not self._offered_s or now_s - self._offered_s[-1] >= self._pause_s

    def _has_turn(self, reason: str, now_s: float) -> bool:
        last_s = self._last.get(reason)
        return last_s is None or now_s - last_s >= SAME_REASON * self._pause_s

    def _short_visit(self, result: Result) -> Offer | None:
        """Of a visit that has ended soon, the frame with which it began."""
        found = None
        for change in result.visits:
            visit = change.visit
            if change.kind == "started":
                self._begun[visit.id] = result
            elif visit.duration_s >= SHORT_S:
                self._begun.pop(visit.id, None)
            elif change.kind == "ended" and visit.id in self._begun:
                found = Offer(self._begun.pop(visit.id), SHORT_VISIT)
        while len(self._begun) > MOST_WAITING:
            del self._begun[next(iter(self._begun))]
        return found


def _renamed(result: Result) -> Offer | None:
    return Offer(result, RENAMED) if any(change.kind == "renamed" for change in result.visits) else None


def _low_score(result: Result, thresholds: Thresholds) -> Offer | None:
    own = thresholds.class_confidence or {}
    for detection in result.detections:
        if not detection.held and detection.score < own.get(detection.label, thresholds.confidence) + NEAR:
            return Offer(result, LOW_SCORE)
    return None
