"""Keeps the processor cool by letting the model rest between frames, before the firmware slows the whole machine."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from edge_detector.system.thermal import soc_temperature_c

log = logging.getLogger(__name__)

T = TypeVar("T")

MARGIN_C = 3.0  # it acts this far below the limit: heat is still on its way through the board
HYSTERESIS_C = 5.0  # and speeds up again this far below that
STEP = 0.9  # one step down is a tenth less work
SLOWEST = 0.1  # the model always works a tenth of the time
LOWER_AFTER_S = 3.0  # a Pi's processor shows within seconds what a step has brought
RAISE_AFTER_S = 60.0  # its board and case take minutes
LONGEST_REST_S = 2.0  # at the end of a run, nobody waits longer for a thread that rests


class Governor:
    """Lowers the share of time that the model works, step by step, while the processor is near ``limit_c``.

    The share and not the frame rate is what heats, whatever the model and the camera; and a machine that does not
    tell its temperature is left alone. A limit of 0 is none.
    """

    def __init__(
        self,
        limit_c: float,
        *,
        temperature: Callable[[], float | None] = soc_temperature_c,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        """``wait``: rests for so many seconds; by default until `stop` at the longest."""
        self.limit_c = limit_c
        self.share = 1.0  # of the time that the model may work
        self._temperature = temperature
        self._clock = clock
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait
        self._lower_at_s = self._raise_at_s = clock()
        self._known = True

    def __repr__(self) -> str:
        return f"<Governor limit {self.limit_c:g} C share {self.share:.2f}>"

    def pace(self, frames: Iterable[T]) -> Iterator[T]:
        """The same frames; after each, the rest that its inference has earned, and only then the next is taken."""
        if not self.limit_c:
            yield from frames
            return
        for frame in frames:
            started_s = self._clock()
            yield frame
            worked_s = self._clock() - started_s
            self._adjust()
            self._wait(min(LONGEST_REST_S, worked_s * (1.0 / self.share - 1.0)))

    def stop(self) -> None:
        """End a rest; from any thread."""
        self._stopped.set()

    def _adjust(self) -> None:
        now = self._clock()
        if now < min(self._lower_at_s, self._raise_at_s):
            return
        temperature_c = self._temperature()
        if temperature_c is None:
            self._report_unknown()
            return
        excess_c = temperature_c - (self.limit_c - MARGIN_C)
        if excess_c >= 0 and now >= self._lower_at_s:
            self._set(self.share * STEP ** (1 + int(excess_c)), temperature_c, now)
        elif excess_c <= -HYSTERESIS_C and now >= self._raise_at_s:
            self._set(self.share / STEP, temperature_c, now)

    def _set(self, share: float, temperature_c: float, now: float) -> None:
        share = min(1.0, max(SLOWEST, share))
        self._lower_at_s, self._raise_at_s = now + LOWER_AFTER_S, now + RAISE_AFTER_S
        if share == self.share:
            return
        change = "lowered" if share < self.share else "raised"
        self.share = share
        log.info("%.0f C, limit %g C: %s the model's work to %.0f %%", temperature_c, self.limit_c, change, 100 * share)

    def _report_unknown(self) -> None:
        self._lower_at_s = self._raise_at_s = self._clock() + RAISE_AFTER_S
        if self._known:
            log.warning("max_temperature has no effect: this machine does not tell its temperature")
        self._known = False
