"""Who is before the camera now: turns the detections of each frame into tracks, visits and what happens at places."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge_detector.track.places import Places
from edge_detector.track.tracker import Tracker
from edge_detector.track.visits import Visits
from edge_detector.track.zones import Happening, Observed, PlaceWatch
from edge_detector.types import Detections, Frame, Result, VisitChange

NO_PLACES = Places()


class Scene:
    """What one camera has seen: a function from the detector's result to one with tracks and visits."""

    def __init__(
        self,
        start: Callable[[], NDArray[np.float32]],
        *,
        places: Callable[[], Places] = lambda: NO_PLACES,
        model: Callable[[], object] = lambda: None,
    ) -> None:
        """``start()``: (C,) the lowest score, by class_id, that may begin a track; ``places()``: the zones and lines.

        ``model()``: what has made the newest result; another object if its classes may have other numbers than before.
        All of them may change while it runs.
        """
        self._start = start
        self._model = model
        self._used_model = model()
        self._labels: tuple[str, ...] = ()  # of the newest result
        self._places = places
        self._used_places = places()
        self._tracker = Tracker()
        self._visits = Visits()
        self._watch = PlaceWatch(self._used_places)

    def __repr__(self) -> str:
        return f"<Scene {self._tracker!r} {self._visits!r} {self._watch!r}>"

    def follow(self, results: Iterable[Result], *, live: bool) -> Iterator[Result]:
        """The results with tracks and visits. Of a file the last one ends all visits, so each is held back by one."""
        followed = map(self.update, results)
        return followed if live else self._ended_with_the_last(followed)

    def update(self, result: Result) -> Result:
        """``result`` with tracks; photographs have none."""
        frame, found = result.frame, result.detections
        if frame.file is not None:
            return result
        self._heed_model(found.labels)
        if result.skipped:
            shown = self._tracker.carry_on(frame.timestamp_ns, self._start(), frame.size)
        else:
            shown = self._tracker.update(found, frame.timestamp_ns, self._start(), frame.size)
        happenings = self._look_at_places(shown, frame)
        changes = self._visits.update(
            shown, frame.timestamp_ns, frame.size, known=self._tracker.known, stationary=self._tracker.stationary
        )
        return replace(result, detections=shown, visits=tuple(self._with_places(changes, happenings)))

    def _heed_model(self, labels: tuple[str, ...]) -> None:
        """Objects keep their tracks when another model goes on: its classes of the same name are the same."""
        before, self._labels = self._labels, labels
        if (model := self._model()) is not self._used_model:
            self._used_model = model
            self._tracker.translate(before, labels)

    def _look_at_places(self, shown: Detections, frame: Frame) -> list[Happening]:
        happenings = self._newly_drawn()
        if not len(self._used_places):
            return happenings
        observed = [Observed(each.track_id or 0, each.label, each.box, each.held) for each in shown]
        happenings += self._watch.update(observed, frame.timestamp_ns, frame.size)
        for visit in list(self._visits.open):
            self._visits.note_zones(visit.track_id, self._watch.seconds_in(visit.track_id))
            if visit.track_id not in self._tracker.known:
                happenings += self._watch.forget(visit.track_id)
        return happenings

    def _newly_drawn(self) -> list[Happening]:
        """Who leaves a zone because it was removed or moved."""
        if (places := self._places()) is self._used_places:
            return []
        self._used_places = places
        return self._watch.replace(places)

    def _with_places(self, changes: Sequence[VisitChange], happenings: Sequence[Happening]) -> Iterator[VisitChange]:
        """A visit starts before it enters a zone, and leaves all zones before it ends."""
        endings = {change.visit.track_id: change for change in changes if change.kind == "ended"}
        yield from (change for change in changes if change.kind != "ended")
        for happening in happenings:
            ending = endings.get(happening.track_id)
            visit = ending.visit if ending else self._visits.of(happening.track_id)
            if visit is not None:
                yield VisitChange(happening.kind, visit, happening.place, happening.direction)
        yield from endings.values()

    def _ended_with_the_last(self, results: Iterator[Result]) -> Iterator[Result]:
        waiting = next(results, None)
        if waiting is None:
            return
        for result in results:
            yield waiting
            waiting = result
        yield self.ended(waiting)

    def ended(self, last: Result) -> Result:
        """``last``, whose result it is, with the ends of all visits: there are no more frames."""
        return replace(last, visits=(*last.visits, *self._last()))

    def _last(self) -> Iterator[VisitChange]:
        """No more frames: who is in a zone leaves it, and all visits end."""
        open_ids = [visit.track_id for visit in self._visits.open]
        happenings = [happening for track_id in open_ids for happening in self._watch.forget(track_id)]
        return self._with_places(self._visits.end(), happenings)
