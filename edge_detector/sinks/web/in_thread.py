"""What may wait for a disk is done beside the event loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

T = TypeVar("T")


class InThread(Protocol):
    """Runs ``work`` in a thread beside the event loop; one thread, so that no two pieces of work run at once."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...
