"""Who is before the camera now: turns the detections of each frame into tracks and visits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_detector.track.tracker import Tracker
from edge_detector.track.visits import Visits
from edge_detector.types import Result


class Scene:
    """What one camera has seen: a function from the detector's result to one with tracks and visits."""

    def __init__(self, start: Callable[[], NDArray[np.float32]]) -> None:
        """``start()``: (C,) the lowest score, by class_id, that may begin a track; it may change while it runs."""
        self._start = start
        self._tracker = Tracker()
        self._visits = Visits()

    def __repr__(self) -> str:
        return f"<Scene {self._tracker!r} {self._visits!r}>"

    def follow(self, results: Iterable[Result], *, live: bool) -> Iterator[Result]:
        """The results with tracks and visits. Of a file the last one ends all visits, so each is held back by one."""
        followed = map(self.update, results)
        return followed if live else self._ended_with_the_last(followed)

    def update(self, result: Result) -> Result:
        """``result`` with tracks; photographs have none."""
        frame, found = result.frame, result.detections
        if frame.file is not None:
            return result
        tracker = self._tracker
        shown = tracker.update(found, frame.timestamp_ns, self._start(), frame.size)
        changes = self._visits.update(
            shown, frame.timestamp_ns, frame.size, known=tracker.known, stationary=tracker.stationary
        )
        return replace(result, detections=shown, visits=tuple(changes))

    def _ended_with_the_last(self, results: Iterator[Result]) -> Iterator[Result]:
        waiting = next(results, None)
        if waiting is None:
            return
        for result in results:
            yield waiting
            waiting = result
        yield replace(waiting, visits=(*waiting.visits, *self._visits.end()))
