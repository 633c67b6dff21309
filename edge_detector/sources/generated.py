"""A source made of a generator function: the shortest way to one."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterator

from edge_detector.sources.base import Source
from edge_detector.types import Frame


class GeneratedSource(Source):
    """The frames of a generator, as from a camera: the newest counts.

        def snapshots(spec, config, model_size):
            ...
            yield Frame(...)

        SOURCES["snapshots"] = "my_module:snapshots"

    The generator keeps the promise of a source: each frame comes, or an error, within ``config.timeout``.
    """

    def __init__(self, frames: Generator[Frame, None, None]) -> None:
        self._frames = frames
        self._stopped = False

    def __repr__(self) -> str:
        return f"<GeneratedSource {'stopped' if self._stopped else 'open'} {self._frames!r}>"

    def close(self) -> None:
        self.stop()
        if (
            inspect.getgeneratorstate(self._frames) != inspect.GEN_RUNNING
        ):  # then its thread hangs, which is reported elsewhere
            self._frames.close()  # so that its own with blocks and finally clauses give the camera back now

    def stop(self) -> None:
        """End the iteration with the next frame."""
        self._stopped = True

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            if self._stopped:
                return
            yield frame
