"""What happens at zones and lines, with a clock of whole numbers: each look says its time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.hours import Hours
from edge_detector.track.places import Line, Places, Zone
from edge_detector.track.zones import Happening, Observed, PlaceWatch

SIZE = (1000, 1000)
WIDTH, HEIGHT = 100, 100  # of a box: it trembles by up to 10 pixels at a line, 5 at a zone's edge
DOOR = Zone("door", ((0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)))
GATE = Line("gate", ((0.5, 0.9), (0.5, 0.1)))  # upward in the middle: who walks to the right comes in
IN, OUT = (300.0, 500.0), (700.0, 500.0)  # left and right of the gate
STEP_S = 0.1


def standing_at(x: float, y: float, *, track_id: int = 1, label: str = "person", held: bool = False) -> Observed:
    """An object whose box has its lower middle there."""
    return Observed(track_id, label, (x - WIDTH / 2, y - HEIGHT, x + WIDTH / 2, y), held)


def walk(watch: PlaceWatch, points: Iterable[tuple[float, float]], *, start: int = 0, **what: object) -> list[str]:
    """What happens to one object that is seen at ``points``, ten times a second, in words."""
    happenings = []
    for number, (x, y) in enumerate(points, start=start):
        seen = standing_at(x, y, **what)  # type: ignore[arg-type]
        happenings += watch.update([seen], int(number * STEP_S * 1e9), SIZE)
    return [f"{each.kind} {each.direction}".strip() for each in happenings]


def zones(*zone: Zone) -> PlaceWatch:
    return PlaceWatch(Places(zones=zone))


def lines(*line: Line) -> PlaceWatch:
    return PlaceWatch(Places(lines=line))


INSIDE, OUTSIDE = (500.0, 500.0), (100.0, 500.0)

# Zones.


def test_an_object_enters_when_it_was_inside_for_half_a_second_and_leaves_likewise() -> None:
    watch = zones(DOOR)
    assert walk(watch, [OUTSIDE, *[INSIDE] * 5]) == []
    assert walk(watch, [INSIDE], start=6) == ["entered"]
    assert walk(watch, [*[INSIDE] * 9, *[OUTSIDE] * 5], start=7) == []
    assert walk(watch, [OUTSIDE], start=21) == ["left"]


def test_at_one_look_a_second_two_looks_are_enough_and_one_is_not() -> None:
    watch = zones(DOOR)
    looks = [watch.update([standing_at(*INSIDE)], second * 10**9, SIZE) for second in range(3)]
    assert looks == [[], [Happening(1, "entered", "door")], []]


def test_the_lower_middle_of_the_box_decides() -> None:
    tall = Observed(1, "person", (450, 100, 550, 590))
    above = Observed(2, "person", (450, 300, 550, 390))
    below = Observed(3, "person", (450, 410, 550, 700))
    watch = zones(DOOR)
    looks = [watch.update([tall, above, below], second * 10**9, SIZE) for second in range(2)]
    assert looks[1] == [Happening(1, "entered", "door")]


def test_the_edge_of_the_picture_belongs_to_a_zone_that_reaches_it() -> None:
    watch = zones(replace(DOOR, polygon=((0, 0.5), (1, 0.5), (1, 1), (0, 1))))
    assert walk(watch, [(500, 1000)] * 6) == ["entered"]


@given(st.lists(st.floats(-5, 5), min_size=30, max_size=30))
def test_an_object_that_trembles_on_the_edge_enters_once_at_most(jitter) -> None:
    watch = zones(DOOR)
    happened = walk(watch, [*[INSIDE] * 6, *((400 + offset, 500) for offset in jitter)])
    assert happened == ["entered"]


def test_an_object_that_sways_slowly_over_the_edge_enters_once_and_leaves_once_it_goes_farther() -> None:
    watch = zones(DOOR)
    assert walk(watch, ([(404, 500)] * 10 + [(396, 500)] * 10) * 3) == ["entered"]
    assert walk(watch, [(394, 500)] * 10, start=60) == ["left"]


@given(st.sets(st.integers(6, 60)), st.booleans())
def test_looks_that_last_less_than_half_a_second_count_for_nothing(flickers, at_first_inside) -> None:
    usual, other = (INSIDE, OUTSIDE) if at_first_inside else (OUTSIDE, INSIDE)
    single = {number for number in flickers if number % 6 < 4}  # four in a row at most, then the truth
    happened = walk(zones(DOOR), [other if number in single else usual for number in range(70)])
    assert happened == (["entered"] if at_first_inside else [])


def test_a_stay_is_said_once_after_the_dwell_time_and_again_at_the_next() -> None:
    watch = zones(replace(DOOR, dwell=2.0))
    assert walk(watch, [INSIDE] * 20) == ["entered"]
    assert walk(watch, [INSIDE] * 30, start=20) == ["stayed"]
    assert walk(watch, [OUTSIDE] * 6 + [INSIDE] * 40, start=50) == ["left", "entered", "stayed"]


def test_held_positions_count_for_nothing() -> None:
    watch = zones(replace(DOOR, dwell=2.0))
    assert walk(watch, [INSIDE] * 30, held=True) == []
    assert walk(watch, [INSIDE] * 10, start=30) == ["entered"]
    assert walk(watch, [OUTSIDE] * 30, start=40, held=True) == []
    assert watch.seconds_in(1) == {"door": pytest.approx(0.9)}


def test_the_seconds_are_of_all_stays_together() -> None:
    watch = zones(DOOR, replace(DOOR, name="never", classes=("dog",)))
    walk(watch, [INSIDE] * 11 + [OUTSIDE] * 10 + [INSIDE] * 21)
    assert watch.seconds_in(1) == {"door": pytest.approx(1.0 + 2.0)}
    assert watch.seconds_in(2) == {}


def test_who_is_forgotten_leaves_once() -> None:
    watch = zones(DOOR)
    walk(watch, [INSIDE] * 6)
    assert watch.forget(1) == [Happening(1, "left", "door")]
    assert watch.forget(1) == []
    assert watch.seconds_in(1) == {}


def test_who_passes_from_one_zone_to_another_leaves_before_entering() -> None:
    beside = replace(DOOR, name="beside", polygon=((0.0, 0.4), (0.2, 0.4), (0.2, 0.6), (0.0, 0.6)))
    assert walk(zones(beside, DOOR), [INSIDE] * 6 + [OUTSIDE] * 6) == ["entered", "left", "entered"]


def test_only_the_classes_of_the_zone_count_but_a_label_that_flips_inside_is_no_leaving() -> None:
    watch = zones(replace(DOOR, classes=("cat",)))
    assert walk(watch, [INSIDE] * 10, label="dog") == []
    assert walk(watch, [INSIDE] * 10, start=10, label="cat") == ["entered"]
    assert walk(watch, [INSIDE] * 10, start=20, label="dog") == []


def test_an_object_that_is_too_small_does_not_count() -> None:
    assert walk(zones(replace(DOOR, min_size=0.101)), [INSIDE] * 10) == []
    assert walk(zones(replace(DOOR, min_size=0.1)), [INSIDE] * 10) == ["entered"]


def test_a_zone_is_empty_outside_its_hours() -> None:
    clock = [datetime(2026, 3, 1, 21, 59)]
    night = replace(DOOR, hours=Hours.parse("22:00-06:00"))
    watch = PlaceWatch(Places((night,)), now=lambda: clock[0])
    assert walk(watch, [INSIDE] * 10) == []
    clock[0] = datetime(2026, 3, 1, 22, 0)
    assert walk(watch, [INSIDE] * 10, start=10) == ["entered"]
    clock[0] = datetime(2026, 3, 2, 6, 0)
    assert walk(watch, [INSIDE] * 10, start=20) == ["left"]


# Lines.


def test_a_crossing_has_the_word_of_its_direction() -> None:
    watch = lines(GATE)
    assert walk(watch, [IN] * 3 + [OUT] * 3 + [IN] * 3) == ["crossed in", "crossed out"]
    backward = replace(GATE, points=GATE.points[::-1], directions=("west", "east"))
    assert walk(lines(backward), [IN] * 3 + [OUT] * 3 + [IN] * 3) == ["crossed east", "crossed west"]


def test_only_one_direction_counts_if_the_line_says_so() -> None:
    watch = lines(replace(GATE, only="out"))
    assert walk(watch, [IN] * 3 + [OUT] * 3 + [IN] * 3) == ["crossed out"]


def test_who_walks_past_the_end_of_the_line_does_not_cross_it() -> None:
    assert walk(lines(GATE), [(300, 950)] * 3 + [(700, 950)] * 3) == []
    assert walk(lines(GATE), [(300, 850)] * 3 + [(700, 850)] * 3) == ["crossed in"]


def test_who_walks_along_the_line_and_then_round_its_end_does_not_cross_it() -> None:
    along = [(495.0, float(y)) for y in range(500, 960, 20)]
    assert walk(lines(GATE), [IN] * 3 + along + [(520.0, 950.0), (600.0, 700.0), (700.0, 500.0)] + [OUT] * 3) == []


@given(st.sets(st.integers(0, 60)), st.booleans())
def test_one_flicker_never_counts_a_crossing_in_either_direction(numbers, from_left) -> None:
    usual, other = (IN, OUT) if from_left else (OUT, IN)
    flickers = {number for number in numbers if number % 3 == 0}  # never two in a row
    assert walk(lines(GATE), [other if number in flickers else usual for number in range(70)]) == []


def test_a_flicker_of_three_pictures_of_a_fast_camera_counts_nothing() -> None:
    watch = lines(GATE)
    for number in range(30):
        seen = standing_at(*(OUT if 10 <= number < 13 else IN))
        assert watch.update([seen], number * 10**9 // 30, SIZE) == []


@given(st.floats(0.0, 0.2), st.integers(1, 40))
def test_a_flicker_at_any_rate_counts_nothing(step_s, at) -> None:
    watch = lines(GATE)
    for number in range(50):
        happened = watch.update([standing_at(*(OUT if number == at else IN))], int(number * step_s * 1e9), SIZE)
        assert happened == []


@given(st.lists(st.floats(-10, 10), max_size=40), st.booleans())
def test_trembling_on_the_line_counts_a_crossing_once_and_a_turning_back_not_at_all(jitter, through) -> None:
    on_the_line = [(500 + offset, 500) for offset in jitter]
    happened = walk(lines(GATE), [IN] * 3 + on_the_line + [OUT if through else IN] * 5)
    assert happened == (["crossed in"] if through else [])


@pytest.mark.parametrize("step", [5, 20, 100])
def test_slow_and_fast_walkers_are_counted_once(step) -> None:
    assert walk(lines(GATE), [(float(x), 500.0) for x in range(200, 801, step)]) == ["crossed in"]


def test_a_held_position_on_the_other_side_is_no_crossing() -> None:
    watch = lines(GATE)
    assert walk(watch, [IN] * 3) + walk(watch, [OUT] * 9, start=3, held=True) == []
    assert walk(watch, [OUT] * 3, start=12) == ["crossed in"]


def test_a_line_counts_its_classes_and_hours_and_sizes_only() -> None:
    crossing = [IN] * 3 + [OUT] * 3
    assert walk(lines(replace(GATE, classes=("dog",))), crossing) == []
    assert walk(lines(replace(GATE, min_size=0.2)), crossing) == []
    closed = PlaceWatch(
        Places(lines=(replace(GATE, hours=Hours.parse("22:00-06:00")),)), now=lambda: datetime(2026, 3, 1, 12)
    )
    assert walk(closed, crossing) == []


# Changes.


def test_a_place_that_stays_the_same_keeps_who_is_there() -> None:
    bed = replace(DOOR, name="bed")
    watch = zones(DOOR, bed)
    walk(watch, [INSIDE] * 6)
    moved = replace(bed, polygon=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)))
    assert watch.replace(Places((DOOR, moved), (GATE,))) == [Happening(1, "left", "bed")]
    assert watch.seconds_in(1) == {"door": pytest.approx(0.5)}
    assert walk(watch, [INSIDE] * 9, start=6) == ["entered"]  # the bed, which is another now


def test_who_is_in_a_zone_stays_there_while_its_other_values_change() -> None:
    watch = zones(DOOR)
    walk(watch, [INSIDE] * 6)
    assert watch.replace(Places((replace(DOOR, dwell=2.0, classes=("dog",)),))) == []
    assert walk(watch, [INSIDE] * 20, start=6) == ["stayed"]
    assert walk(watch, [INSIDE] * 9, start=30, track_id=2) == []  # no dog


def test_a_line_knows_who_comes_from_where_while_its_other_values_change() -> None:
    watch = lines(GATE)
    walk(watch, [IN] * 3)
    watch.replace(Places(lines=(replace(GATE, directions=("west", "east")),)))
    assert walk(watch, [OUT] * 3, start=3) == ["crossed west"]
    watch.replace(Places(lines=(replace(GATE, points=((0.4, 0.9), (0.4, 0.1))),)))
    assert walk(watch, [IN] * 3, start=6) == []  # another line, which it was first found left of


def test_a_line_with_the_name_of_a_zone_is_another_place() -> None:
    watch = zones(DOOR)
    walk(watch, [INSIDE] * 6)
    assert watch.replace(Places(lines=(replace(GATE, name="door"),))) == [Happening(1, "left", "door")]


def test_without_places_nothing_happens() -> None:
    watch = PlaceWatch(Places())
    assert watch.update([standing_at(*INSIDE)], 0, SIZE) == []
    assert zones(DOOR).update([], 0, SIZE) == []
