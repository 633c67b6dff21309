"""A sink made of any context manager: the shortest way to one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol

from edge_detector.sinks.base import Sink
from edge_detector.types import Result


class TakesResults(Protocol):
    """Anything with ``write``."""

    def write(self, result: Result, /) -> object: ...


class PlainSink(Sink):
    """Gives the results to whatever ``with manager as ...`` yields, on the thread of the detector's results.

    @contextmanager
    def tally(spec, context):
        ...
        yield something_with_write
    """

    def __init__(self, manager: AbstractContextManager[TakesResults]) -> None:
        self._manager = manager
        self._taker: TakesResults | None = None

    def __repr__(self) -> str:
        return f"<PlainSink {'open' if self._taker else 'closed'} {self._manager!r}>"

    def open(self) -> None:
        self._taker = self._manager.__enter__()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """The manager learns of the error, if there is one."""
        if self._taker is not None:
            self._taker = None
            self._manager.__exit__(exc_type, exc, traceback)

    def close(self) -> None:
        self.__exit__(None, None, None)

    def write(self, result: Result, /) -> None:
        assert self._taker is not None, "write outside of with"
        self._taker.write(result)
