from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from edge_detector.track import tracker as module
from edge_detector.track.tracker import (
    FORGET_S,
    HOLD_AT_EDGE_S,
    HOLD_S,
    LARGEST_LAG,
    STATIONARY_S,
    UNSURE_S,
    Tracker,
)
from edge_detector.types import Box, Detections

LABELS = ("cat", "dog", "car")
SIZE = (640, 480)
START = np.full(3, 0.5, np.float32)
FPS = 10
CAT = (300.0, 200.0, 360.0, 280.0)

Found = tuple[Box, float, int]  # box, score, class_id


def detections(*found: Found) -> Detections:
    boxes, scores, class_ids = zip(*found, strict=True) if found else ((), (), ())
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(class_ids, np.int32), LABELS
    )


def follow(
    frames: Iterable[tuple[Found, ...]], *, fps: float = FPS, tracker: Tracker | None = None
) -> list[Detections]:
    tracker = tracker or Tracker()
    return [
        tracker.update(detections(*found), round(number * 1e9 / fps), START, SIZE)
        for number, found in enumerate(frames)
    ]


def ids(shown: list[Detections]) -> list[list[int]]:
    return [each.track_ids.tolist() for each in shown]


def sure(box: Box = CAT, class_id: int = 0) -> tuple[Found, ...]:
    return ((box, 0.8, class_id),)


def unsure(box: Box = CAT, class_id: int = 0) -> tuple[Found, ...]:
    return ((box, 0.3, class_id),)


def walking(number: int, *, step: float = 6.0, start: float = 40.0) -> Box:
    left = start + step * number
    return left, 200.0, left + 60.0, 280.0


def test_an_object_is_shown_with_its_second_sure_detection() -> None:
    assert ids(follow([sure(), sure(), sure()])) == [[], [1], [1]]


def test_two_sure_detections_in_three_frames_are_enough() -> None:
    assert ids(follow([sure(), unsure(), sure()])) == [[], [], [1]]


def test_two_sure_detections_in_four_frames_are_not() -> None:
    assert ids(follow([sure(), unsure(), unsure(), sure(), unsure()])) == [[], [], [], [], []]


def test_an_unsure_detection_begins_nothing() -> None:
    assert ids(follow([unsure()] * 5)) == [[]] * 5


def test_a_shown_object_lives_on_unsure_detections() -> None:
    shown = follow([sure(), sure(), *[unsure()] * 20])
    assert ids(shown)[1:] == [[1]] * 21
    assert not any(each.held.any() for each in shown)
    assert shown[-1].scores.tolist() == pytest.approx([0.3])


def test_an_object_that_has_long_not_been_sure_is_hidden() -> None:
    shown = follow([sure(), sure(), *[unsure()] * 60])
    assert [bool(each) for each in ids(shown)] == [False] + [True] * (1 + round(UNSURE_S * FPS)) + [False] * 30


@pytest.mark.parametrize("fps", [5, 10, 30])
def test_a_missed_object_is_held_for_a_time_not_for_a_number_of_frames(fps) -> None:
    shown = follow([sure(), sure(), *[()] * (2 * fps)], fps=fps)
    held = [each for each in shown if each.held.any()]
    assert len(held) == round(HOLD_S * fps)
    assert [each.scores.tolist() for each in held] == [pytest.approx([0.8])] * len(held)


def test_at_the_edge_of_the_picture_it_is_held_for_less() -> None:
    leaving = (580.0, 200.0, 640.0, 280.0)
    shown = follow([sure(leaving), sure(leaving), *[()] * 20])
    assert sum(each.held.any() for each in shown) == round(HOLD_AT_EDGE_S * FPS)


def test_an_object_that_comes_back_soon_is_the_same() -> None:
    gap = [()] * round((FORGET_S - 0.5) * FPS)
    assert ids(follow([sure(), sure(), *gap, sure()]))[-1] == [1]


def test_an_object_that_comes_back_late_is_another_one() -> None:
    gap = [()] * round((FORGET_S + 0.5) * FPS)
    assert ids(follow([sure(), sure(), *gap, sure(), sure()]))[-1] == [2]


def test_a_walker_keeps_its_number_through_misses_at_any_rate() -> None:
    for fps in (30, 10, 4):
        frames = [sure(walking(n, step=60 / fps)) if n % 4 else () for n in range(5 * fps)]
        shown = follow(frames, fps=fps)
        assert {one for each in ids(shown) for one in each} == {1}, fps


