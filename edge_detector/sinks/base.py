"""What a sink must and may say of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from edge_detector.resource import Resource, refuse_unknown_names
from edge_detector.types import Result

Item_contra = TypeVar("Item_contra", contravariant=True)


class Cameras(Enum):
    """What a sink does with the results of several cameras."""

    REFUSED = auto()  # it cannot tell them apart
    TOGETHER = auto()  # it takes all of them, and says whose each is
    APART = auto()  # there is one such sink for each, which knows its camera's name


class Writer(Resource, ABC, Generic[Item_contra]):
    """What items are written to: a sink, which takes results, or a table, which takes rows.

    Must be overridden: `write`. May be: `open`, `close`, `idle`, `lost`. What is said of the whole class stands in its
    first line, where a misspelt word is an error for mypy and for Python:

        class MySink(Sink, may_block=True, backlog=8): ...
    """

    may_block = False
    newest_only = False
    backlog = 1
    idle_s: float | None = None
    cameras: Cameras = Cameras.REFUSED
    options: type[Any] | None = None

    def __init_subclass__(
        cls,
        *,
        options: type[Any] | None = None,
        may_block: bool | None = None,
        newest_only: bool | None = None,
        backlog: int | None = None,
        idle_s: float | None = None,
        cameras: Cameras | None = None,
        adds: Iterable[str] = (),
    ) -> None:
        """``options``: the dataclass that it reads with `sink_options`; ``edge-detector sinks`` lists its fields.

        ``may_block``: a disk or a network may be slow; `open_sink` gives it a thread of its own (`Background`).

        ``newest_only``: on that thread results may be dropped, of a file too, rather than let the detector wait.
        ``backlog``: of a camera, how many results may wait for it while it is busy; more are dropped, the oldest first.
        ``idle_s``: call `idle` after so many seconds without a result.
        ``cameras``: what it does with those of a run that has several.
        ``adds``: public names of the class that no sink has.
        """
        super().__init_subclass__()
        refuse_unknown_names(cls, adds)
        given = {"may_block": may_block, "newest_only": newest_only, "backlog": backlog, "idle_s": idle_s}
        for name, value in {"options": options, "cameras": cameras, **given}.items():
            if value is not None:
                setattr(cls, name, value)

    @abstractmethod
    def write(self, item: Item_contra, /) -> None:
        """Take one item; always called from one thread.

        Raises `SinkError`, which ends the program: a sink repairs what it can before.
        """

    def idle(self) -> None:
        """Do what there is to do while no item comes, such as heeding keys."""

    @property
    def lost(self) -> int:
        """Items that it could not write, for which the disk had no room."""
        return 0


class Sink(Writer[Result]):
    """Takes results. It is made by ``Name(spec, context)``; `sink_options` reads the options out of ``spec``.

    The shortest way to a sink is another one: a function with `contextlib.contextmanager` that yields anything with
    ``write(result)`` (see `plain`). A thread of its own is only for classes that derive from this one.
    """
