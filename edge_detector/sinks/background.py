"""A thread of its own for a sink that may be slow, so that no disk or network delays detection."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from edge_detector.errors import ReaderGone, SinkError
from edge_detector.prefetch import FrameQueue, ShutDown, join

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Item_contra = TypeVar("Item_contra", contravariant=True)

FILE_CAPACITY = 4  # results waiting for a slow sink when nothing may be lost
STUCK_TIMEOUT_S = 60.0  # a sink that takes longer for one result hangs: a network drive that is gone, a paused reader
DRAIN_TIMEOUT_S = 30.0  # at the end, for a sink to write the queued results and finish its file


class Writer(Protocol[Item_contra]):
    """Anything that may be slow to write to: a sink that writes results, or a CSV file that writes rows."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def write(self, item: Item_contra, /) -> None: ...


class Background(Generic[Item]):
    """Writes to ``sink`` from a thread. Live: keeps the newest results, counts the dropped. File: loses nothing.

    The caller's thread opens the sink, so that an error comes at once. The sink's own thread closes it, because that
    may block, too. An error of the sink is raised by the next `write`, or on exit.
    """

    def __init__(
        self,
        sink: Writer[Item],
        *,
        name: str,
        live: bool,
        timeout_s: float = STUCK_TIMEOUT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``sink.backlog``: how many results may wait while it is busy, for one that wants all rather than the newest.

        ``sink.idle_s`` and ``sink.idle()``: called after that many seconds without a result, for a sink that has
        something to do meanwhile, such as heeding keys. ``timeout_s``: how long a lossless `write` waits for room, and
        after how long a live one says that the sink hangs.
        """
        self.name = name
        capacity = getattr(sink, "backlog", 1) if live else FILE_CAPACITY
        self._sink = sink
        self._queue: FrameQueue[Item] = FrameQueue(capacity=capacity, drop_oldest=live)
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._timeout_s = timeout_s
        self._clock = clock
        self._live = live
        self._busy_s: float | None = None  # the time at which the present write began; None while the sink waits
        self._hangs = False
        self._idle_s: float | None = getattr(sink, "idle_s", None)
        self._idle: Callable[[], None] = getattr(sink, "idle", _rest)
        self._written = 0
        self._error: BaseException | None = None
        self._raised = False

    def __repr__(self) -> str:
        return f"<Background {self.name!r} written={self._written} {self._queue!r}>"

    @property
    def produced(self) -> int:
        """Results that the sink has written."""
        return self._written

    @property
    def dropped(self) -> int:
        """Results that newer ones replaced, or for which the disk had no room."""
        return self._queue.dropped + getattr(self._sink, "lost", 0)

    def __enter__(self) -> Self:
        self._sink.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._queue.shutdown()
        join(self._thread, timeout_s=DRAIN_TIMEOUT_S, while_handling=exc)
        if self._error is None or self._raised:
            return
        if exc is None:
            self._raise_error()
        if not isinstance(self._error, ReaderGone):
            log.error("%s", self._error)  # exc is the error to report, but this one must not be lost

    def write(self, item: Item, /) -> None:
        """Hand a result over. Returns at once when live, else as soon as there is room.

        Raises what the sink raised for an earlier result, and `SinkError` if there is no room within ``timeout_s``.
        """
        if self._live:
            self._report_hanging()
        try:
            self._queue.put(item, timeout_s=self._timeout_s)
        except ShutDown:
            self._raise_error()
        except queue.Full:
            raise SinkError(self._hanging()) from None

    def _hanging(self) -> str:
        return f"sink {self.name}: has written nothing for {self._timeout_s:g} s; does its disk or network hang?"

    def _report_hanging(self) -> None:
        """Log once that the sink hangs, and once that it works again; otherwise only the drops would show it."""
        busy_s = self._busy_s
        hangs = busy_s is not None and self._clock() - busy_s > self._timeout_s
        if hangs and not self._hangs:
            log.warning("%s", self._hanging())
        elif self._hangs and not hangs:
            log.warning("sink %s: writes again; %d dropped since the start", self.name, self.dropped)
        self._hangs = hangs

    def _raise_error(self) -> None:
        self._raised = True
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            with ExitStack() as stack:
                stack.push(self._sink)
                self._write_all()
        except BaseException as error:  # noqa: BLE001 - the next write raises it
            self._error = error
            self._queue.shutdown(immediate=True)

    def _write_all(self) -> None:
        try:
            while True:
                self._write_next()
        except ShutDown:
            log.debug("%s: finished", self.name)

    def _write_next(self) -> None:
        try:
            item = self._queue.get(timeout_s=self._idle_s)
        except queue.Empty:
            self._idle()
        else:
            self._busy_s = self._clock()
            self._sink.write(item)
            self._busy_s = None
            self._written += 1


def _rest() -> None:
    """For sinks that do nothing between results."""
