"""From the detector's thread to the viewers: the newest result, and items that are made of it once for all viewers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from edge_detector.types import Result

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, eq=False)
class Arrival:
    """A result, and the time at which it came."""

    number: int  # of results so far, including this one
    result: Result
    advanced_s: float  # by the feed's clock: when the frame was last a new one
    interval_s: float  # between that frame and the one before it; 0 for the first


class Feed:
    """Holds the newest result.

    `put` is called from one thread, everything else from the event loop's thread. While nobody waits for a result,
    `put` does not wake the event loop.
    """

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
        """Seconds since the last new frame; None before the first."""
        return self._clock() - self.newest.advanced_s if self.newest else None

    @property
    def pace_s(self) -> float:
        """About how long one frame takes: the time since the frame before, or its latency, whichever is longer."""
        if self.newest is None:
            return 0.0
        return max(self.newest.interval_s, self.newest.result.timings.latency_ms / 1000)

    def put(self, result: Result) -> None:
        """Hand over ``result``. This is very cheap while nobody waits."""
        before = self.newest
        if before and _moment(before.result) == _moment(result):
            self.newest = replace(before, number=self.number + 1, result=result)
        else:
            now_s = self._clock()
            interval_s = now_s - before.advanced_s if before else 0.0
            self.newest = Arrival(self.number + 1, result, now_s, interval_s)
        # `after` sets the flag, then reads the result; here the result is set first, then the flag is read. So a
        # waiter either sees the result or is woken.
        if self._awaited and self._loop is not None:
            self._awaited = False
            self._loop.call_soon_threadsafe(self._arrived.set)

    async def after(self, number: int) -> Arrival:
        """The newest result, as soon as there are more than ``number`` results."""
        self._loop = asyncio.get_running_loop()
        while True:
            self._arrived.clear()
            self._awaited = True
            if self.newest is not None and self.newest.number > number:
                return self.newest
            await self._arrived.wait()


class Shared(Generic[Item]):
    """Makes each item once for all who wait for it, and none while nobody waits.

    An item has the number of the result it was made from. Whoever is slow gets the newest item and misses others.
    """

    def __init__(self, make: Callable[[int], Awaitable[tuple[int, Item]]]) -> None:
        """``make(number)`` makes an item of a result after ``number``; it returns that result's number and the item."""
        self._make = make
        self._newest: tuple[int, Item] | None = None
        self._making: asyncio.Task[None] | None = None
        self.made = 0

    async def after(self, number: int) -> tuple[int, Item]:
        """The number of the newest item, which is above ``number``, and the item."""
        while self._newest is None or self._newest[0] <= number:
            if self._making is None or self._making.done():
                self._making = asyncio.create_task(self._make_next())
            await asyncio.shield(self._making)  # a viewer who leaves must not cancel it for the others
        return self._newest

    async def close(self) -> None:
        """Cancel the item that is being made."""
        if self._making is not None:
            self._making.cancel()
            await asyncio.wait([self._making])

    async def _make_next(self) -> None:
        self._newest = await self._make(self._newest[0] if self._newest else 0)
        self.made += 1


def _moment(result: Result) -> tuple[int, int]:
    """Equal for two results of the same frame."""
    return result.frame.sequence, result.frame.timestamp_ns
