"""The governor on a simulated Raspberry Pi: heat flows in while the model works, and out through the heat sink."""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import Iterable, Iterator

import pytest

from edge_detector.config import Config
from edge_detector.detect import open_detector
from edge_detector.running.governor import LONGEST_REST_S, SLOWEST, STEP, Governor, Level, levels
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
    assert max(rests) == LONGEST_REST_S == 2.0


def test_a_machine_that_does_not_tell_its_temperature_is_left_alone_and_says_so_once(caplog) -> None:
    rests: list[float] = []
    clock = itertools.count(step=100.0)
    governor = Governor(80, HotPi(), temperature=lambda: None, clock=lambda: next(clock), wait=rests.append)
    assert list(governor.pace(range(5))) == [0, 1, 2, 3, 4]
    assert (set(rests), len(caplog.messages)) == ({0.0}, 1)


class Bench:
    """A machine whose temperature is told by hand, on a clock that only work and the camera move forward."""

    def __init__(self, *, threads: int = 4) -> None:
        self.now_s = 1000.0
        self.temperature_c: float | None = 60.0
        self.threads = threads
        self.asked_s: list[float] = []
        self.rests_s: list[float] = []

    def use_threads(self, threads: int) -> None:
        self.threads = threads

    def temperature(self) -> float | None:
        self.asked_s.append(self.now_s - 1000.0)
        return self.temperature_c

    def governor(self, **options: bool) -> Governor:
        return Governor(
            80.0,
            self,
            temperature=self.temperature,
            clock=lambda: self.now_s,
            wait=self.rests_s.append,
            **options,
        )

    def steps(self, governor: Governor, temperatures: dict[float, float | None], *, until_s: int) -> dict[float, Level]:
        """What the level becomes, and when: one second of work a frame; each temperature holds from its time on."""
        changes: dict[float, Level] = {}
        before = governor.level
        for second in governor.pace(range(until_s)):
            self.temperature_c = temperatures.get(second, self.temperature_c)
            if governor.level != before:
                before = changes[second] = governor.level
            self.now_s += 1.0
        return changes


HOTTEST = Level(4, SLOWEST)


def test_the_levels_by_hand() -> None:
    rests = levels(2, threads_first=False)
    assert [level.share for level in rests[:3]] == pytest.approx([1.0, 0.9, 0.81])
    assert ({level.threads for level in rests}, len(rests), rests[-1]) == ({2}, 23, (2, 0.1))
    assert levels(2, threads_first=True) == [(2, 1.0), *((1, share) for _, share in rests)]
    assert levels(1, threads_first=True) == levels(1, threads_first=False)


@pytest.mark.parametrize(
    ("temperature_c", "lowered"), [(76.9, 0), (77.0, 1), (77.9, 1), (78.0, 2), (79.5, 3), (98.9, 22), (200.0, 22)]
)
def test_it_acts_three_degrees_below_the_limit_and_by_a_level_more_for_each_degree(temperature_c, lowered) -> None:
    bench = Bench()
    governor = bench.governor()
    bench.steps(governor, {0: temperature_c}, until_s=4)
    assert governor.level == levels(4, threads_first=False)[lowered]


def test_it_looks_every_three_seconds_and_raises_the_work_by_a_level_a_minute() -> None:
    bench = Bench()
    changes = bench.steps(bench.governor(), {0: 78.0, 3: 72.0}, until_s=200)
    all_levels = levels(4, threads_first=False)
    assert changes == {3: all_levels[2], 63: all_levels[1], 123: all_levels[0]}
    assert bench.asked_s == list(range(3, 201, 3))


@pytest.mark.parametrize(("temperature_c", "raised"), [(72.0, True), (72.1, False)])
def test_it_raises_the_work_once_it_is_five_degrees_cooler_than_where_it_acts(temperature_c, raised) -> None:
    bench = Bench()
    governor = bench.governor()
    bench.steps(governor, {0: 77.0, 3: temperature_c}, until_s=70)
    assert (governor.level == (4, 1.0)) is raised


