"""What a source must and may say of itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from edge_detector.resource import Resource, refuse_unknown_names
from edge_detector.types import Frame


class Source(Resource, ABC):
    """Frames in. It is made by ``Name(spec, config, model_size)``; `source_options` reads the options out of ``spec``.

    Must be overridden: `__iter__` and `stop`. May be: `open`, which raises `SourceError` if there is nothing to open,
    and `close`. What is said of the whole class stands in its first line, where a misspelt word is an error for mypy
    and for Python:

        class MyFile(Source, live=False): ...
    """

    live: bool = True  # a camera or stream, the newest frame counts; False: a file, every frame counts
    frame_count: int | None = None  # how many frames there will be; None: nobody knows
    undecoded: int = 0  # frames that were dropped before they were decoded
    reconnects: int = 0  # attempts to get a lost camera back, of a source that goes on trying without limit
    options: type[Any] | None = None

    def __init_subclass__(
        cls, *, options: type[Any] | None = None, live: bool | None = None, adds: Iterable[str] = ()
    ) -> None:
        """``options``: the dataclass that it reads with `source_options`; ``edge-detector sources`` lists its fields.

        ``live``: see above; it may also be set in ``__init__``. ``adds``: public names that no source has.
        """
        super().__init_subclass__()
        refuse_unknown_names(cls, adds)
        if options is not None:
            cls.options = options
        if live is not None:
            cls.live = live

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """The frames. Each comes, or `StopIteration` or `SourceTimeout`, within the source's deadline."""

    @abstractmethod
    def stop(self) -> None:
        """End the iteration before its deadline if possible; called from any thread."""

    def note_drops(self, dropped: Callable[[], int]) -> None:
        """``dropped()`` is how many frames were overtaken by newer ones: a source need not decode what nobody takes."""

    def close(self) -> None:
        """Give back what was opened; the iteration ends."""
        self.stop()
