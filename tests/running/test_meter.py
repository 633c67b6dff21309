"""Rates, percentiles, drops: what the run says about itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
import pytest

from edge_detector.running import meter as meter_module
from edge_detector.running.meter import WINDOW_S, Meter, percentile, rates
from edge_detector.system.throttling import Throttling
from edge_detector.types import Result, Timings
from tests import make


@dataclass
class FakeFlow:
    """A stage whose counts are set by hand."""

    name: str
    produced: int = 0
    dropped: int = 0


class Run:
    """A meter on a clock of its own, fed at a chosen pace."""

    def __init__(self, *flows: FakeFlow, throttled_bits: int = 0) -> None:
        self.now = 1000.0
        self.looked_at: list[float] = []  # the moments at which the meter asked for the temperature
        self.meter = Meter(
            flows,
            clock=lambda: self.now,
            temperature=self._temperature,
            throttling=lambda: Throttling.from_bits(throttled_bits),
        )

    def results(self, count: int, *, every_s: float, latency_ms: float = 10.0) -> None:
        for _ in range(count):
            self.now += every_s
            self.meter.record(result(latency_ms))

    def _temperature(self) -> float:
        self.looked_at.append(self.now)
        return 48.3


def result(latency_ms: float) -> Result:
    return Result(make.frame(), make.detections(), Timings(0.0, 0.0, latency_ms, 0.0))


def test_before_the_first_result_nothing_is_known() -> None:
    vitals = Run(FakeFlow("capture")).meter.vitals
    assert vitals.fps == {"capture": None, "output": None}
    assert vitals.latency_p50_ms is None


def test_start_up_is_no_part_of_the_rate() -> None:
    run = Run()
    run.now += 60.0  # loading the model
    run.results(1, every_s=0.125)
    assert run.meter.vitals.fps == {"output": None}
    run.results(32, every_s=0.125)
    assert run.meter.vitals.fps == {"output": 8.0}


def test_rates_are_counted_by_stage() -> None:
    capture = FakeFlow("capture")
    run = Run(capture)
    for _ in range(101):
        capture.produced += 3
        run.results(1, every_s=0.125)
    assert run.meter.vitals.fps == {"capture": 24.0, "output": 8.0}


def test_frames_that_pass_while_detection_is_off_are_no_inferences() -> None:
    inference, passed = FakeFlow("inference"), 0
    now_s = 0.0
    meter = Meter((inference,), clock=lambda: now_s, temperature=lambda: None, passed=lambda: passed)
    for number in range(40):
        now_s += 0.5
        inference.produced += 1
        passed += number >= 10
        meter.record(result(10.0))
    assert meter.produced == {"inference": 10, "output": 40}
    assert meter.vitals.fps == {"inference": 0.0, "output": 2.0}


def test_the_rate_follows_a_change_within_the_window() -> None:
    run = Run()
    run.results(300, every_s=0.03125)
    run.results(50, every_s=0.5)
    assert run.meter.vitals.fps["output"] == 2.0


def test_latency_speaks_of_the_window_only() -> None:
    run = Run()
    run.results(20, every_s=0.5, latency_ms=500.0)
    run.results(int(WINDOW_S / 0.5) + 1, every_s=0.5, latency_ms=70.0)
    assert run.meter.vitals.latency_p99_ms == 70.0


def faster_and_faster(count: int, *, every_s: float) -> Meter:
    """After ``count`` results, at t = 1 * every_s, 2 * every_s, ...: t squared frames captured, t ms of latency."""
    capture = FakeFlow("capture")
    run = Run(capture)
    for number in range(1, count + 1):
        capture.produced = round((number * every_s) ** 2)
        run.results(1, every_s=every_s, latency_ms=number * every_s)
    return run.meter


def test_the_window_is_the_last_ten_seconds_and_both_its_ends_count() -> None:
    vitals = faster_and_faster(30, every_s=1.0).vitals
    assert vitals.fps == {"capture": (30**2 - 20**2) / 10, "output": 1.0}
    assert vitals.latency_p50_ms == 25.0  # of 20, 21, ... 30


def test_results_rarer_than_the_window_have_a_rate_since_the_one_before() -> None:
    assert faster_and_faster(4, every_s=20.0).vitals.fps == {"capture": (80**2 - 60**2) / 20, "output": 0.05}


def test_the_percentiles_speak_of_two_thousand_results_at_most() -> None:
    run = Run()
    for latency_ms in range(1, 3001):
        run.results(1, every_s=0.0, latency_ms=float(latency_ms))
    run.results(1, every_s=0.5, latency_ms=3001.0)
    assert run.meter.vitals.latency_p50_ms == (954 + 3001) / 2  # the last 2048


def test_the_vitals_are_read_twice_a_second_however_many_results_come() -> None:
    run = Run()
    run.results(17, every_s=0.125)
    assert run.looked_at == [1000.0, 1000.125, 1000.625, 1001.125, 1001.625, 1002.125]


def test_percentiles_are_those_of_the_latencies() -> None:
    run = Run()
    for latency_ms in range(1, 101):
        run.results(1, every_s=0.0625, latency_ms=float(latency_ms))
    run.now += 0.5
    run.results(1, every_s=0.0, latency_ms=101.0)
    vitals = run.meter.vitals
    assert (vitals.latency_p50_ms, vitals.latency_p95_ms, vitals.latency_p99_ms) == (51.0, 96.0, 100.0)


def test_the_line_of_the_overlay() -> None:
    run = Run(FakeFlow("capture", dropped=10), FakeFlow("inference", dropped=2), FakeFlow("window", dropped=500))
    run.results(40, every_s=0.125, latency_ms=67.0)
    assert run.meter.line() == "8.0 fps  67 ms  drops 12  48 C"


def test_the_line_warns_of_throttling_now_but_not_of_yesterday() -> None:
    now, yesterday = Run(throttled_bits=0x50005), Run(throttled_bits=0x50000)
    assert now.meter.line().endswith("48 C  under-voltage, throttled")
    assert yesterday.meter.line().endswith("48 C")


def test_the_line_of_a_machine_that_tells_nothing() -> None:
    assert Meter(temperature=lambda: None, throttling=lambda: None).line() == "drops 0"


def test_the_firmware_of_this_machine_is_asked_unless_somebody_else_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "open_reader", lambda: lambda: Throttling.from_bits(0x1))
    assert Meter().vitals.throttling == Throttling.from_bits(0x1)
    assert Meter(throttling=lambda: None).vitals.throttling is None


def test_sinks_of_a_kind_are_told_apart() -> None:
    run = Run(FakeFlow("capture"), *(FakeFlow("video", dropped=dropped) for dropped in (1, 5, 7)))
    assert run.meter.dropped == {"capture": 0, "video": 1, "video 2": 5, "video 3": 7}


def test_a_stage_may_join_later() -> None:
    run = Run()
    run.results(1, every_s=0.1)
    run.meter.watch(FakeFlow("web", produced=100))
    run.results(20, every_s=0.1)
    assert set(run.meter.vitals.fps) == {"output", "web"}


def test_the_firmware_is_asked_every_few_seconds_only() -> None:
    asked = []
    clock = [0.0]
    meter = Meter(clock=lambda: clock[0], temperature=lambda: None, throttling=lambda: asked.append(clock[0]))
    for clock[0] in range(1, 12):
        meter.record(make.result())
    assert asked == [0.0, 5.0, 10.0]


def test_bytes_are_counted_from_many_threads() -> None:
    meter = Run().meter
    writers = [threading.Thread(target=lambda: [meter.wrote(1) for _ in range(10_000)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(10)
    assert meter.bytes_written == 40_000


def test_no_byte_is_lost_when_a_thread_is_interrupted_in_the_middle_of_counting() -> None:
    meter = Run().meter
    other = threading.Thread(target=meter.wrote, args=(2,))

    class Interrupted(int):
        """A number of bytes during whose addition another thread has a tenth of a second to count its own."""

        def __radd__(self, before: int) -> int:
            other.start()
            other.join(0.1)
            return before + int(self)

    meter.wrote(Interrupted(1))
    other.join(10)
    assert meter.bytes_written == 3


def test_rates_by_hand() -> None:
    assert rates({"a": 1}, {"a": 2, "joined": 4}, elapsed_s=0.5) == {"a": 2.0, "joined": 8.0}
    assert rates({"a": 1}, {"a": 2}, elapsed_s=0.0) == {"a": None}


def test_the_governor_is_quoted() -> None:
    assert Run().meter.work_share == 1.0
    assert Meter(throttling=lambda: None, work_share=lambda: 0.81).work_share == 0.81


@pytest.mark.parametrize("count", [1, 2, 3, 100, 2048])
def test_percentiles_are_those_of_numpy(count: int) -> None:
    values = sorted(np.random.default_rng(count).uniform(1, 500, count).tolist())
    ranks = (50, 95, 99)
    assert [percentile(values, rank) for rank in ranks] == pytest.approx(np.percentile(values, ranks).tolist())
