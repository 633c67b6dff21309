"""Who is before each of several cameras."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from edge_detector.track.scene import Scene
from edge_detector.types import Result


class Scenes:
    """One `Scene` for each camera: tracks and visits never pass from one to another."""

    def __init__(self, make: Callable[[str], Scene]) -> None:
        """``make(camera)``: the scene of a camera, by its name."""
        self._make = make
        self._scenes: dict[str, Scene] = {}

    def __repr__(self) -> str:
        return f"<Scenes of {', '.join(self._scenes) or 'no camera yet'}>"

    def follow(self, results: Iterable[Result], *, live: bool) -> Iterator[Result]:
        """The results with tracks and visits. Of films the last one of each ends its visits, so one is held back."""
        followed = map(self.update, results)
        return followed if live else self._ended_with_the_last(followed)

    def update(self, result: Result) -> Result:
        """See `Scene.update`."""
        if result.camera not in self._scenes:
            self._scenes[result.camera] = self._make(result.camera)
        return self._scenes[result.camera].update(result)

    def _ended_with_the_last(self, results: Iterable[Result]) -> Iterator[Result]:
        waiting: dict[str, Result] = {}
        for result in results:
            before = waiting.pop(result.camera, None)
            waiting[result.camera] = result
            if before is not None:
                yield before
        for camera, last in waiting.items():
            yield self._scenes[camera].ended(last)
