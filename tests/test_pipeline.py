"""The loop, with plain lists, with the synthetic camera, and from end to end."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from itertools import count

import pytest

from edge_detector import pipeline, registry
from edge_detector.config import Config
from edge_detector.errors import SinkError, SourceTimeout
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.running.meter import Meter
from edge_detector.sinks.base import Sink
from edge_detector.sources.synthetic import SyntheticSource
from edge_detector.types import Frame, Result, Size
from tests.make import result
from tests.sources.servers import MotionJpeg, free_port

FILE = "synthetic:?live=false&frames=40"


class ListSink(Sink, adds=("instances",)):
    """Remembers what it was given; its argument can stop the run or make it fail."""

    instances: list[ListSink] = []  # noqa: RUF012 - how a test finds the one that the run has opened

    def __init__(self, spec: Spec, context: Context) -> None:
        self.argument, self.context = spec.argument, context
        self.results: list[Result] = []
        self.closed = False
        self.instances.append(self)

    def close(self) -> None:
        self.closed = True

    def write(self, result: Result) -> None:
        self.results.append(result)
        if self.argument == "stop":
            self.context.stop()
        if self.argument == "fail":
            raise SinkError("the disk is full")


class Reconnecting(SyntheticSource):
    """A network camera that is lost after its first frame, until ``reconnects`` has been read three times."""

    def __init__(self, spec: Spec, config: Config, model_size: Size) -> None:
        super().__init__(spec, config, model_size)
        self._asked, self._back = count(), threading.Event()

    @property
    def reconnects(self) -> int:
        number = next(self._asked)
        if number == 3:
            self._back.set()
        return number

    def __iter__(self) -> Iterator[Frame]:
        yield Frame(self.draw(0), 0, 0)
        assert self._back.wait(20)
        yield Frame(self.draw(1), 1, 0)


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> list[ListSink]:
    monkeypatch.setitem(registry.SINKS, "list", "tests.test_pipeline:ListSink")
    ListSink.instances = []
    return ListSink.instances


def run(source: str, *sinks: str, **options) -> None:
    pipeline.run(Config(source=source, runtime="fake", sinks=sinks, **options))


def test_the_loop_gives_every_result_to_every_sink_in_order(sinks) -> None:
    results = [result(0), result(1), result(2)]
    sinks = [ListSink(Spec("list"), None), ListSink(Spec("list"), None)]
    pipeline.write_all(results, sinks, Meter())
    assert [sink.results for sink in sinks] == [results, results]


def test_a_file_loses_no_frame(sinks) -> None:
    run(FILE, "list")
    assert [one.frame.sequence for one in sinks[0].results] == list(range(40))


def test_the_shapes_are_found_where_they_are(sinks) -> None:
    run(FILE, "list")
    source = SyntheticSource(Spec.parse(FILE), Config(), (320, 320))
    for one in sinks[0].results:
        truth = sorted(source.truth(one.frame.sequence), key=lambda item: item.label)
        found = sorted(one.detections, key=lambda item: item.label)
        assert [item.label for item in found] == [item.label for item in truth]
        for mine, theirs in zip(found, truth, strict=True):
            assert mine.box == pytest.approx(theirs.box, abs=8)  # two pixels of the fake runtime's small input


def test_a_sink_may_stop_the_run(sinks) -> None:
    run("synthetic", "list:stop", fps=200.0)
    assert len(sinks[0].results) == 1
    assert sinks[0].closed


def test_a_failing_sink_ends_the_run_and_closes_the_others(sinks) -> None:
    with pytest.raises(SinkError, match="the disk is full"):
        run("synthetic", "list", "list:fail", fps=200.0)
    assert [sink.closed for sink in sinks] == [True, True]


def test_a_camera_that_goes_silent_is_a_timeout(sinks) -> None:
    with pytest.raises(SourceTimeout, match="silent"):
        run("synthetic:?silent_after=3", "list", fps=100.0, timeout=0.05)
    assert sinks[0].results
    assert sinks[0].closed


def test_the_log_never_shows_a_cameras_password(sinks, caplog) -> None:
    caplog.set_level(logging.INFO)
    with MotionJpeg(free_port()) as server:
        run(server.url.replace("//", "//ada:secret@"), "list:stop")
    assert "http://ada:***@127.0.0.1" in caplog.text
    assert "secret" not in caplog.text


def test_a_camera_that_is_being_reconnected_is_waited_for_without_end(sinks, monkeypatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "reconnecting", "tests.test_pipeline:Reconnecting")
    monkeypatch.setattr(pipeline, "INFERENCE_TIMEOUT_S", 0.05)
    run("reconnecting", "list", timeout=0.01)
    assert [one.frame.sequence for one in sinks[0].results] == [0, 1]


def test_fifty_runs_leave_nothing_behind(sinks) -> None:
    before = threading.active_count()
    for _ in range(50):
        run("synthetic", "list:stop", fps=1000.0, size=(64, 48))
    assert threading.active_count() == before


def test_json_lines_from_end_to_end(tmp_path) -> None:
    path = tmp_path / "out.jsonl"
    run(FILE, f"jsonl:{path}")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["sequence"] for row in rows] == list(range(40))
    assert {item["label"] for row in rows for item in row["detections"]} == {"circle", "square", "triangle"}
