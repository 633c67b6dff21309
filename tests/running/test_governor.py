"""The governor on a simulated Raspberry Pi: heat flows in while the model works, and out through the heat sink."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterable, Iterator

import pytest

from edge_detector.config import Config
from edge_detector.detect import open_detector
from edge_detector.running.governor import LONGEST_REST_S, SLOWEST, STEP, Governor, levels
from tests.make import frame

THROTTLES_AT_C = 80.0  # a Raspberry Pi's firmware
INFERENCE_S = 0.1


class HotPi:
    """One thermal mass: C dT/dt = power - (T - ambient) / R. The constants are those of a Pi 4 without a heat sink
    as people measure it: 7 W at full load and 2.5 W idle, up to its limit in a few minutes."""

    cores = 4
    idle_w, work_w, resistance_k_per_w, capacity_j_per_k = 2.5, 4.5, 12.0, 15.0

    def __init__(self, ambient_c: float = 30.0) -> None:
        self.ambient_c = ambient_c
        self.temperature_c = 60.0
        self.hottest_c = self.temperature_c
        self.now_s = 0.0
        self.worked_s = 0.0
        self.threads = self.cores

    def use_threads(self, threads: int) -> None:
        self.threads = threads

    def work(self, seconds: float) -> None:
        self.worked_s += seconds
        self._pass(seconds * self.cores / self.threads, self.idle_w + self.work_w * self.threads / self.cores)

    def rest(self, seconds: float) -> None:
        self._pass(seconds, self.idle_w)

    def _pass(self, seconds: float, power_w: float) -> None:
        self.now_s += seconds
        lost_w = (self.temperature_c - self.ambient_c) / self.resistance_k_per_w
        self.temperature_c += (power_w - lost_w) * seconds / self.capacity_j_per_k
        self.hottest_c = max(self.hottest_c, self.temperature_c)


def governor_of(pi: HotPi, limit_c: float = THROTTLES_AT_C, **options) -> Governor:
    return Governor(limit_c, pi, temperature=lambda: pi.temperature_c, clock=lambda: pi.now_s, wait=pi.rest, **options)


def run(pi: HotPi, governor: Governor, seconds: float, frames: Iterable[int] | None = None) -> None:
    end_s = pi.now_s + seconds
    for _ in governor.pace(frames or itertools.count()):
        pi.work(INFERENCE_S)
        if pi.now_s >= end_s:
            return


def test_without_a_limit_this_pi_gets_hot_enough_to_throttle() -> None:
    pi = HotPi()
    run(pi, governor_of(pi, limit_c=0), 3600)
    assert pi.hottest_c > THROTTLES_AT_C + 20


@pytest.mark.parametrize("ambient_c", [10, 20, 30, 40])
def test_the_processor_never_reaches_the_temperature_at_which_the_firmware_throttles(ambient_c) -> None:
    pi = HotPi(ambient_c)
    run(pi, governor_of(pi), 7200)
    assert pi.hottest_c < THROTTLES_AT_C


def test_the_model_works_as_much_as_the_heat_sink_allows() -> None:
    pi = HotPi()
    governor = governor_of(pi)
    run(pi, governor, 3600)
    worked_s, start_s = pi.worked_s, pi.now_s
    run(pi, governor, 3600)
    share = (pi.worked_s - worked_s) / (pi.now_s - start_s)
    sustainable = ((THROTTLES_AT_C - pi.ambient_c) / pi.resistance_k_per_w - pi.idle_w) / pi.work_w
    assert 0.6 * sustainable < share < sustainable


def test_it_does_not_hunt(caplog) -> None:
    pi = HotPi()
    governor = governor_of(pi)
    run(pi, governor, 3600)
    with caplog.at_level(logging.INFO):
        caplog.clear()
        run(pi, governor, 3600)
    assert len(caplog.messages) <= 2


def test_on_a_cool_evening_it_works_fully_again(caplog) -> None:
    pi = HotPi()
    governor = governor_of(pi)
    with caplog.at_level(logging.INFO):
        run(pi, governor, 1800)
        hot = governor.level.share
        pi.ambient_c = -10
        run(pi, governor, 7200)
    assert (hot < 0.5, governor.level.share) == (True, 1.0)
    assert "lowered the model's work to" in caplog.messages[0]
    assert "raised the model's work to 4 threads, 100 %" in caplog.messages[-1]


def slow_camera(pi: HotPi) -> Iterator[int]:
    """A frame every 0.2 s: twice as long as inference takes."""
    for number in itertools.count():
        pi.rest(max(0.0, 2 * INFERENCE_S * number - pi.now_s))
        yield number


def test_a_model_that_waits_for_its_camera_is_slowed_down_at_once(caplog) -> None:
    pi = HotPi(ambient_c=40)
    governor = governor_of(pi)
    with caplog.at_level(logging.INFO):
        run(pi, governor, 7200, slow_camera(pi))
    assert pi.hottest_c < THROTTLES_AT_C
    assert int(re.findall(r"(\d+) % of the time", caplog.messages[0])[0]) < 50


def test_in_an_oven_the_model_still_works_a_little() -> None:
    pi = HotPi(ambient_c=85)
    governor = governor_of(pi)
    run(pi, governor, 3600)
    assert governor.level == (pi.cores, SLOWEST)


def test_a_rest_is_short_however_slow_the_model() -> None:
    rests: list[float] = []
    pi = HotPi(ambient_c=85)
    pi.temperature_c = 95.0
    governor = Governor(80, pi, temperature=lambda: 95.0, clock=lambda: pi.now_s, wait=rests.append)
    for _ in itertools.islice(governor.pace(itertools.count()), 20):
        pi.work(5.0)
    assert max(rests) == LONGEST_REST_S


def test_a_machine_that_does_not_tell_its_temperature_is_left_alone_and_says_so_once(caplog) -> None:
    rests: list[float] = []
    clock = itertools.count(step=100.0)
    governor = Governor(80, HotPi(), temperature=lambda: None, clock=lambda: next(clock), wait=rests.append)
    assert list(governor.pace(range(5))) == [0, 1, 2, 3, 4]
    assert (set(rests), len(caplog.messages)) == ({0.0}, 1)


def test_stop_ends_a_rest() -> None:
    temperatures = itertools.repeat(200.0)
    clock = itertools.count(step=1000.0)  # the model works a thousand seconds a frame
    governor = Governor(80, HotPi(), temperature=lambda: next(temperatures), clock=lambda: next(clock))
    governor.stop()
    assert list(governor.pace(range(1000))) == list(range(1000))


def test_threads_are_given_up_before_the_model_rests_and_taken_back_after() -> None:
    assert levels(3, threads_first=True)[:4] == [(3, 1.0), (2, 1.0), (1, 1.0), (1, STEP)]
    assert levels(3, threads_first=False)[:2] == [(3, 1.0), (3, STEP)]


@pytest.mark.parametrize("ambient_c", [20, 40])
def test_with_fewer_threads_it_stays_cool_as_well(ambient_c) -> None:
    pi = HotPi(ambient_c)
    governor = governor_of(pi, threads_first=True)
    run(pi, governor, 7200)
    assert pi.hottest_c < THROTTLES_AT_C
    assert pi.threads == governor.level.threads < pi.cores
    pi.ambient_c = -20
    run(pi, governor, 7200)
    assert (pi.threads, governor.level) == (pi.cores, (pi.cores, 1.0))


def test_a_detector_finds_the_same_with_fewer_threads() -> None:
    with open_detector(Config(threads=2)) as detector:
        picture = frame(size=(640, 480))
        before = detector.detect(picture)
        detector.use_threads(1)
        after = detector.detect(picture)
    assert detector.threads == 1
    assert list(before.detections) == list(after.detections)
