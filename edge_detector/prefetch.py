"""A thread that runs an iterator ahead of its consumer, and the queue between the two."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from edge_detector.errors import ShutdownTimeout, SourceTimeout

log = logging.getLogger(__name__)

T = TypeVar("T")

JOIN_TIMEOUT_S = 10.0  # on top of a thread's own longest wait; systemd kills a service after 90 s
FILE_CAPACITY = 4  # frames decoded ahead of a slow consumer: smooths jitter; 11 MB at 1280x720


class ShutDown(Exception):
    """The queue is shut down: it takes no more items, and has none left."""


class FrameQueue(Generic[T]):
    """A bounded queue that either drops its oldest item (live) or makes the producer wait (file).

    With a camera at 30 fps and 100 ms of inference, the median age of a result was 107 ms with a queue of one item
    that drops the oldest, 142 ms with two items, and 1,202 ms with ten items and a producer that waits. So live
    queues hold one item.

    With a ``kind``, such as the camera, each kind of item has room for ``capacity`` of its own, and is dropped for its
    own kind only. The item that comes after a dropped one takes its place in the line, so that no kind waits for ever.
    """

    def __init__(
        self,
        *,
        capacity: int,
        drop_oldest: bool,
        merge: Callable[[T, T], T] | None = None,
        kind: Callable[[T], Hashable] = lambda _: None,
        changed: threading.Condition | None = None,
    ) -> None:
        """``merge``: gives what takes the place of a dropped item and the one after it; none: the one after it.

        ``changed``: notified of each change; one that several queues share lets somebody wait for any of them.
        """
        self.capacity = capacity
        self.drop_oldest = drop_oldest
        self.accepted = 0  # items put, dropped ones included
        self.dropped = 0
        self.waits_since_ns = 0  # time.monotonic_ns(): when the place of the oldest item began to wait
        self._merge = merge
        self._kind = kind
        self._items: deque[T] = deque()
        self._changed = changed or threading.Condition()
        self._closed = False
        self._error: BaseException | None = None

    def __repr__(self) -> str:
        state = "closed" if self._closed else "open"
        return (
            f"<FrameQueue {state} {len(self._items)}/{self.capacity} accepted={self.accepted} dropped={self.dropped}>"
        )

    def put(self, item: T, *, timeout_s: float | None = None) -> None:
        """Add an item.

        Raises `ShutDown` once the queue is shut down, and `queue.Full` when a lossless queue stays full for
        ``timeout_s`` seconds (None: wait until the consumer takes an item or the queue is shut down).
        """
        with self._changed:
            if not self.drop_oldest and not self._changed.wait_for(self._has_room, timeout_s):
                raise queue.Full
            if self._closed:
                raise ShutDown
            if not self._items:
                self.waits_since_ns = time.monotonic_ns()
            self._items.append(item)
            if self.drop_oldest and len(self._items) > self.capacity:
                self._drop_oldest(self._kind(item))
            self.accepted += 1
            self._changed.notify_all()

    def get(self, *, timeout_s: float | None = None) -> T:
        """Take the oldest item.

        Raises `queue.Empty` after ``timeout_s`` seconds without one. After a shutdown the remaining items come
        first, then the error it was given, once, then `ShutDown`.
        """
        with self._changed:
            if not self._changed.wait_for(self._has_news, timeout_s):
                raise queue.Empty
            if self._items:
                item = self._items.popleft()
                self.waits_since_ns = time.monotonic_ns()
                self._changed.notify_all()
                return item
            error, self._error = self._error, None
        raise error if error is not None else ShutDown

    def shutdown(self, error: BaseException | None = None, *, immediate: bool = False) -> None:
        """Close for good: the consumer gets what is left, then ``error``. ``immediate`` throws away what is left.

        Only the error of the first shutdown counts; more calls do no harm.
        """
        with self._changed:
            if not self._closed:
                self._closed = True
                self._error = error
            if immediate:
                self._items.clear()
                self._error = None
            self._changed.notify_all()

    @property
    def has_item(self) -> bool:
        """Whether `get` gives an item at once."""
        return bool(self._items)

    @property
    def is_over(self) -> bool:
        """Whether `get` has nothing to give any more but an error or the end."""
        return self._closed and not self._items

    def _drop_oldest(self, kind: Hashable) -> None:
        """Drop the oldest of one kind if there are too many; the others of its kind move up."""
        places = [place for place, item in enumerate(self._items) if self._kind(item) == kind]
        if len(places) <= self.capacity:
            return
        self.dropped += 1
        items = [self._items[place] for place in places]
        oldest, following = items[0], items[1]
        items[1] = following if self._merge is None else self._merge(oldest, following)
        del self._items[places.pop()]
        for place, item in zip(places, items[1:], strict=True):
            self._items[place] = item

    def _has_room(self) -> bool:
        return self._closed or len(self._items) < self.capacity

    def _has_news(self) -> bool:
        return self._closed or bool(self._items)


class Prefetch(Generic[T]):
    """Runs ``items`` in a named thread: the same items, in the same order, then the same exception.

    A live one keeps only the newest item and counts what it dropped; otherwise nothing is lost and the thread
    waits for its consumer. A context manager: the thread starts on entry and is gone after exit.

        with Prefetch(source, name="capture", live=True) as frames:
            for frame in frames: ...
    """

    def __init__(
        self,
        items: Iterable[T],
        *,
        name: str,
        live: bool,
        timeout_s: float | None = None,
        progress: Callable[[], object] = lambda: None,
        join_timeout_s: float = JOIN_TIMEOUT_S,
        merge: Callable[[T, T], T] | None = None,
        undone: Callable[[], int] = int,
        kind: Callable[[T], Hashable] = lambda _: None,
        changed: threading.Condition | None = None,
    ) -> None:
        """``timeout_s``: longest wait for one item before the consumer gets `SourceTimeout` (None: no limit).

        ``progress``: gives a value that changes while the source works without an item to show, such as its count of
        reconnects. If the value has changed during a wait, a new wait begins instead of the error.
        ``join_timeout_s``: longest wait for the thread at the end before `ShutdownTimeout`.
        ``merge``, ``kind`` and ``changed``: as of `FrameQueue`. ``undone()``: items that were dropped before they were
        made.
        """
        self.name = name
        self.timeout_s = timeout_s
        self.queue: FrameQueue[T] = FrameQueue(
            capacity=1 if live else FILE_CAPACITY, drop_oldest=live, merge=merge, kind=kind, changed=changed
        )
        self._progress = progress
        self._undone = undone
        self._join_timeout_s = join_timeout_s
        self._items = items
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __repr__(self) -> str:
        return f"<Prefetch {self.name!r} {'running' if self._thread.is_alive() else 'idle'} {self.queue!r}>"

    @property
    def produced(self) -> int:
        """Items that the thread has put into the queue so far, and those that it has not made."""
        return self.queue.accepted + self._undone()

    @property
    def dropped(self) -> int:
        """Items that were dropped for newer ones, made or not."""
        return self.queue.dropped + self._undone()

    @property
    def is_alive(self) -> bool:
        """Whether its thread runs."""
        return self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        join(self._thread, timeout_s=self._join_timeout_s, while_handling=exc)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        progress = self._progress()
        while True:
            try:
                return self.queue.get(timeout_s=self.timeout_s)
            except ShutDown:
                raise StopIteration from None
            except queue.Empty:
                before, progress = progress, self._progress()
                if before == progress:
                    raise self._timeout() from None

    def stop(self) -> None:
        """Ask the thread to end and wake whoever waits on it; returns at once. Iteration ends."""
        self.queue.shutdown(immediate=True)

    def _timeout(self) -> SourceTimeout:
        return SourceTimeout(f"{self.name}: nothing for {self.timeout_s:g} s; is the camera connected?")

    def _run(self) -> None:
        try:
            for item in self._items:
                self.queue.put(item)
        except ShutDown:
            log.debug("%s: stopped", self.name)
        except BaseException as error:  # noqa: BLE001 - carried to the consumer, which raises it
            self.queue.shutdown(error)
        else:
            self.queue.shutdown()


def join(thread: threading.Thread, *, timeout_s: float = JOIN_TIMEOUT_S, while_handling: BaseException | None) -> None:
    """Wait for a thread that was asked to end.

    Raises `ShutdownTimeout` with its name if it does not. If ``while_handling`` is another error, that is the cause
    which the user should read, so this one is only logged.
    """
    thread.join(timeout_s)
    if not thread.is_alive():
        return
    error = ShutdownTimeout(f"thread {thread.name!r} did not end within {timeout_s:g} s")
    if while_handling is None:
        raise error
    log.error("%s", error)
