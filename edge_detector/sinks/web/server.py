"""The server's thread. It runs one event loop from entry to exit."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edge_detector.errors import SinkError
from edge_detector.prefetch import join

log = logging.getLogger(__name__)

START_TIMEOUT_S = 10.0
GRACE_S = 1.0  # to finish answers when the server closes; streams are ended at once
IDLE_S = 15.0  # a connection whose request is not complete after so long is closed
LONGEST_LINE = 8190  # bytes of a request's first line and of each header
ACCEPT_TURNS = 3  # of asyncio's event loop, from accepting a connection until the server knows of it


class Server:
    """Serves an application on a listening socket, in its own thread. A context manager."""

    def __init__(
        self, make_app: Callable[[], web.Application], listener: socket.socket, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """``make_app`` is called in that thread, while its event loop runs. ``tls``: None serves without TLS."""
        self._make_app = make_app
        self._listener = listener
        self._tls = tls
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)
        self._loop: Future[asyncio.AbstractEventLoop] = Future()
        self._closing = asyncio.Event()
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Server {'running' if self._thread.is_alive() else 'closed'}>"

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._loop.result(START_TIMEOUT_S)
        except Exception as error:
            join(self._thread, while_handling=error)
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has ended already
            self._loop.result().call_soon_threadsafe(self._closing.set)
        join(self._thread, while_handling=exc)
        if exc is None:
            self.check()

    def check(self) -> None:
        """Raises `SinkError` if the server has failed."""
        if self._error is not None:
            error, self._error = self._error, None
            raise SinkError(f"sink web: the server failed: {error!r}") from error

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised in `__enter__`, or by the next `check`
            if self._loop.done():
                self._error = error
            else:
                self._loop.set_exception(error)

    async def _serve(self) -> None:
        async with _listening(self._make_app(), self._listener, self._tls):
            self._loop.set_result(asyncio.get_running_loop())
            await self._closing.wait()


def _is_server_error(record: logging.LogRecord) -> bool:
    """Whether a log record is about an error of the server; False for a client that leaves, or speaks no HTTP."""
    return not (record.exc_info and isinstance(record.exc_info[1], (ConnectionResetError, HttpProcessingError)))


log.addFilter(_is_server_error)


@contextlib.asynccontextmanager
async def _listening(app: web.Application, listener: socket.socket, tls: ssl.SSLContext | None) -> AsyncIterator[None]:
    """Accepts connections, and ends all of them on exit."""
    runner = web.AppRunner(
        app,
        logger=log,
        access_log=None,  # each viewer sends a request a second, and the address of the first contains the token
        handle_signals=False,
        auto_decompress=False,  # a small compressed body could expand to gigabytes
        handler_cancellation=True,  # a viewer who leaves makes room for another at once
        keepalive_timeout=IDLE_S,
        shutdown_timeout=GRACE_S,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
    )
    await runner.setup()
    serve = runner.server
    assert serve is not None

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        serve,
        sock=listener,
        ssl=tls,
        ssl_handshake_timeout=IDLE_S if tls else None,
        ssl_shutdown_timeout=GRACE_S if tls else None,
    )
    try:
        yield
    finally:
        loop.remove_reader(listener)  # accepts no new ones
        for _ in range(ACCEPT_TURNS):  # asyncio would never close those that have come, but are not known yet
            await asyncio.sleep(0)
        listening.close()
        await runner.cleanup()
