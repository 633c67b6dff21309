"""Frames that are prepared while the model is busy: a camera, a model and a clock without threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count, islice

import pytest

from edge_detector.errors import PictureError
from edge_detector.running.in_time import InTime, Waiting
from edge_detector.types import Frame
from tests import make

PERIOD_S = 0.033
KNOWN = 3  # inferences after which the forecast is asked for


class Run:
    """A camera of 30 frames a second and a model that works for ``work_s``; it takes the newest frame."""

    def __init__(self, *, work_s: float, damaged: int = -1, unless: bool = False) -> None:
        self.now_s = 0.0
        self.prepared: list[int] = []  # frames, as often as they are prepared
        self.taken: list[tuple[int, bool]] = []  # frames, and whether they were ready when the model took them
        self.errors = 0
        self._work_s = work_s
        self._free_s = 0.0
        self._damaged = damaged
        self._newest: Waiting[str] | None = None
        self.in_time = InTime(self._prepare, unless=lambda: unless, clock=lambda: self.now_s)
        self._captured = self.in_time.waiting(self._frames())
        self._worked = self.in_time.timed(self._takes())

    def frames(self, number: int) -> None:
        """So many frames come."""
        for waiting in islice(self._captured, number):
            self._newest = waiting
            self._take(self.now_s)

    def _frames(self) -> Iterator[Frame]:
        for sequence in count():
            due_s = sequence * PERIOD_S
            self._take(due_s)  # before it comes, the model may have become free
            self.now_s = due_s
            yield make.frame(sequence)

    def _take(self, until_s: float) -> None:
        if self._newest is not None and self._free_s <= until_s:
            self.now_s = max(self.now_s, self._free_s)
            next(self._worked)
            self._free_s = self.now_s + self._work_s

    def _takes(self) -> Iterator[str]:
        while True:
            waiting, self._newest = self._newest, None
            assert waiting is not None
            self.taken.append((waiting.sequence, waiting.made is not None))
            try:
                made = self.in_time.ready(waiting)
            except PictureError:
                self.errors += 1
                made = ""
            yield made

    def _prepare(self, frame: Frame) -> str:
        self.prepared.append(frame.sequence)
        if frame.sequence == self._damaged:
            raise PictureError("damaged")
        return f"made of {frame.sequence}"


@pytest.mark.parametrize("work_s", [0.04, 0.095, 0.5])
def test_the_frame_that_a_slow_model_takes_is_ready_and_no_other_is_prepared(work_s: float) -> None:
    run = Run(work_s=work_s)
    run.frames(300)
    assert all(ready for _, ready in run.taken[KNOWN:])
    assert len(run.taken) > KNOWN
    assert set(run.prepared) - {run.prepared[-1]} <= {sequence for sequence, _ in run.taken}  # the last may still wait
    assert len(set(run.prepared)) == len(run.prepared)


def test_a_model_that_is_faster_than_the_camera_waits_for_nothing_and_nothing_is_made_twice() -> None:
    run = Run(work_s=0.01)
    run.frames(100)
    assert [sequence for sequence, _ in run.taken] == run.prepared == list(range(100))


def test_nothing_is_prepared_that_might_be_dropped_where_that_matters() -> None:
    run = Run(work_s=0.095, unless=True)
    run.frames(100)
    assert not any(ready for _, ready in run.taken)


def test_a_damaged_picture_is_told_to_who_takes_it() -> None:
    run = Run(work_s=0.095)
    run.frames(60)
    sequence, _ = run.taken[-1]
    damaged = Run(work_s=0.095, damaged=sequence)
    damaged.frames(60)
    assert damaged.errors == 1


def test_a_frame_that_is_being_prepared_is_waited_for_and_not_prepared_twice() -> None:
    started, go_on, prepared = threading.Event(), threading.Event(), []

    def prepare(frame: Frame) -> str:
        started.set()
        go_on.wait(10)
        prepared.append(frame.sequence)
        return "made"

    in_time = InTime(prepare)
    waiting = Waiting[str](make.frame(7))
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(in_time.ready(waiting))) for _ in range(2)]
    threads[0].start()
    assert started.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert (made, prepared) == (["made", "made"], [7])