def test_the_pause_before_raising_starts_with_the_last_time_that_it_was_too_hot() -> None:
    bench = Bench()
    changes = bench.steps(bench.governor(), {0: 200.0, 300: 60.0}, until_s=420)
    assert changes == {3: HOTTEST, 360: levels(4, threads_first=False)[-2]}


def test_a_cool_machine_is_slowed_down_at_once_when_it_gets_hot() -> None:
    bench = Bench()
    assert list(bench.steps(bench.governor(), {0: 40.0, 120: 77.0}, until_s=124)) == [123]


def test_a_temperature_that_is_not_told_is_asked_for_once_a_minute_and_then_heeded() -> None:
    bench = Bench()
    changes = bench.steps(bench.governor(), {0: None, 100: 77.0, 123: 75.0}, until_s=130)
    assert (bench.asked_s, list(changes)) == ([3, 63, 123, 126, 129], [123])


def test_the_rest_after_a_frame_is_the_part_of_the_time_that_the_model_may_not_work() -> None:
    bench = Bench()
    bench.steps(bench.governor(), {0: 77.0, 3: 75.0}, until_s=6)
    assert bench.rests_s == pytest.approx([0.0, 0.0, 1 / 9, 1 / 9, 1 / 9, 1 / 9])


def shares_of_a_slow_camera(*, waits_s: float, temperature_c: float) -> list[float]:
    """The share allowed at each of four frames: the camera takes so long for one, the model a second."""
    bench = Bench()
    governor = bench.governor()
    bench.temperature_c = temperature_c

    def camera() -> Iterator[int]:
        for number in range(4):
            bench.now_s += waits_s
            yield number

    shares = []
    for _ in governor.pace(camera()):
        bench.now_s += 1.0
        shares.append(governor.level.share)
    assert bench.asked_s == [(waits_s + 1) * frame for frame in (1, 2, 3, 4)]
    return shares


def test_a_model_that_works_less_than_a_level_allows_goes_to_the_first_that_changes_something() -> None:
    slower = [level.share for level in levels(4, threads_first=False) if level.share < 0.25]
    assert shares_of_a_slow_camera(waits_s=3.0, temperature_c=77.0) == [1.0, *slower[:3]]  # it works a quarter


def test_a_model_that_works_less_than_any_level_allows_goes_to_the_last() -> None:
    assert shares_of_a_slow_camera(waits_s=19.0, temperature_c=77.0) == [1.0, SLOWEST, SLOWEST, SLOWEST]


def test_the_time_before_the_first_frame_is_no_rest() -> None:
    bench = Bench()
    governor = bench.governor()
    bench.now_s += 100.0  # opening the camera
    bench.steps(governor, {0: 77.0}, until_s=4)
    assert governor.level == levels(4, threads_first=False)[1]


def test_without_a_limit_frames_pass_once_and_nobody_asks_for_the_temperature() -> None:
    governor = Governor(0.0, HotPi(), temperature=lambda: pytest.fail("nobody asks"), clock=lambda: 0.0)
    assert list(governor.pace([1, 2, 3])) == [1, 2, 3]


def test_threads_are_taken_away_and_given_back_one_at_a_time() -> None:
    bench = Bench(threads=3)
    governor = bench.governor(threads_first=True)
    changes = bench.steps(governor, {0: 77.0, 3: 75.0, 6: 77.0, 9: 60.0}, until_s=140)
    assert changes == {3: (2, 1.0), 9: (1, 1.0), 69: (2, 1.0), 129: (3, 1.0)}
    assert bench.threads == 3


def test_the_share_counts_threads_and_rests() -> None:
    bench = Bench(threads=4)
    governor = bench.governor(threads_first=True)
    shares = [governor.share]
    for temperature_c in (77.0, 79.0):
        bench.steps(governor, {0: temperature_c}, until_s=4)
        shares.append(governor.share)
    assert (governor.level, shares) == ((1, STEP), pytest.approx([1.0, 0.75, STEP / 4]))


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