def test_a_held_walker_is_shown_where_it_is_expected() -> None:
    shown = follow([*(sure(walking(n)) for n in range(20)), ()])
    assert shown[-1].held.tolist() == [True]
    assert shown[-1].boxes[0, 0] == pytest.approx(walking(20)[0], abs=3)


def test_the_box_of_a_runner_who_turns_is_near_where_it_was_found_also_at_a_low_rate() -> None:
    lefts = [*range(40, 400, 30), *range(400, 40, -30)]
    found = [(float(left), 200.0, left + 80.0, 280.0) for left in lefts]
    shown = follow([sure(box) for box in found], fps=4)
    lag = [np.abs(each.boxes[0] - box).max() for each, box in zip(shown[1:], found[1:], strict=True)]
    assert max(lag) <= LARGEST_LAG * 81


def test_two_that_cross_keep_their_numbers() -> None:
    frames = [
        (
            ((20.0 + 12 * n, 100.0, 70.0 + 12 * n, 200.0), 0.9, 0),
            ((560.0 - 12 * n, 160.0, 620.0 - 12 * n, 280.0), 0.8, 0),
        )
        for n in range(45)
    ]
    shown = follow(frames)
    places = [dict(zip(each.track_ids.tolist(), each.boxes[:, 1].tolist(), strict=True)) for each in shown[1:]]
    assert {one for each in places for one in each} == {1, 2}
    assert all(each[1] == pytest.approx(100, abs=15) for each in places)


def test_the_label_is_what_most_detections_say() -> None:
    flips = [sure(class_id=1 if n in (4, 7, 8) else 0) for n in range(12)]
    shown = follow(flips)
    assert ids(shown)[1:] == [[1]] * 11
    assert {label for each in shown for label in each.class_ids.tolist()} == {0}


@pytest.mark.parametrize("fps", [4, 10, 30])
def test_a_label_changes_after_a_time_not_after_a_number_of_frames(fps) -> None:
    """The classes are confused from the beginning, so it stays one object."""
    frames = [sure(class_id=n % 4 == 3) for n in range(4 * fps)] + [sure(class_id=1)] * 3 * fps
    shown = follow(frames, fps=fps)
    assert {one for each in ids(shown) for one in each} == {1}
    change_s = [each.class_ids.tolist() for each in shown].index([1], 4 * fps) / fps - 4
    assert change_s == pytest.approx(0.8, abs=0.35)


@pytest.mark.parametrize("fps", [4, 10, 30])
@pytest.mark.parametrize("mistaken_s", [0.1, 0.5])
def test_a_cat_that_is_taken_for_a_dog_now_and_then_is_one_object(fps, mistaken_s) -> None:
    frames = [sure(class_id=(n / fps) % 2 > 2 - mistaken_s) for n in range(20 * fps)]
    shown = follow(frames, fps=fps)
    assert {one for each in ids(shown) for one in each} == {1}
    assert {one for each in shown for one in each.class_ids.tolist()} == {0}


def test_a_cat_that_is_taken_for_a_dog_ever_longer_is_one_object() -> None:
    """Where the detector confuses two classes, the label follows the votes, and the object stays one."""
    frames = [sure(class_id=n % 10 < share) for share in range(11) for n in range(30)]
    shown = follow(frames)
    assert {one for each in ids(shown) for one in each} == {1}
    assert shown[-1].class_ids.tolist() == [1]


def test_what_is_called_something_new_for_long_is_another_object() -> None:
    """As after a cut in a film, or a chair from which somebody has risen."""
    tracker = Tracker()
    shown = follow([*[sure()] * 20, *[sure(class_id=2)] * 10], tracker=tracker)
    assert ids(shown)[1:20] == [[1]] * 19
    assert not any(2 in each.class_ids[~each.held] for each in shown[:28])
    assert [each.track_ids[~each.held].tolist() for each in shown[20:]] == [[]] * 8 + [[2]] * 2
    assert all(each.class_ids.tolist() == [0] for each in shown[20:27])
    assert tracker.known == {2}


def test_noise_of_the_old_class_does_not_keep_an_object_that_has_gone() -> None:
    noise = (CAT, 0.2, 0)
    shown = follow([*[sure()] * 20, *[((CAT, 0.8, 2), noise)] * 20])
    assert (shown[-1].track_ids.tolist(), shown[-1].class_ids.tolist()) == ([2], [2])


def test_a_weak_detection_of_the_old_class_keeps_it_one_object() -> None:
    shown = follow([*[sure()] * 20, *[((CAT, 0.6, 2), (CAT, 0.3, 0))] * 20])
    assert {one for each in ids(shown) for one in each} == {1}


