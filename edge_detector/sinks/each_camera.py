"""A sink for each camera of several, where one alone could not tell them apart."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack

from edge_detector.sinks.base import Writer
from edge_detector.types import Result


class EachCamera(Writer[Result]):
    """Gives each result to the sink of its camera."""

    def __init__(self, sinks: Mapping[str, Writer[Result]]) -> None:
        """``sinks``: by the cameras' names."""
        self._sinks = sinks
        self._stack = ExitStack()

    def __repr__(self) -> str:
        return f"<EachCamera {', '.join(self._sinks)}>"

    def open(self) -> None:
        """Raises what a sink raises; then none is open."""
        with ExitStack() as stack:
            for sink in self._sinks.values():
                stack.enter_context(sink)
            self._stack = stack.pop_all()

    def close(self) -> None:
        self._stack.close()

    def write(self, item: Result, /) -> None:
        """Raises what the sink raises."""
        self._sinks[item.camera].write(item)
