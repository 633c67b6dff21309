"""A thread of its own for a sink that may be slow, so that a disk or a broker never delays detection."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from edge_detector.prefetch import FrameQueue, ShutDown, join
from edge_detector.types import Result, Sink

log = logging.getLogger(__name__)

FILE_CAPACITY = 4  # results waiting for a slow sink when nothing may be lost
DRAIN_TIMEOUT_S = 30.0  # at the end a sink may still write what is queued and finish its file


class Background:
    """Writes to ``sink`` from a thread. Live: keeps the newest result, counts the dropped. File: loses nothing.

    An error of the sink is raised by the next `write`, or on exit.
    """

    def __init__(self, sink: Sink, *, name: str, live: bool) -> None:
        self.name = name
        self._sink = sink
        self._queue: FrameQueue[Result] = FrameQueue(capacity=1 if live else FILE_CAPACITY, drop_oldest=live)
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        return f"<Background {self.name!r} {self._queue!r}>"

    @property
    def produced(self) -> int:
        """Results handed over so far."""
        return self._queue.accepted

    @property
    def dropped(self) -> int:
        """Results that were overtaken by newer ones."""
        return self._queue.dropped

    def __enter__(self) -> Self:
        self._sink.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._queue.shutdown()
        try:
            join(self._thread, timeout_s=DRAIN_TIMEOUT_S, while_handling=exc)
        finally:
            self._sink.__exit__(exc_type, exc, traceback)
        if exc is None:
            self._raise_error()

    def write(self, result: Result) -> None:
        """Hand ``result`` over; returns at once when live, else when there is room."""
        self._raise_error()
        try:
            self._queue.put(result)
        except ShutDown:
            self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        try:
            while True:
                self._sink.write(self._queue.get())
        except ShutDown:
            log.debug("%s: finished", self.name)
        except BaseException as error:  # noqa: BLE001 - carried to the next write, which raises it
            self._error = error
            self._queue.shutdown(immediate=True)
