"""Where objects stood: as long as a trail is, as long as its track is there, and no longer."""

from __future__ import annotations

import numpy as np
import pytest

from edge_detector.trails import STEP_S, TRAIL_S, Trails
from edge_detector.types import Detections, Frame, Result, Timings

SIZE = (640, 480)


def result(at_s: float, *tracks: tuple[int, float], held: bool = False) -> Result:
    """Boxes 64 pixels wide and 48 high at the upper edge, from (track_id, left) pairs."""
    boxes = np.array([(left, 0.0, left + 64.0, 48.0) for _, left in tracks], np.float32).reshape(-1, 4)
    count = len(tracks)
    found = Detections(
        boxes,
        np.full(count, 0.9, np.float32),
        np.zeros(count, np.int32),
        ("person",),
        np.array([track_id for track_id, _ in tracks], np.int32),
        np.full(count, held),
    )
    return Result(Frame(np.zeros((480, 640, 3), np.uint8), 0, round(at_s * 1e9)), found, Timings(0, 0, 0, 0))


def test_a_trail_tells_where_an_object_stood_in_fractions_of_the_picture() -> None:
    trails = Trails()
    trails.update(result(0.0, (7, 0.0)))
    paths = trails.update(result(1.0, (7, 64.0)))
    assert paths.keys() == {7}
    assert paths[7] == pytest.approx(np.array([(0.05, 0.1), (0.15, 0.1)]), abs=1e-6)


def test_it_ends_at_the_newest_place_and_is_as_long_as_the_last_seconds() -> None:
    trails = Trails()
    for frame in range(600):
        path = trails.update(result(frame / 30, (1, frame)))[1]
    assert path[-1, 0] == pytest.approx((599 + 32) / 640)
    assert path[0, 0] == pytest.approx((599 - 30 * TRAIL_S + 32) / 640, abs=30 * STEP_S / 640)
    assert len(path) <= TRAIL_S / STEP_S + 2


def test_what_is_held_leaves_no_trail_but_keeps_the_one_it_has() -> None:
    trails = Trails()
    before = trails.update(result(0.0, (1, 0.0)))
    held = trails.update(result(1.0, (1, 50.0), held=True))
    assert held[1].tolist() == before[1].tolist()


def test_a_trail_is_forgotten_with_its_track() -> None:
    trails = Trails()
    for track_id in range(1, 500):
        trails.update(result(track_id, (track_id, 0.0)))
    assert len(trails) <= TRAIL_S + 1
    assert trails.update(result(500)) == {}
    trails.update(result(500 + 2 * TRAIL_S))
    assert len(trails) == 0


def test_a_clock_that_begins_anew_begins_a_new_trail() -> None:
    trails = Trails()
    trails.update(result(100.0, (1, 0.0)))
    assert len(trails.update(result(1.0, (1, 50.0)))[1]) == 1


def test_what_has_no_track_has_no_trail() -> None:
    assert Trails().update(result(0.0, (-1, 0.0))) == {}


def test_there_are_none_where_none_are_wanted() -> None:
    trails = Trails(wanted=False)
    assert (trails.update(result(0.0, (1, 0.0))), len(trails)) == ({}, 0)
