"""The annotated picture as JPEG, for as many viewers as there are at the price of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from edge_detector.image_files import encode_jpeg
from edge_detector.overlay import annotate
from edge_detector.sinks.web.feed import Feed
from edge_detector.types import Result

MOTION_JPEG = "multipart/x-mixed-replace; boundary=frame"
# Chromium shows a picture once it has read the head of the next part: that goes out with the picture, not before the
# next one. So the head cannot say the next one's length.
NEXT_PART = b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n"


def jpeg(result: Result, *, quality: int) -> bytes:
    """The annotated frame as a JPEG file, without the overlay's line: the page says the same beside the picture.

    ``quality`` from 1 to 100.
    """
    return encode_jpeg(annotate(result), quality=quality)


def part(result: Result, *, quality: int) -> bytes:
    """The annotated frame as one part of a motion JPEG stream, with `NEXT_PART` behind it."""
    return jpeg(result, quality=quality) + NEXT_PART


class Pace:
    """Spaces things out: each `wait` ends at least ``interval_s()`` after the one before."""

    def __init__(self, interval_s: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._next_s = 0.0

    async def wait(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._next_s > now_s:
            await asyncio.sleep(self._next_s - now_s)
        self._next_s = max(now_s, self._next_s) + self._interval_s()


class Pictures:
    """Turns the newest result into a picture, one at a time, in a thread beside the server's loop."""

    def __init__(
        self, feed: Feed, encoder: ThreadPoolExecutor, *, encode: Callable[[Result], bytes], pace: Pace
    ) -> None:
        self._feed = feed
        self._encoder = encoder
        self._encode = encode
        self._pace = pace

    async def next(self, number: int) -> tuple[int, bytes]:
        """The picture of a result after ``number``, and that result's number."""
        await self._pace.wait()
        arrival = await self._feed.after(number)
        loop = asyncio.get_running_loop()
        return arrival.number, await loop.run_in_executor(self._encoder, self._encode, arrival.result)
