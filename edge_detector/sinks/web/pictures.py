"""The annotated picture as JPEG, encoded once for all viewers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from edge_detector.image_files import encode_jpeg
from edge_detector.overlay import annotate
from edge_detector.sinks.web.feed import Feed
from edge_detector.types import Result

MOTION_JPEG = "multipart/x-mixed-replace; boundary=frame"
# Chromium shows a picture only after it has read the header of the next part. So that header is sent together with the
# picture, before the next picture exists; therefore it cannot say the next picture's length.
NEXT_PART = b"\r\n--frame\r\nContent-Type: image/jpeg\r\n\r\n"


def annotated_jpeg(result: Result, *, quality: int) -> bytes:
    """The annotated frame as a JPEG file, without the line of figures: the page shows those beside the picture.

    ``quality`` from 1 to 100.
    """
    return encode_jpeg(annotate(result), quality=quality)


def motion_jpeg_part(result: Result, *, quality: int) -> bytes:
    """The annotated frame as one part of a motion JPEG stream, followed by `NEXT_PART`."""
    return annotated_jpeg(result, quality=quality) + NEXT_PART


class Pace:
    """Keeps a distance in time: each `wait` ends at least ``interval_s()`` after the one before."""

    def __init__(self, interval_s: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._next_s = 0.0

    async def wait(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._next_s > now_s:
            await asyncio.sleep(self._next_s - now_s)
        self._next_s = max(now_s, self._next_s) + self._interval_s()


class Pictures:
    """Encodes the newest result as a picture, one at a time, in a thread, so that the event loop stays free."""

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
