"""Where objects stood in the last seconds: a line behind each track."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import lower_middles
from edge_detector.types import NOT_TRACKED, Result

TRAIL_S = 5.0  # the length of a trail, in time
STEP_S = 0.1  # between two of its points: all of them together are no more than a few thousand numbers

Trail = NDArray[np.float32]  # (P, 2) x, y of the box's lower middle, in fractions of the picture; the oldest first
TrailsById = Mapping[int, Trail]  # by track_id
Point = tuple[int, float, float]  # when, x, y

NO_TRAILS: TrailsById = {}


class Trails:
    """The trails of one camera's tracks; `update` takes the results in turn."""

    def __init__(self, *, wanted: bool = True) -> None:
        """Without ``wanted`` there are none, and `update` costs nothing."""
        self._wanted = wanted
        self._points: dict[int, deque[Point]] = {}  # by track_id

    def __repr__(self) -> str:
        return f"<Trails {len(self._points)} tracks>"

    def __len__(self) -> int:
        """The number of tracks that it remembers."""
        return len(self._points)

    def update(self, result: Result) -> TrailsById:
        """The trail of each track that is shown in ``result``, by its track_id, up to where it was found last."""
        if not self._wanted:
            return NO_TRAILS
        self._add(result)
        self._forget(result.frame.timestamp_ns)
        shown = self._points.keys() & set(result.detections.track_ids.tolist())
        return {track_id: np.array(self._points[track_id], np.float32)[:, 1:] for track_id in shown}

    def _add(self, result: Result) -> None:
        found = result.detections[(result.detections.track_ids != NOT_TRACKED) & ~result.detections.held]
        now_ns = result.frame.timestamp_ns
        places = (lower_middles(found.boxes) / result.frame.size).tolist()
        for track_id, (x, y) in zip(found.track_ids.tolist(), places, strict=True):
            points = self._points.setdefault(track_id, deque())
            if len(points) > 1 and points[-1][0] - points[-2][0] < STEP_S * 1e9:
                points.pop()  # so that the newest place is always its end
            points.append((now_ns, x, y))

    def _forget(self, now_ns: int) -> None:
        """Leave out what is too old, and what is newer than now: the clock of a film begins anew."""
        for track_id, points in list(self._points.items()):
            while points and not 0 <= now_ns - points[0][0] <= TRAIL_S * 1e9:
                points.popleft()
            if not points:
                del self._points[track_id]
