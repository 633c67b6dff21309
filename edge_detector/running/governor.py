"""Keeps the processor cool by letting the model rest between frames, before the firmware slows the whole machine."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple, Protocol, TypeVar

from edge_detector.system.thermal import soc_temperature_c

log = logging.getLogger(__name__)

T = TypeVar("T")

MARGIN_C = 3.0  # it acts this far below the limit: heat is still on its way through the board
HYSTERESIS_C = 5.0  # and lets the model work more again this far below that
STEP = 0.9  # one step down is a tenth less work
SLOWEST = 0.1  # the model always works a tenth of the time
LOOK_AFTER_S = 3.0  # the processor's temperature follows a step within seconds
RAISE_AFTER_S = 60.0  # the board and its case follow within minutes
LONGEST_REST_S = 2.0  # a run that ends never waits longer for a thread that rests


class Worker(Protocol):
    """What heats the processor: the detector, which can do its work with fewer threads."""

    @property
    def threads(self) -> int: ...

    def use_threads(self, threads: int) -> None: ...


class Level(NamedTuple):
    """How much the model works."""

    threads: int
    share: float  # of the time

    def __str__(self) -> str:
        return f"{self.threads} threads, {100 * self.share:.0f} % of the time"


def levels(threads: int, *, threads_first: bool) -> list[Level]:
    """From full work down to the slowest: with fewer threads before rests, or with rests alone."""
    shares = [STEP**step for step in takewhile(lambda step: STEP**step > SLOWEST, range(1000))] + [SLOWEST]
    fewer = [Level(count, 1.0) for count in range(threads, 1, -1)] if threads_first else []
    return fewer + [Level(1 if threads_first else threads, share) for share in shares]


class Governor:
    """Makes the model work less, level by level, while the processor is near ``limit_c``.

    What heats the processor is the share of time that the model works, whatever the model, the camera and the frame
    rate are. It does nothing if the limit is 0, or if the machine does not tell its temperature.
    """

    def __init__(
        self,
        limit_c: float,
        worker: Worker,
        *,
        threads_first: bool = False,
        temperature: Callable[[], float | None] = soc_temperature_c,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """``wait``: rests for that many seconds; by default `stop` ends the rest early."""
        self.limit_c = limit_c
        self._worker = worker
        self._levels = levels(worker.threads, threads_first=threads_first)
        self._step = 0  # in the levels
        self._worked_s = 0.0  # since the last look at the temperature
        self._looked_s = clock()
        self._temperature = temperature
        self._clock = clock
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait
        self._look_at_s = self._raise_at_s = clock()
        self._known = True

    def __repr__(self) -> str:
        return f"<Governor limit {self.limit_c:g} C {self.level}>"

    @property
    def level(self) -> Level:
        """How much the model works now."""
        return self._levels[self._step]

    @property
    def share(self) -> float:
        """The part of its full work that the model does now."""
        return self.level.share * self.level.threads / self._levels[0].threads

    def pace(self, frames: Iterable[T]) -> Iterator[T]:
        """The same frames; after each a rest in proportion to its inference, before the next frame is taken."""
        if not self.limit_c:
            yield from frames
            return
        self._looked_s = self._clock()
        self._look_at_s = self._looked_s + LOOK_AFTER_S
        for frame in frames:
            started_s = self._clock()
            yield frame
            worked_s = self._clock() - started_s
            self._worked_s += worked_s
            self._adjust()
            self._wait(min(LONGEST_REST_S, worked_s * (1.0 / self.level.share - 1.0)))

    def stop(self) -> None:
        """End a rest at once; any thread may call it."""
        self._stopped.set()

    def _adjust(self) -> None:
        now = self._clock()
        if now < self._look_at_s:
            return
        worked = self._worked_s / max(now - self._looked_s, self._worked_s)
        self._worked_s, self._looked_s, self._look_at_s = 0.0, now, now + LOOK_AFTER_S
        temperature_c = self._temperature()
        if temperature_c is None:
            self._report_unknown()
            return
        excess_c = temperature_c - (self.limit_c - MARGIN_C)
        if excess_c >= 0:
            self._go(self._lower(1 + int(excess_c), worked), temperature_c, now)
        elif excess_c <= -HYSTERESIS_C and now >= self._raise_at_s:
            self._go(self._step - 1, temperature_c, now)

    def _lower(self, steps: int, worked: float) -> int:
        """The step so many levels down; or further, past levels that allow more work than the model does anyway."""
        last = len(self._levels) - 1
        step = min(self._step + steps, last)
        while step < last and self._levels[step].threads == self.level.threads and self._levels[step].share >= worked:
            step += 1
        return step

    def _go(self, step: int, temperature_c: float, now: float) -> None:
        step = min(len(self._levels) - 1, max(0, step))
        self._raise_at_s = now + RAISE_AFTER_S
        if step == self._step:
            return
        change = "lowered" if step > self._step else "raised"
        self._step = step
        if self._worker.threads != self.level.threads:
            self._worker.use_threads(self.level.threads)
        log.info("%.0f C, limit %g C: %s the model's work to %s", temperature_c, self.limit_c, change, self.level)

    def _report_unknown(self) -> None:
        self._look_at_s = self._clock() + RAISE_AFTER_S
        if self._known:
            log.warning("max_temperature has no effect: this machine does not tell its temperature")
        self._known = False