def test_a_parked_car_before_which_somebody_stands_is_the_same_afterwards() -> None:
    before = (110.0, 290.0, 250.0, 400.0)
    shown = follow([*parked(8), *[sure(before, 0)] * 4 * FPS, *parked(2)])
    assert shown[-1].class_ids.tolist() == [2]
    assert shown[-1].track_ids.tolist() == [1]


def test_what_is_called_something_else_after_its_first_moments_is_one_object() -> None:
    shown = follow([*[sure()] * 4, *[sure(class_id=1)] * 20])
    assert {one for each in ids(shown) for one in each} == {1}
    assert shown[-1].class_ids.tolist() == [1]


def test_a_second_box_on_the_same_object_is_no_second_object() -> None:
    beside = (310.0, 205.0, 372.0, 286.0)
    shown = follow([(*sure(), (beside, 0.7, 0), (CAT, 0.6, 1))] * 6)
    assert ids(shown)[1:] == [[1]] * 5


def test_other_classes_beside_each_other_are_two_objects() -> None:
    behind = (320.0, 150.0, 420.0, 300.0)
    shown = follow([(*sure(), (behind, 0.7, 1))] * 4)
    assert ids(shown)[1:] == [[1, 2]] * 3


def parked(seconds: float) -> list[tuple[Found, ...]]:
    return [sure((100.0, 300.0, 260.0, 400.0), 2)] * round(seconds * FPS)


def test_an_object_that_rests_is_stationary_and_one_that_moves_is_not() -> None:
    tracker = Tracker()
    follow(parked(STATIONARY_S + 1), tracker=tracker)
    assert tracker.stationary == {1}
    mover = Tracker()
    follow([sure(walking(n)) for n in range(90)], tracker=mover)
    assert (mover.known, mover.stationary) == ({1}, frozenset())


def test_a_parked_car_is_the_same_after_a_minute_of_darkness_and_moves_at_last() -> None:
    """Headlights flood one second, every fifth detection is missed, and scores fall at dusk."""
    rng = np.random.default_rng(3)
    day = [frame if rng.random() > 0.2 else () for frame in parked(20)]
    headlights = [((0.0, 0.0, 640.0, 480.0), 0.6, 2)]
    dusk = [(((100.0, 300.0, 260.0, 400.0), score, 2),) for score in np.linspace(0.8, 0.3, 50)]
    dark = [()] * (60 * FPS)
    tracker = Tracker()
    follow([*day, *[tuple(headlights)] * FPS, *dusk, *dark, *parked(5)], tracker=tracker)
    assert 1 in tracker.stationary
    leaving = [sure((100.0 + 10 * n, 300.0, 260.0 + 10 * n, 400.0), 2) for n in range(20)]
    start_ns = 200 * 10**9
    for number, found in enumerate(leaving):
        tracker.update(detections(*found), start_ns + number * 10**8, START, SIZE)
    assert 1 in tracker.known - tracker.stationary


def test_a_person_where_a_car_was_is_not_that_car() -> None:
    gap = [()] * round(2 * FORGET_S * FPS)
    person = [sure((100.0, 300.0, 260.0, 400.0), 0)] * 3
    assert ids(follow([*parked(8), *gap, *person]))[-1] == [2]


def test_a_clock_that_goes_back_or_far_ahead_changes_nothing() -> None:
    tracker = Tracker()
    for moment_s in (10, 10.1, 9.0, 9.1, 9.2):
        shown = tracker.update(detections(*sure()), round(moment_s * 1e9), START, SIZE)
    assert shown.track_ids.tolist() == [1]
    later = tracker.update(detections(*sure()), 10**18, START, SIZE)
    assert np.isfinite(later.boxes).all()


def test_boxes_stay_within_the_picture() -> None:
    frames = [sure((560.0 + 10 * n, 200.0, 620.0 + 10 * n, 280.0)) for n in range(3)]
    shown = follow([*frames, *[()] * 4])
    assert all((each.boxes >= 0).all() and (each.boxes <= [640, 480, 640, 480]).all() for each in shown)


def test_a_model_with_other_classes_begins_anew() -> None:
    tracker = Tracker()
    follow([sure()] * 3, tracker=tracker)
    other = Detections.empty(("bird",))
    assert len(tracker.update(other, 10**9, np.full(1, 0.5, np.float32), SIZE)) == 0
    assert tracker.known == frozenset()


def test_the_best_pairs_are_taken_first() -> None:
    weights = np.array([[0.9, 0.8], [0.85, 0.1], [0.0, 0.0]])
    rows, columns = module.best_pairs(weights)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 0), (1, 1)]


