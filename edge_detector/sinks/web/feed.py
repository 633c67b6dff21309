"""From the detector's thread to the viewers: the newest result, and what is made of it once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from edge_detector.types import Result

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A result and when it came."""

    number: int  # results so far, this one included
    result: Result
    advanced_s: float  # when the frame last was another one than before, by the feed's clock
    interval_s: float  # between that frame and the one before it; 0 of the first


class Feed:
    """Holds the newest result. `put` is called from one thread, all else from the loop's, which sleeps undisturbed
    while nobody waits."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self.newest: Arrival | None = None
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._awaited = False
        self._arrived = asyncio.Event()

    @property
    def number(self) -> int:
        """Results so far."""
        return self.newest.number if self.newest else 0

    @property
    def age_s(self) -> float | None:
        """Seconds since frames last advanced; None before the first."""
        return self._clock() - self.newest.advanced_s if self.newest else None

    @property
    def pace_s(self) -> float:
        """About how long a frame takes: since the one before, or in the model, whichever was longer."""
        if self.newest is None:
            return 0.0
        return max(self.newest.interval_s, self.newest.result.timings.latency_ms / 1000)

    def put(self, result: Result) -> None:
        """Hand over ``result``; costs next to nothing while nobody waits."""
        before = self.newest
        if before and _moment(before.result) == _moment(result):
            self.newest = replace(before, number=self.number + 1, result=result)
        else:
            now_s = self._clock()
            interval_s = now_s - before.advanced_s if before else 0.0
            self.newest = Arrival(self.number + 1, result, now_s, interval_s)
        # The waiter raises the flag, then looks; here the result comes first, then the flag: nobody is missed.
        if self._awaited and self._loop is not None:
            self._awaited = False
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def after(self, number: int) -> Arrival:
        """The newest result, once there have been more than ``number``."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._arrived.clear()
            self._awaited = True
            if self.newest is not None and self.newest.number > number:
                return self.newest
            await self._arrived.wait()


class Shared(Generic[Item]):
    """Makes each item once for everybody who waits, and none while nobody does.

    Items are numbered by the result they were made from. Who comes late gets the newest and misses the others.
    """

    def __init__(self, make: Callable[[int], Awaitable[tuple[int, Item]]]) -> None:
        """``make(number)`` gives an item from a result after that number, and the result's own number."""
        self._make = make
        self._newest: tuple[int, Item] | None = None
        self._making: asyncio.Task[None] | None = None
        self.made = 0

    async def after(self, number: int) -> tuple[int, Item]:
        """The newest item whose number is above ``number``, and that number."""
        while self._newest is None or self._newest[0] <= number:
            if self._making is None or self._making.done():
                self._making = asyncio.create_task(self._make_next())
            await asyncio.shield(self._making)  # one viewer who leaves must not take it from the others
        return self._newest

    async def close(self) -> None:
        """Give up the item in the making."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait([self._making])

    async def _make_next(self) -> None:
        self._newest = await self._make(self._newest[0] if self._newest else 0)
        self.made += 1


def _moment(result: Result) -> tuple[int, int]:
    return result.frame.sequence, result.frame.timestamp_ns
