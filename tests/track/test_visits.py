from __future__ import annotations

import numpy as np
import pytest

from edge_detector.track.scene import Scene
from edge_detector.track.visits import LONGEST_PATH, Visits
from edge_detector.types import VISIT_CHANGES, Detections, Frame, Result, Timings

LABELS = ("cat", "dog")
SIZE = (640, 480)
BOX = (300.0, 200.0, 360.0, 240.0)


def shown(score: float = 0.8, *, track_id: int = 1, held: bool = False, box=BOX, class_id: int = 0) -> Detections:
    return Detections(
        np.array([box], np.float32),
        np.array([score], np.float32),
        np.array([class_id], np.int32),
        LABELS,
        np.array([track_id], np.int32),
        np.array([held]),
    )


def look(visits: Visits, detections: Detections, at_s: float, *, known=(1,), stationary=()) -> list[str]:
    changes = visits.update(detections, round(at_s * 1e9), SIZE, known=set(known), stationary=set(stationary))
    return [change.kind for change in changes]


def test_a_visit_starts_goes_on_once_a_second_and_ends() -> None:
    visits = Visits("run")
    kinds = [look(visits, shown(), tenth / 10) for tenth in range(25)]
    assert [kind for each in kinds for kind in each] == ["started", "updated", "updated"]
    assert [look(visits, Detections.empty(LABELS), 3.0, known=()), list(visits.open)] == [["ended"], []]


def test_what_is_said_of_a_visit() -> None:
    visits = Visits("run")
    look(visits, shown(0.6), 1.0)
    look(visits, shown(0.9, box=(0.0, 0.0, 64.0, 96.0)), 2.0)
    look(visits, shown(0.7, class_id=1), 3.0)
    look(visits, shown(0.7, held=True), 4.0)
    (change,) = visits.end()
    visit = change.visit
    assert (change.kind, visit.id, visit.track_id, visit.label, visit.ended) == ("ended", "run-1", 1, "dog", True)
    assert (visit.duration_s, visit.score, visit.best_ns) == (2.0, pytest.approx(0.9), 2 * 10**9)
    assert visit.best_box == (0.0, 0.0, 64.0, 96.0)
    assert visit.path == ((0.0, 0.5156, 0.5), (1.0, 0.05, 0.2), (2.0, 0.5156, 0.5))


def test_a_better_score_is_said_at_once() -> None:
    visits = Visits("run")
    assert [look(visits, shown(score), at) for score, at in ((0.6, 0.0), (0.62, 0.1), (0.7, 0.2), (0.71, 0.3))] == [
        ["started"],
        [],
        ["updated"],
        [],
    ]


def test_another_name_is_said_at_once_with_the_name_before() -> None:
    visits = Visits("run")
    look(visits, shown(), 0.0)
    (change,) = visits.update(shown(class_id=1), 10**8, SIZE, known={1}, stationary=())
    assert (change.kind, change.was, change.visit.label) == ("renamed", "cat", "dog")
    assert look(visits, shown(class_id=1), 0.2) == []
    assert [(change.kind, change.visit.label) for change in visits.end()] == [("ended", "dog")]


def test_an_object_that_is_held_is_no_news() -> None:
    visits = Visits("run")
    look(visits, shown(), 0.0)
    assert look(visits, shown(held=True), 5.0) == []


def test_resting_and_moving_are_said_once() -> None:
    visits = Visits("run")
    states = [(), (1,), (1,), (), ()]
    assert [look(visits, shown(), 0.1 * n, stationary=state) for n, state in enumerate(states)] == [
        ["started"],
        ["stopped"],
        [],
        ["moved"],
        [],
    ]


def test_ids_differ_between_runs() -> None:
    first, second = Visits(), Visits()
    look(first, shown(), 0.0)
    look(second, shown(), 0.0)
    assert first.of(1).id != second.of(1).id


def test_a_path_is_bounded() -> None:
    visits = Visits()
    for second in range(3 * LONGEST_PATH):
        look(visits, shown(), second)
    path = visits.of(1).path
    assert len(path) <= LONGEST_PATH + 1
    assert (path[0][0], path[-1][0]) == (0.0, 3 * LONGEST_PATH - 1)


def result(sequence: int, *, file=None) -> Result:
    frame = Frame(np.zeros((480, 640, 3), np.uint8), sequence, sequence * 10**8, file=file)
    found = Detections(np.array([BOX], np.float32), np.array([0.8], np.float32), np.array([0], np.int32), LABELS)
    return Result(frame, found, Timings(0, 0, 0, 0))


def scene() -> Scene:
    return Scene(lambda: np.full(2, 0.5, np.float32))


def test_the_last_result_of_a_file_ends_all_visits() -> None:
    followed = list(scene().follow(map(result, range(4)), live=False))
    assert [each.frame.sequence for each in followed] == [0, 1, 2, 3]
    assert [[change.kind for change in each.visits] for each in followed] == [[], ["started"], [], ["ended"]]


def test_a_camera_waits_for_nothing() -> None:
    results = map(result, range(4))
    followed = scene().follow(results, live=True)
    assert next(followed).frame.sequence == 0
    assert next(results).frame.sequence == 1


def test_photographs_are_not_tracked(tmp_path) -> None:
    (followed,) = scene().follow([result(0, file=tmp_path)], live=False)
    assert (followed.detections.track_ids.tolist(), followed.visits) == ([-1], ())


def test_nothing_gives_nothing() -> None:
    assert list(scene().follow([], live=False)) == []


def test_every_kind_of_change_is_explained() -> None:
    assert {"started", "updated", "ended", "stopped", "moved"} <= VISIT_CHANGES.keys()
