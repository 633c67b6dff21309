"""A thread of its own for a sink that may be slow, so that no disk or network delays detection."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

from edge_detector.errors import SinkError
from edge_detector.prefetch import FrameQueue, ShutDown, join
from edge_detector.sinks.base import Writer
from edge_detector.types import Result

log = logging.getLogger(__name__)

Item = TypeVar("Item")

FILE_CAPACITY = 4  # results waiting for a slow sink when nothing may be lost
STUCK_TIMEOUT_S = 60.0  # a sink that takes longer for one result hangs: a network drive that is gone, a paused reader
MOST_CARRIED = 1000  # changes of visits that wait for a sink that hangs; the newest
DRAIN_TIMEOUT_S = 30.0  # at the end, for a sink to write the queued results and finish its file


class Background(Writer[Item], adds=("produced", "dropped")):
    """Writes to ``sink`` from a thread. Live: keeps the newest results, counts the dropped. File: loses nothing.

    The caller's thread opens the sink, so that an error comes at once. The sink's own thread closes it, because that
    may block, too. An error of the sink is raised by the next `write`, or by `close`.
    """

    def __init__(
        self,
        sink: Writer[Item],
        *,
        name: str,
        live: bool,
        timeout_s: float = STUCK_TIMEOUT_S,
        merge: Callable[[Item, Item], Item] | None = None,
        kind: Callable[[Item], Hashable] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``timeout_s``: how long a `write` that may lose nothing waits for room; live, after how long it warns.

        ``merge``: gives what takes the place of a dropped result and the one after it; none: the one after it.
        ``kind``: of several, such as cameras, each with room for its own; see `FrameQueue`.
        """
        self.name = name
        capacity = sink.backlog if live else FILE_CAPACITY
        self._sink = sink
        self._queue: FrameQueue[Item] = FrameQueue(capacity=capacity, drop_oldest=live, merge=merge, kind=kind)
        self._thread = threading.Thread(target=self._run, name=f"sink {name}", daemon=True)
        self._timeout_s = timeout_s
        self._clock = clock
        self._live = live
        self._busy_s: float | None = None  # the time at which the present write began; None while the sink waits
        self._hangs = False
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
        return self._queue.dropped + self._sink.lost

    def open(self) -> None:
        self._sink.__enter__()
        self._thread.start()

    def close(self) -> None:
        """Let the sink write what waits, and close it.

        Raises what the sink raised, unless a `write` has raised it already, and `ShutdownTimeout` if it hangs.
        """
        self._queue.shutdown()
        if self._thread.ident is not None:  # else it was never opened
            join(self._thread, timeout_s=DRAIN_TIMEOUT_S, while_handling=None)
        if not self._raised:
            self._raise_error()

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
            item = self._queue.get(timeout_s=self._sink.idle_s)
        except queue.Empty:
            self._sink.idle()
        else:
            self._busy_s = self._clock()
            self._sink.write(item)
            self._busy_s = None
            self._written += 1


def with_visits_of(dropped: Result, following: Result) -> Result:
    """``following`` with the changes of visits of ``dropped`` before its own: a picture may be lost, a visit not.

    What is only "updated" is left out: a later change tells the same and more.
    """
    carried = tuple(change for change in dropped.visits if change.kind != "updated")
    return replace(following, visits=(carried + following.visits)[-MOST_CARRIED:]) if carried else following
