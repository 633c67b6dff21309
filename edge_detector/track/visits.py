"""One object's stay before the camera, as one record: what has changed of it with each frame."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np

from edge_detector.boxes import lower_middles
from edge_detector.types import Box, Detection, Detections, Size, Visit, VisitChange

UPDATE_S = 1.0  # at most so often a visit is said to go on
BETTER = 0.05  # or when its best score has risen by so much
LONGEST_PATH = 600  # points; of a longer visit every second one is left out


class Visits:
    """The visits to one camera: a track begins one when it is first shown, and ends it when it is forgotten."""

    def __init__(self, run: str | None = None) -> None:
        """``run``: what the ids of these visits begin with; made up if it is left out."""
        self._run = run or secrets.token_hex(4)
        self._open: dict[int, Visit] = {}  # by track_id
        self._said: dict[int, Visit] = {}  # as each was when it was last said to be here

    def __repr__(self) -> str:
        return f"<Visits {self._run}: {len(self._open)} open>"

    @property
    def open(self) -> Collection[Visit]:
        """Those that have not ended."""
        return self._open.values()

    def update(
        self,
        shown: Detections,
        timestamp_ns: int,
        frame_size: Size,
        *,
        known: Collection[int],
        stationary: Collection[int],
    ) -> list[VisitChange]:
        """What one frame changes: ``shown`` are its tracks, ``known`` those that may still come back."""
        changes = [
            change
            for detection in shown
            if not detection.held
            for change in self._seen(detection, timestamp_ns, frame_size)
        ]
        changes += self._rested(stationary)
        changes += [self._ended(track_id) for track_id in self._open.keys() - known]
        return changes

    def end(self) -> list[VisitChange]:
        """End all of them: there are no more frames."""
        return [self._ended(track_id) for track_id in list(self._open)]

    def note_zones(self, track_id: int, zones: dict[str, float]) -> None:
        """Keep for how many seconds an object has been in each zone."""
        if track_id in self._open:
            self._open[track_id] = replace(self._open[track_id], zones=zones)

    def of(self, track_id: int) -> Visit | None:
        """The open visit of a track."""
        return self._open.get(track_id)

    def _seen(self, detection: Detection, timestamp_ns: int, frame_size: Size) -> Iterator[VisitChange]:
        assert detection.track_id is not None
        before = self._open.get(detection.track_id)
        if before is None:
            visit = self._begun(detection, detection.track_id, timestamp_ns, frame_size)
        else:
            visit = _continued(before, detection, timestamp_ns, frame_size)
        self._open[visit.track_id] = visit
        if before is None:
            yield self._say("started", visit)
        elif visit.label != before.label:
            yield self._say("renamed", visit, was=before.label)
        elif self._is_news(visit):
            yield self._say("updated", visit)

    def _begun(self, detection: Detection, track_id: int, timestamp_ns: int, frame_size: Size) -> Visit:
        return Visit(
            id=f"{self._run}-{track_id}",
            track_id=track_id,
            label=detection.label,
            class_id=detection.class_id,
            started_ns=timestamp_ns,
            seen_ns=timestamp_ns,
            box=detection.box,
            score=detection.score,
            best_ns=timestamp_ns,
            best_box=detection.box,
            path=((0.0, *standing_point(detection.box, frame_size)),),
        )

    def _is_news(self, visit: Visit) -> bool:
        said = self._said[visit.track_id]
        is_better = visit.best_ns == visit.seen_ns and visit.score >= said.score + BETTER
        return is_better or visit.seen_ns - said.seen_ns >= UPDATE_S * 1e9

    def _say(self, kind: str, visit: Visit, *, was: str = "") -> VisitChange:
        self._said[visit.track_id] = visit
        return VisitChange(kind, visit, was=was)

    def _rested(self, stationary: Collection[int]) -> Iterator[VisitChange]:
        for track_id, visit in self._open.items():
            if visit.stationary != (track_id in stationary):
                self._open[track_id] = changed = replace(visit, stationary=not visit.stationary)
                yield VisitChange("stopped" if changed.stationary else "moved", changed)

    def _ended(self, track_id: int) -> VisitChange:
        del self._said[track_id]
        return VisitChange("ended", replace(self._open.pop(track_id), ended=True))


def standing_point(box: Box, frame_size: Size) -> tuple[float, float]:
    """Where an object stands: the lower middle of its box, in fractions of the picture."""
    ((x, y),) = (lower_middles(np.array([box])) / frame_size).tolist()
    return round(x, 4), round(y, 4)


def _continued(visit: Visit, detection: Detection, timestamp_ns: int, frame_size: Size) -> Visit:
    visit = replace(
        visit,
        label=detection.label,
        class_id=detection.class_id,
        seen_ns=timestamp_ns,
        box=detection.box,
        path=_longer(visit.path, (timestamp_ns - visit.started_ns) / 1e9, detection.box, frame_size),
    )
    if detection.score <= visit.score:
        return visit
    return replace(visit, score=detection.score, best_ns=timestamp_ns, best_box=detection.box)


def _longer(
    path: tuple[tuple[float, float, float], ...], now_s: float, box: Box, frame_size: Size
) -> tuple[tuple[float, float, float], ...]:
    """``path`` with one more point if the last one is a second old, and every other one left out if it is long."""
    if now_s - path[-1][0] < UPDATE_S:
        return path
    kept = path if len(path) < LONGEST_PATH else path[::2]
    return (*kept, (round(now_s, 2), *standing_point(box, frame_size)))
