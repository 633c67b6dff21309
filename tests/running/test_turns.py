"""Whose frame is next: fairness, minimum rates, silence and ends, with queues that the test fills itself."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from edge_detector.errors import SourceError
from edge_detector.prefetch import Prefetch
from edge_detector.running import turns
from edge_detector.running.turns import Line, Turns
from tests import make


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Cameras:
    """Cameras whose frames the test puts into their queues by hand, and the turns that they get."""

    def __init__(self, *names: str, live: bool = True, lost: str = "", **min_fps: float) -> None:
        self.clock = Clock()
        changed = threading.Condition()
        frames = {name: Prefetch([], name=name, live=live, changed=changed) for name in names}
        self.queues = {name: each.queue for name, each in frames.items()}
        self.lines = [
            Line(name, each, 5.0, min_fps=min_fps.get(name, 0.0), lost=lambda: lost, clock=self.clock)
            for name, each in frames.items()
        ]
        self.turns = Turns(self.lines, changed=changed, clock=self.clock)

    def put(self, *names: str) -> None:
        for name in names:
            self.queues[name].put(name)  # type: ignore[arg-type]  # the camera's name stands for its frame

    def took(self, number: int) -> list[str]:
        return [next(self.turns) for _ in range(number)]


def test_the_frame_that_has_waited_longest_is_next() -> None:
    cameras = Cameras("a", "b", "c")
    cameras.put("b", "c", "a")
    assert cameras.took(3) == ["b", "c", "a"]


def test_a_newer_frame_takes_over_the_place_of_the_older_one() -> None:
    cameras = Cameras("a", "b")
    cameras.put("a", "b", "a", "a")
    assert cameras.took(2) == ["a", "b"]
    assert (cameras.turns.produced, cameras.turns.dropped) == (4, 2)


def test_no_camera_starves_however_fast_the_others_are() -> None:
    cameras = Cameras("a", "b", "c")
    cameras.put("a", "b", "c")
    seen: Counter[str] = Counter()
    for _ in range(30):
        seen[next(cameras.turns)] += 1
        cameras.put("c", "b", "a", "b", "c")  # each has a new frame by the next turn, and c always has the newest
    assert seen == {"a": 10, "b": 10, "c": 10}


def test_frames_that_come_soon_after_a_turn_bring_no_further_one_before_the_others() -> None:
    cameras = Cameras("soon", "b", "late")
    cameras.put("soon", "b")
    cameras.clock.now_s += 0.1
    assert cameras.took(1) == ["soon"]
    cameras.put("soon", "late")
    assert cameras.took(3) == ["b", "late", "soon"]


def test_a_camera_without_a_frame_never_holds_up_the_others() -> None:
    cameras = Cameras("a", "silent")
    for _ in range(5):
        cameras.put("a")
        assert cameras.took(1) == ["a"]


def test_a_film_loses_nothing_and_films_take_turns() -> None:
    cameras = Cameras("a", "b", live=False)
    cameras.put("a", "a", "a", "b", "b")
    assert cameras.took(5) == ["a", "b", "a", "b", "a"]
    assert cameras.turns.dropped == 0


def test_a_minimum_rate_goes_first_but_not_twice_in_a_row() -> None:
    cameras = Cameras("a", "b", "porch", porch=4.0)
    taken = []
    cameras.put("a", "b", "porch")
    for _ in range(40):  # ten turns a second: an equal share would be 3.3 a second
        cameras.clock.now_s += 0.1
        taken.append(next(cameras.turns))
        cameras.put("a", "b", "porch")
    assert Counter(taken)["porch"] in (16, 17)
    assert min(Counter(taken)["a"], Counter(taken)["b"]) >= 11
    assert "porch porch" not in " ".join(taken)


def test_a_minimum_beyond_the_models_rate_leaves_the_others_half_of_it() -> None:
    cameras = Cameras("a", "b", "porch", porch=1000.0)
    taken = []
    cameras.put("a", "b", "porch")
    for _ in range(40):
        cameras.clock.now_s += 0.1
        taken.append(next(cameras.turns))
        cameras.put("a", "b", "porch")
    assert Counter(taken)["porch"] <= 24
    assert min(Counter(taken)["a"], Counter(taken)["b"]) >= 8


def test_silence_is_said_once_and_its_end_once(caplog) -> None:
    cameras = Cameras("a", "b")
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            cameras.clock.now_s += 1.0
            cameras.put("a")
            cameras.took(1)
        assert caplog.messages == ["camera b: no frame for 7 s"]
        assert [line.silent_s for line in cameras.lines] == [None, 20.0]
        cameras.put("b")
        cameras.took(1)
    assert caplog.messages[1:] == ["camera b: frames come again"]
    assert [line.silent_s for line in cameras.lines] == [None, None]


def test_all_lost_is_an_error_that_names_each(monkeypatch) -> None:
    monkeypatch.setattr(turns, "LOOK_S", 0.001)
    cameras = Cameras("a", "b", lost="unplugged")
    cameras.clock.now_s = 7.0
    with pytest.raises(SourceError, match=r"all cameras are lost: a: unplugged; b: unplugged"):
        next(cameras.turns)


def failing() -> Iterator[object]:
    yield make.frame(0)
    raise SourceError("damaged")


def of_films(**films: Iterable[object]) -> Turns:
    changed = threading.Condition()
    lines = [Line(name, Prefetch(film, name=name, live=False, changed=changed), 5.0) for name, film in films.items()]
    return Turns(lines, changed=changed)


def test_the_end_comes_when_all_have_ended() -> None:
    with of_films(a=[make.frame(n) for n in range(3)], b=[make.frame(n) for n in range(10)]) as taken:
        assert Counter(frame.sequence for frame in taken) == Counter([*range(3), *range(10)])


def test_a_film_that_fails_lets_the_others_end_and_is_an_error_then(caplog) -> None:
    frames: list[object] = []
    with (
        of_films(a=failing(), b=[make.frame(n) for n in range(50)]) as taken,
        pytest.raises(SourceError, match=r"^camera a: damaged$"),
    ):
        frames.extend(taken)
    assert len(frames) == 51
    assert [record.message for record in caplog.records] == ["camera a: damaged; the others go on"]


def test_what_is_no_error_of_a_source_ends_all() -> None:
    def broken() -> Iterator[object]:
        raise ZeroDivisionError
        yield

    with of_films(a=broken(), b=[make.frame(n) for n in range(50)]) as taken, pytest.raises(ZeroDivisionError):
        list(taken)