PARKED: Box = (100.0, 150.0, 300.0, 350.0)


def test_a_child_before_its_mother_who_stands_still_is_somebody_else() -> None:
    mother, child = sure(PARKED), sure((150.0, 210.0, 220.0, 340.0))
    shown = follow([mother] * 80 + [mother + child] * 10)
    assert len(shown[-1]) == 2


def test_two_detections_of_another_class_far_apart_are_no_other_object() -> None:
    frames = [sure(walking(number)) for number in range(60)]
    frames[40], frames[50] = sure(walking(40), class_id=1), sure(walking(50), class_id=1)
    frames[41:50] = [()] * 9
    assert {id_ for each in ids(follow(frames)) for id_ in each} == {1}


@pytest.mark.parametrize("fps", [1, 4, 15])
def test_a_parked_car_that_is_called_a_truck_at_night_is_one_object(fps) -> None:
    seconds = fps * 20
    frames = [sure(PARKED, class_id=2)] * seconds + [sure(PARKED, class_id=1)] * seconds
    shown = follow(frames * 2, fps=fps)
    assert {id_ for each in ids(shown) for id_ in each} == {1}


def test_two_wrong_frames_in_a_row_at_two_frames_a_second_are_no_other_object() -> None:
    frames = [sure()] * 8 + [sure(class_id=1)] * 2 + [sure()] * 4
    assert {id_ for each in ids(follow(frames, fps=2)) for id_ in each} == {1}


def carried(tracker: Tracker, first_s: float, last_s: float) -> list[Detections]:
    """What is shown of frames that look like the one before, one after the other."""
    moments = np.arange(round(first_s * FPS), round(last_s * FPS)) / FPS
    return [tracker.carry_on(round(moment_s * 1e9), START, SIZE) for moment_s in moments]


def test_in_frames_that_look_the_same_an_object_stays_and_comes_to_rest() -> None:
    tracker = Tracker()
    *_, before = follow([sure()] * 3, tracker=tracker)
    shown = carried(tracker, 0.3, STATIONARY_S + 1)
    assert ids(shown) == [[1]] * len(shown)
    assert not any(each.held.any() for each in shown)
    assert all(np.array_equal(each.boxes, before.boxes) for each in shown)
    assert tracker.stationary == {1}


def test_what_was_found_once_is_not_found_again_in_frames_that_look_the_same() -> None:
    """A detector that errs on one frame errs on all that look like it."""
    tracker = Tracker()
    follow([sure()], tracker=tracker)
    assert ids(carried(tracker, 0.1, 1.0)) == [[]] * 9


def test_what_is_held_ends_in_time_in_frames_that_look_the_same() -> None:
    tracker = Tracker()
    follow([sure()] * 3 + [()], tracker=tracker)
    shown = carried(tracker, 0.4, 0.4 + FORGET_S + 0.2)
    held_frames = round((0.2 + HOLD_S - 0.4) * FPS) + 1
    assert ids(shown) == [[1]] * held_frames + [[]] * (len(shown) - held_frames)
    assert tracker.known == frozenset()


def test_a_track_goes_on_after_frames_that_look_the_same() -> None:
    tracker = Tracker()
    follow([sure()] * 3, tracker=tracker)
    carried(tracker, 0.3, 20.0)
    shown = tracker.update(detections(*sure()), round(20e9), START, SIZE)
    assert shown.track_ids.tolist() == [1]


def test_tracks_go_on_with_a_model_that_numbers_its_classes_otherwise() -> None:
    tracker = Tracker()
    dog: Found = ((20.0, 20.0, 80.0, 90.0), 0.9, 1)
    before = follow([(*sure(), dog)] * 5, tracker=tracker)[-1]
    tracker.translate(LABELS, ("horse", "bird", "cat", "cow"))
    other = detections((CAT, 0.8, 2))
    other = Detections(other.boxes, other.scores, other.class_ids, ("horse", "bird", "cat", "cow"))
    after = tracker.update(other, 5 * 10**8, np.full(4, 0.5, np.float32), SIZE)
    assert [(each.track_id, each.label) for each in before] == [(2, "dog"), (1, "cat")]
    assert [(each.track_id, each.label) for each in after] == [(1, "cat")]  # nobody can say "dog" any more
    assert tracker.known == {1}


def test_a_tracker_that_has_seen_nothing_can_be_translated() -> None:
    tracker = Tracker()
    tracker.translate((), LABELS)
    assert ids(follow([sure()] * 3, tracker=tracker))[-1] == [1]
