"""The answers that never end: the picture as motion JPEG, the detections as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator

from aiohttp import web

from edge_detector.sinks.web.feed import Feed, Shared
from edge_detector.sinks.web.messages import Seen
from edge_detector.sinks.web.pictures import MOTION_JPEG, NEXT_PART

log = logging.getLogger(__name__)

NOTSENT_BYTES = 64 * 1024  # waiting in the kernel for a slow viewer; more would only be a longer delay
STALL_S = 20.0  # a viewer who takes nothing for so long has left without saying so
HEARTBEAT_S = 15.0  # between events when nothing changes: proxies close what is silent


class ConnectionLimit:
    """So many streams at once, and all of them ended when the house closes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: set[asyncio.Task[object]] = set()

    def __len__(self) -> int:
        return len(self._taken)

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """Raises 503 when all are taken."""
        if len(self._taken) >= self._most:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "10"}, text=f"{self._most} viewers already\n")
        task = asyncio.current_task()
        assert task is not None
        self._taken.add(task)
        try:
            yield
        finally:
            self._taken.discard(task)

    def clear(self) -> None:
        """End every stream."""
        for task in self._taken:
            task.cancel()


class Streams:
    """Sends shared items to each viewer at the viewer's own pace: the newest, whenever the last one has gone out."""

    def __init__(self, feed: Feed, pictures: Shared[bytes], seen: Shared[Seen], *, most: int) -> None:
        self._feed = feed
        self._pictures = pictures
        self._seen = seen
        self.viewers = ConnectionLimit(most)
        self.listeners = ConnectionLimit(most)
        self.missed = 0  # pictures that some viewer was too slow for

    @property
    def encoded(self) -> int:
        """Pictures made so far, for all viewers together."""
        return self._pictures.made

    def clear(self) -> None:
        """End every stream."""
        self.viewers.clear()
        self.listeners.clear()

    async def pictures(self, request: web.Request) -> web.StreamResponse:
        """Motion JPEG for as long as the viewer looks."""
        with self.viewers.take():
            async with _stream(request, MOTION_JPEG) as response:
                await response.write(NEXT_PART)
                number, made = self._feed.number - 1, self.encoded
                while True:
                    number, part = await self._pictures.after(number)
                    self.missed += max(0, self.encoded - made - 1)
                    made = self.encoded
                    await _send(response, part)
        return response

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events for as long as the listener listens: first what is seen now, then every change of it."""
        with self.listeners.take():
            async with _stream(request, "text/event-stream") as response:
                number, shown = self._feed.number - 1, ""
                while True:
                    try:
                        async with asyncio.timeout(HEARTBEAT_S):
                            number, shown, event = await _changed(self._seen, number, shown)
                    except TimeoutError:
                        event = b":\n\n"
                    await _send(response, event)
        return response


@contextlib.asynccontextmanager
async def _stream(request: web.Request, content_type: str) -> AsyncIterator[web.StreamResponse]:
    """An answer without an end: whatever ends it cuts the connection, for closing would wait for a stalled viewer."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the viewer has left")
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_BYTES)
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    try:
        yield response
    except TimeoutError:
        log.info("web page: cut off %s, which has taken nothing for %g s", request.remote, STALL_S)
    finally:
        transport.abort()


async def _send(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(STALL_S):
        await response.write(data)


async def _changed(seen: Shared[Seen], number: int, shown: str) -> tuple[int, str, bytes]:
    while True:
        number, now = await seen.after(number)
        if now.rows != shown:
            return number, now.rows, now.event
