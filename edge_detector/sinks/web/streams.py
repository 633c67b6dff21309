"""The answers without an end: the picture as motion JPEG, the detections as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator

from aiohttp import web

from edge_detector.sinks.web.feed import Shared
from edge_detector.sinks.web.messages import PICTURES, DetectionsEvent
from edge_detector.sinks.web.pictures import MOTION_JPEG, NEXT_PART
from edge_detector.sinks.web.views import View, Views

log = logging.getLogger(__name__)

NOTSENT_BYTES = 64 * 1024  # that may wait in the kernel for a slow viewer; more would only add delay
STALL_S = 20.0  # a viewer who reads nothing for so long is gone, although the connection is still open
HEARTBEAT_S = 15.0  # between events when nothing changes: proxies close a silent connection


class ConnectionLimit:
    """Allows ``limit`` streams at once, and can end them all."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._streams: dict[asyncio.Task[object], str | None] = {}  # and the session that each belongs to

    def __len__(self) -> int:
        return len(self._streams)

    @contextlib.contextmanager
    def connection(self, session: str | None) -> Iterator[None]:
        """Counts the present task as a stream, of ``session``, while the ``with`` lasts.

        Raises 503 when there are ``limit`` streams already.
        """
        if len(self._streams) >= self._limit:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "10"}, text=f"{self._limit} viewers already\n")
        task = asyncio.current_task()
        assert task is not None
        self._streams[task] = session
        try:
            yield
        finally:
            del self._streams[task]

    def end_of(self, session: str) -> None:
        """End the streams of one session."""
        for task in [task for task, its_session in self._streams.items() if its_session == session]:
            task.cancel()

    def end_all(self) -> None:
        """End every stream."""
        for task in self._streams:
            task.cancel()


class Streams:
    """Sends shared items to each viewer as fast as that viewer reads: when one item is sent, the newest is next."""

    def __init__(self, views: Views, *, limit: int) -> None:
        """``limit``: how many viewers of the picture there may be at once, and as many listeners to the detections."""
        self._views = views
        self.viewers = ConnectionLimit(limit)
        self.listeners = ConnectionLimit(limit)
        self.missed = 0  # pictures that some viewer was too slow for

    @property
    def encoded(self) -> int:
        """Pictures made so far, for all viewers together."""
        return sum(view.pictures.made + view.clean_pictures.made for view in self._views)

    def end_of(self, session: str) -> None:
        """End the streams of one session, which is logged out."""
        self.viewers.end_of(session)
        self.listeners.end_of(session)

    def end_all(self) -> None:
        """End every stream."""
        self.viewers.end_all()
        self.listeners.end_all()

    async def pictures(self, request: web.Request, session: str | None, view: View) -> web.StreamResponse:
        """Motion JPEG until the viewer closes the connection."""
        with self.viewers.connection(session):
            async with _stream(request, MOTION_JPEG) as response:
                await response.write(NEXT_PART)
                await self._send_parts(response, view, view.pictures)
        return response

    async def clean_pictures(self, request: web.Request, session: str | None, view: View) -> web.StreamResponse:
        """Pictures without boxes, each with its detections, until the viewer closes the connection."""
        with self.viewers.connection(session):
            async with _stream(request, PICTURES) as response:
                await self._send_parts(response, view, view.clean_pictures)
        return response

    async def _send_parts(self, response: web.StreamResponse, view: View, parts: Shared[bytes]) -> None:
        number, made = view.feed.number - 1, parts.made
        while True:
            number, part = await parts.after(number)
            self.missed += max(0, parts.made - made - 1)
            made = parts.made
            await _send(response, part)

    async def events(self, request: web.Request, session: str | None, view: View) -> web.StreamResponse:
        """Server-sent events until the listener closes the connection: the detections now, then every change."""
        with self.listeners.connection(session):
            async with _stream(request, "text/event-stream") as response:
                number, rows = view.feed.number - 1, ""
                while True:
                    try:
                        async with asyncio.timeout(HEARTBEAT_S):
                            number, rows, event = await _changed(view.detections, number, rows)
                    except TimeoutError:
                        event = b":\n\n"
                    await _send(response, event)
        return response


@contextlib.asynccontextmanager
async def _stream(request: web.Request, content_type: str) -> AsyncIterator[web.StreamResponse]:
    """An answer without an end. At its end the connection is cut: a normal close would wait for a stalled viewer."""
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the viewer has closed the connection")
    transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, NOTSENT_BYTES)
    transport.set_write_buffer_limits(NOTSENT_BYTES)  # TLS would keep half a megabyte of old pictures by default
    response = web.StreamResponse(headers={"Content-Type": content_type, "X-Accel-Buffering": "no"})
    await response.prepare(request)
    try:
        yield response
    except TimeoutError:
        log.info("web page: cut the connection to %s, which has read nothing for %g s", request.remote, STALL_S)
    finally:
        transport.abort()


async def _send(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(STALL_S):
        await response.write(data)


async def _changed(detections: Shared[DetectionsEvent], number: int, rows: str) -> tuple[int, str, bytes]:
    """The next event after ``number`` whose detections differ from ``rows``: its number, its rows and its bytes."""
    while True:
        number, event = await detections.after(number)
        if event.rows != rows:
            return number, event.rows, event.data
