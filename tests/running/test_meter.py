"""Rates, percentiles, drops: what the run says about itself."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from edge_detector.running.meter import WINDOW_S, Meter
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
        self.meter = Meter(
            flows,
            clock=lambda: self.now,
            temperature=lambda: 48.3,
            throttling=lambda: Throttling.from_bits(throttled_bits),
        )

    def results(self, count: int, *, every_s: float, latency_ms: float = 10.0) -> None:
        for _ in range(count):
            self.now += every_s
            self.meter.record(result(latency_ms))


def result(latency_ms: float) -> Result:
    return Result(make.frame(), make.detections(), Timings(0.0, 0.0, latency_ms, 0.0))


def test_before_the_first_result_nothing_is_known() -> None:
    vitals = Run(FakeFlow("capture")).meter.vitals
    assert vitals.fps == {"capture": None, "output": None}
    assert vitals.latency_p50_ms is None


def test_start_up_is_no_part_of_the_rate() -> None:
    run = Run()
    run.now += 60.0  # loading the model
    run.results(33, every_s=0.125)
    assert run.meter.vitals.fps == {"output": 8.0}


def test_rates_are_counted_by_stage() -> None:
    capture = FakeFlow("capture")
    run = Run(capture)
    for _ in range(101):
        capture.produced += 3
        run.results(1, every_s=0.125)
    assert run.meter.vitals.fps == {"capture": 24.0, "output": 8.0}


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


def test_two_sinks_of_a_kind_are_told_apart() -> None:
    run = Run(FakeFlow("capture"), FakeFlow("video", dropped=1), FakeFlow("video", dropped=5))
    assert run.meter.dropped == {"capture": 0, "video": 1, "video 2": 5}


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


def test_the_governor_is_quoted() -> None:
    assert Run().meter.work_share == 1.0
    assert Meter(throttling=lambda: None, work_share=lambda: 0.81).work_share == 0.81
