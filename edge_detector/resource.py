"""What is opened and closed: the base of sources and sinks, and the check of the names that their classes give."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from edge_detector.errors import ReaderGone
from edge_detector.registry import unknown

log = logging.getLogger(__name__)


class Resource:
    """A context manager: ``with`` calls `open`, and at the end `close`. Override one, both or none.

    `close` may be called twice, and without `open` before it. An error that `close` raises while another one is on its
    way is logged: the first is the cause that a user should read.
    """

    def open(self) -> None:
        """Take what is needed: a device, a file, a connection."""

    def close(self) -> None:
        """Give it back."""

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Exception as error:
            if exc is None:
                raise
            if not isinstance(error, ReaderGone):
                log.error("%s", error)


def refuse_unknown_names(cls: type, adds: Iterable[str]) -> None:
    """Raises `TypeError` for a public name of ``cls`` that its bases do not have: `clsoe` would never be called.

    Names of its own begin with an underscore, are constants in capitals, or stand in ``adds``.
    """
    known = {name for base in cls.__mro__[1:] for name in vars(base) if not name.startswith("_")}
    for name in vars(cls):
        if not (name.startswith("_") or name.isupper() or name in known or name in adds):
            raise TypeError(
                f"class {cls.__qualname__}: {unknown('name', name, known)}; "
                f"if it is a new one, say so: class {cls.__name__}(..., adds=({name!r},))"
            )
