"""The thread of a slow sink: detection does not wait for it, and its errors come out."""

from __future__ import annotations

import sys
import threading

import pytest

from edge_detector.errors import ShutdownTimeout, SinkError
from edge_detector.options import Spec
from edge_detector.pipeline import write_all
from edge_detector.registry import SINKS
from edge_detector.running.context import Context
from edge_detector.running.meter import Meter
from edge_detector.sinks import background, open_sink
from edge_detector.sinks.background import MOST_CARRIED, Background, with_visits_of
from edge_detector.sinks.base import Sink
from edge_detector.types import Result
from tests import make
from tests.sinks.conftest import MakeContext


class GatedSink(Sink):
    """A sink that is slow in a controlled way: each write waits until the gate is open."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.busy = threading.Event()  # it has begun a write
        self.sequences: list[int] = []
        self.closed_by: list[str] = []  # names of the threads that closed it

    def close(self) -> None:
        self.closed_by.append(threading.current_thread().name)

    def write(self, result: Result) -> None:
        self.busy.set()
        assert self.gate.wait(10)
        self.sequences.append(result.frame.sequence)


class BrokenSink(GatedSink):
    """A sink whose disk is full."""

    def write(self, result: Result) -> None:
        super().write(result)
        raise SinkError("disk full")


def test_a_live_sink_that_hangs_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [0.0]
    sink = GatedSink()
    with Background(sink, name="nfs", live=True, clock=lambda: now_s[0]) as slow:
        slow.write(make.result(0))
        assert sink.busy.wait(10)
        for now_s[0] in (59.0, 61.0, 62.0):
            slow.write(make.result(1))
        assert caplog.messages == ["sink nfs: has written nothing for 60 s; does its disk or network hang?"]
        sink.busy.clear()
        sink.gate.set()
        assert sink.busy.wait(10)
        slow.write(make.result(2))
    assert caplog.messages[1:] == ["sink nfs: writes again; 2 dropped since the start"]


def test_a_slow_sink_loses_no_detection_time() -> None:
    sink = GatedSink()
    with Background(sink, name="slow", live=True) as slow:
        slow.write(make.result(0))
        assert sink.busy.wait(10)
        for sequence in range(1, 100):  # none of these can wait: the sink is stuck in the first until the gate opens
            slow.write(make.result(sequence))
        sink.gate.set()
    assert sink.sequences == [0, 99]
    assert (slow.produced, slow.dropped) == (2, 98)


@pytest.mark.parametrize("backlog", [1, 3])
def test_a_slow_sink_loses_pictures_and_no_visit(backlog: int, make_context: MakeContext, monkeypatch) -> None:
    class VisitsSink(NewestSink):
        def __init__(self, spec: Spec, context: Context) -> None:
            super().__init__(spec, context)
            self.told: list[tuple[str, int]] = []

        def write(self, result: Result) -> None:
            super().write(result)
            self.told += [(change.kind, change.visit.track_id) for change in result.visits]

    VisitsSink.backlog = backlog
    monkeypatch.setitem(SINKS, "visits", f"{__name__}:VisitsSink")
    monkeypatch.setattr(sys.modules[__name__], "VisitsSink", VisitsSink, raising=False)
    with open_sink("visits", make_context(live=True)) as slow:
        assert isinstance(slow, Background)
        slow.write(make.moment(0, make.visit_change("started")))
        assert slow._sink.busy.wait(10)
        for second in range(1, 10):
            kinds = {2: "ended", 3: "updated", 9: "moved"}
            slow.write(make.moment(second, make.visit_change(kinds.get(second, "started"), second)))
        slow._sink.gate.set()
    expected = [
        ("started", 1),
        ("started", 1),
        ("ended", 2),
        *(("started", each) for each in range(4, 9)),
        ("moved", 9),
    ]
    assert slow._sink.told == expected
    assert len(slow._sink.sequences) == 1 + backlog


def test_what_waits_for_a_sink_that_hangs_is_bounded() -> None:
    result = make.moment(0)
    for second in range(2 * MOST_CARRIED):
        result = with_visits_of(result, make.moment(second, make.visit_change("ended", second)))
    assert [change.visit.track_id for change in result.visits] == [*range(MOST_CARRIED, 2 * MOST_CARRIED)]


def test_a_sink_may_ask_for_a_backlog() -> None:
    sink = GatedSink()
    sink.backlog = 3
    with Background(sink, name="slow", live=True) as slow:
        slow.write(make.result(0))
        assert sink.busy.wait(10)
        for sequence in range(1, 10):
            slow.write(make.result(sequence))
        sink.gate.set()
    assert sink.sequences == [0, 7, 8, 9]


class NewestSink(GatedSink, may_block=True, newest_only=True):
    """A viewer: nothing waits for it, and it looks at the newest only."""

    def __init__(self, spec: Spec, context: Context) -> None:
        super().__init__()


def test_a_viewer_does_not_hold_up_a_file(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SINKS, "newest", f"{__name__}:NewestSink")
    viewer = open_sink("newest", make_context(live=False))
    assert isinstance(viewer, Background)
    with viewer:
        viewer.write(make.result(0))
        assert viewer._sink.busy.wait(10)
        for sequence in range(1, 10):
            viewer.write(make.result(sequence))
        viewer._sink.gate.set()
    assert viewer._sink.sequences == [0, 9]


def test_a_sink_may_use_the_time_between_results() -> None:
    class IdleSink(GatedSink, idle_s=0.001):
        def idle(self) -> None:
            idled.set()

    idled = threading.Event()
    with Background(IdleSink(), name="idle", live=True):
        assert idled.wait(10)


def test_a_file_loses_nothing_to_a_slow_sink() -> None:
    sink = GatedSink()
    sink.gate.set()
    with Background(sink, name="slow", live=False) as slow:
        write_all([make.result(sequence) for sequence in range(50)], [slow], Meter(throttling=lambda: None))
    assert sink.sequences == list(range(50))
    assert (slow.produced, slow.dropped) == (50, 0)


def test_a_sink_that_takes_nothing_is_an_error_with_its_name() -> None:
    sink = GatedSink()
    results = [make.result(sequence) for sequence in range(9)]
    with Background(sink, name="stuck", live=False, timeout_s=0.01) as stuck:
        with pytest.raises(SinkError, match=r"sink stuck: has written nothing for 0\.01 s"):
            write_all(results, [stuck], Meter(throttling=lambda: None))
        sink.gate.set()


def test_the_next_write_raises_the_error() -> None:
    sink = BrokenSink()
    sink.gate.set()

    def write_on() -> None:
        with Background(sink, name="broken", live=False) as broken:
            for sequence in range(100):
                broken.write(make.result(sequence))

    with pytest.raises(SinkError, match="disk full"):
        write_on()
    assert sink.sequences == [0]


def test_the_exit_raises_an_error_that_no_write_has_raised() -> None:
    sink = BrokenSink()
    broken = Background(sink, name="broken", live=True)
    broken.__enter__()
    broken.write(make.result())
    sink.gate.set()
    with pytest.raises(SinkError, match="disk full"):
        broken.__exit__(None, None, None)


def test_an_error_before_it_is_not_hidden(caplog: pytest.LogCaptureFixture) -> None:
    sink = BrokenSink()
    broken = Background(sink, name="broken", live=True)
    broken.__enter__()
    broken.write(make.result())
    sink.gate.set()
    broken.__exit__(OSError, OSError("the cable fell out"), None)
    assert "disk full" in caplog.text


def test_a_sink_that_hangs_at_the_end_is_an_error_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "DRAIN_TIMEOUT_S", 0.01)
    sink = GatedSink()
    stuck = Background(sink, name="stuck", live=True)
    stuck.__enter__()
    stuck.write(make.result())
    assert sink.busy.wait(10)
    with pytest.raises(ShutdownTimeout, match="'sink stuck' did not end"):
        stuck.__exit__(None, None, None)
    assert sink.closed_by == []  # closing a sink that is still writing would pull its file from under it
    sink.gate.set()
    stuck._thread.join(10)


def test_a_sink_is_closed_once_and_by_its_own_thread() -> None:
    sink = GatedSink()
    sink.gate.set()
    quiet = Background(sink, name="quiet", live=True)
    with quiet:
        pass
    quiet.__exit__(None, None, None)
    assert sink.closed_by == ["sink quiet"]
