"""The loop, with plain lists, with the synthetic camera, and from end to end."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector import pipeline, registry
from edge_detector.config import SLOWEST_FPS, Config
from edge_detector.detect import Detector, open_detector
from edge_detector.detect.detector import Inferred
from edge_detector.detect.preprocess import Placement
from edge_detector.errors import ModelError, ShutdownTimeout, SinkError, SourceTimeout
from edge_detector.options import Seconds, Spec
from edge_detector.running.context import Context
from edge_detector.running.governor import Governor
from edge_detector.running.meter import Meter
from edge_detector.running.reload import Reload
from edge_detector.sinks.base import Sink
from edge_detector.sources.decoding import DecodedPicture
from edge_detector.sources.jpeg import JpegPicture
from edge_detector.sources.synthetic import SyntheticSource
from edge_detector.swap.one_model import OneModel, Step
from edge_detector.types import Frame, Result, Size
from tests import make
from tests.free_port import free_port
from tests.make import result
from tests.sources import films, jpegs
from tests.sources.servers import MotionJpeg

FILE = "synthetic:?live=false&frames=40"


class ListSink(Sink, adds=("instances",)):
    """Remembers what it was given; its argument can stop the run or make it fail."""

    instances: list[ListSink] = []  # noqa: RUF012 - how a test finds the one that the run has opened

    def __init__(self, spec: Spec, context: Context) -> None:
        self.argument, self.context = spec.argument, context
        self.results: list[Result] = []
        self.counted: list[int] = []  # what the meter said at each of them
        self.closed = False
        self.instances.append(self)

    def close(self) -> None:
        self.closed = True

    def write(self, result: Result) -> None:
        self.results.append(result)
        self.counted.append(self.context.meter.produced["output"])
        if self.argument == "look":
            assert result.frame.image.any()
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


class Stuck(SyntheticSource, adds=("release", "released")):
    """A camera whose driver hangs after the first frame, and hears no ``stop``, until `released`."""

    released = threading.Event()

    def __init__(self, spec: Spec, config: Config, model_size: Size) -> None:
        super().__init__(spec, config, model_size)
        self.live = True
        self.released.clear()

    def __iter__(self) -> Iterator[Frame]:
        yield Frame(self.draw(0), 0, 0)
        assert self.released.wait(60)

    @classmethod
    def release(cls) -> None:
        """Also waits for its thread."""
        cls.released.set()
        for thread in threading.enumerate():
            if thread.name == "capture":
                thread.join(60)


class RestingGovernor(Governor):
    """Lets the model rest after every frame until somebody stops it."""

    def pace(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield frame
            assert self._stopped.wait(60)

    @property
    def share(self) -> float:
        return 0.25


@pytest.fixture
def sinks(monkeypatch: pytest.MonkeyPatch) -> list[ListSink]:
    monkeypatch.setitem(registry.SINKS, "list", "tests.test_pipeline:ListSink")
    ListSink.instances = []
    return ListSink.instances


def run(source: str, *sinks: str, **options) -> None:
    pipeline.run(Config(source=source, runtime="fake", sinks=sinks, **options))


def test_the_loop_gives_every_result_to_every_sink_in_order(sinks) -> None:
    results, meter = [result(0), result(1), result(2)], Meter()
    context = Context(Config(), None, meter, live=False, stop=lambda: None)
    sinks = [ListSink(Spec("list"), context), ListSink(Spec("list"), context)]
    pipeline.write_all(iter(results), iter(sinks), meter)
    assert [sink.results for sink in sinks] == [results, results]
    assert [sink.counted for sink in sinks] == [
        [1, 2, 3],
        [1, 2, 3],
    ]


def test_a_file_loses_no_frame(sinks) -> None:
    run(FILE, "list")
    assert [one.frame.sequence for one in sinks[0].results] == list(range(40))


def test_the_shapes_are_found_where_they_are(sinks) -> None:
    run(FILE, "list", track=False)
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


def test_the_end_of_a_run_wakes_a_camera_that_waits_for_its_next_frame(sinks, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "JOIN_TIMEOUT_S", 5.0)
    run("synthetic", "list:stop", fps=SLOWEST_FPS)
    assert len(sinks[0].results) == 1


def test_the_end_of_a_run_wakes_a_model_that_rests(sinks, monkeypatch) -> None:
    monkeypatch.setattr(pipeline, "Governor", RestingGovernor)
    run("synthetic", "list:stop", fps=1000.0)
    assert len(sinks[0].results) == 1
    assert sinks[0].context.meter.work_share == 0.25


@pytest.mark.parametrize(("cool_by", "threads_first"), [("rests", False), ("threads", True)])
def test_the_governor_is_told_the_limit_and_how_to_cool(sinks, monkeypatch, cool_by, threads_first) -> None:
    told = []

    class Recorded(Governor):
        def __init__(self, limit_c: float, worker: object, *, threads_first: bool) -> None:
            told.append((limit_c, threads_first))
            super().__init__(limit_c, worker, threads_first=threads_first)

    monkeypatch.setattr(pipeline, "Governor", Recorded)
    run(FILE, "list", max_temperature=200.0, cool_by=cool_by)
    assert told == [(200.0, threads_first)]


def test_a_capture_thread_has_the_cameras_time_and_some_more_to_end(sinks, monkeypatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "stuck", "tests.test_pipeline:Stuck")
    monkeypatch.setattr(pipeline, "JOIN_TIMEOUT_S", 0.25)
    try:
        with pytest.raises(ShutdownTimeout, match=r"'capture' did not end within 0\.375 s"):
            run("stuck", "list:stop", timeout=0.125)
    finally:
        Stuck.release()


def test_a_model_waits_for_a_camera_that_is_opened_again_and_stays_silent(sinks, monkeypatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "stuck", "tests.test_pipeline:Stuck")
    monkeypatch.setattr(pipeline, "JOIN_TIMEOUT_S", 0.0)
    monkeypatch.setattr(pipeline, "INFERENCE_TIMEOUT_S", 0.5)
    try:
        # 0.5 s, and three times what the camera may take
        with pytest.raises(SourceTimeout, match=r"inference: nothing for 0\.875 s"):
            run("stuck", "list", timeout=0.125)
    finally:
        Stuck.release()


@pytest.mark.parametrize(
    ("source", "prepares"),
    [(FILE, {"capture"}), ("synthetic:?frames=40", {"capture", "inference"})],
    ids=["file", "camera"],
)
def test_the_model_never_waits_for_what_another_thread_can_do(sinks, monkeypatch, source, prepares) -> None:
    threads: dict[str, set[str]] = {"prepare": set(), "infer": set(), "decode": set()}

    def watched(name: str, step: Callable[..., object]) -> Callable[..., object]:
        def run_step(*args: object, **options: object) -> object:
            threads[name].add(threading.current_thread().name)
            return step(*args, **options)

        return run_step

    for name in threads:
        monkeypatch.setattr(Detector, name, watched(name, getattr(Detector, name)))
    run(source, "list", fps=1000.0)
    assert threads["prepare"] <= prepares
    assert threads["infer"] == {"inference"}
    assert threads["decode"] == {threading.current_thread().name}


def test_images_of_a_film_are_made_only_for_who_looks_and_the_same_is_found(sinks, monkeypatch, tmp_path) -> None:
    made, make = [], DecodedPicture.make
    monkeypatch.setattr(DecodedPicture, "make", lambda picture: made.append(1) or make(picture))
    film = str(films.film(tmp_path / "film.mp4", frames=12, size=(1280, 720)))
    run(film, "list")
    assert made == []
    run(film, "list:look")
    assert len(made) == 12
    alone, looked_at = ([one.detections.boxes.tolist() for one in sink.results] for sink in sinks)
    assert alone == looked_at


def test_only_pictures_of_a_camera_have_an_age(sinks) -> None:
    run(FILE, "list")
    run("synthetic", "list:stop", fps=1000.0)
    file, camera = (sink.results for sink in sinks)
    assert all(one.timings.wait_ms == 0 for one in file)
    assert all(one.timings.wait_ms > 0 for one in camera)


@pytest.mark.parametrize("step", ["prepare", "infer", "decode"])
def test_an_error_in_any_step_reaches_the_consumer(sinks, monkeypatch, step) -> None:
    def fail(*_args: object, **_options: object) -> None:
        raise ModelError(f"{step} fails")

    monkeypatch.setattr(Detector, step, fail)
    with pytest.raises(ModelError, match=f"{step} fails"):
        run(FILE, "list")
    assert [sink.closed for sink in sinks] == [True]


class HalfDecoded(SyntheticSource, adds=("told",)):
    """A stream that decodes every second frame alone, and remembers what it is told of drops."""

    told: ClassVar[list[int]] = []

    def note_drops(self, dropped: Callable[[], int]) -> None:
        self._dropped = dropped

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            self.undecoded += 1
            yield replace(frame, sequence=2 * frame.sequence)
            self.told.append(self._dropped())


def test_frames_that_are_never_decoded_count_as_dropped(sinks, monkeypatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "half", "tests.test_pipeline:HalfDecoded")
    HalfDecoded.told.clear()
    run("half:?frames=40", "list", fps=1000.0)
    meter = sinks[0].context.meter
    given = len(HalfDecoded.told)
    assert meter.produced["capture"] == 2 * given
    assert meter.dropped["capture"] == given + HalfDecoded.told[-1]  # the second: overtaken by newer ones


class Damaged(SyntheticSource):
    """A camera of whose pictures every second one turns out to be damaged when it is decoded."""

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            good = jpegs.encoded(frame.image)
            data = good if frame.sequence % 2 else good.replace(b"\xff\xdb\x00", b"\xff\xdb\xff")
            yield replace(frame, picture=JpegPicture(np.frombuffer(data, np.uint8), frame.size))


@pytest.mark.parametrize("source", ["damaged:?live=false&frames=10", "damaged:?frames=10"])
def test_a_picture_that_turns_out_to_be_damaged_does_not_end_the_run(sinks, monkeypatch, caplog, source) -> None:
    monkeypatch.setitem(registry.SOURCES, "damaged", "tests.test_pipeline:Damaged")
    run(source, "list", fps=20.0, size=(64, 48))
    assert {one.frame.sequence % 2 for one in sinks[0].results} == {1}
    assert "damaged JPEG" in caplog.text


STILL = "still:?live=false&frames=100"


class Still(SyntheticSource):
    """A camera before which nothing moves until frame 60."""

    def draw(self, sequence: int) -> NDArray[np.uint8]:
        return super().draw(max(0, sequence - 60))


def test_a_still_scene_costs_few_inferences_and_its_objects_stay(sinks, monkeypatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "still", "tests.test_pipeline:Still")
    inferred, infer = [], Detector.infer
    monkeypatch.setattr(Detector, "infer", lambda self, it: inferred.append(it.frame.sequence) or infer(self, it))
    decoded, decode = [], Detector.decode
    monkeypatch.setattr(Detector, "decode", lambda self, it, **how: decoded.append(it) or decode(self, it, **how))
    run(STILL, "list", skip_similar=True)
    assert [one.frame.sequence for one in decoded] == inferred
    results, meter = sinks[0].results, sinks[0].context.meter
    assert [one.frame.sequence for one in results] == list(range(100))
    assert [one.frame.sequence for one in results if not one.skipped] == inferred
    assert [number for number in inferred if number < 61] == [0, 1, 2, 3, 34]
    assert inferred[5:] == list(range(61, 100))
    assert {one.detections.track_ids.tobytes() for one in results[1:]} == {results[1].detections.track_ids.tobytes()}
    assert len(results[1].detections) == 3
    assert not any(one.detections.held.any() for one in results)
    assert (meter.skipped, meter.produced["inference"], meter.produced["output"]) == (56, 44, 100)
    (visit,) = {change.visit for change in results[-1].visits if change.kind == "ended" and change.visit.track_id == 1}
    assert visit.duration_s == pytest.approx(98 / 30)  # from the second frame on


def test_without_tracks_a_skipped_frame_has_the_last_detections(sinks, monkeypatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "still", "tests.test_pipeline:Still")
    run("still:?live=false&frames=50", "list", skip_similar=True, track=False)
    results = sinks[0].results
    assert any(one.skipped for one in results)
    assert {one.detections.boxes.tobytes() for one in results} == {results[0].detections.boxes.tobytes()}
    assert {len(one.detections) for one in results} == {3}
    assert all(one.timings.inference_ms == 0 for one in results if one.skipped)


def test_a_reload_counts_at_once_in_a_still_scene(sinks, monkeypatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "still", "tests.test_pipeline:Still")
    config = Config(source="still:?frames=60", runtime="fake", sinks=("list",), fps=100.0, skip_similar=True)
    config = replace(config, longest_skip=Seconds(60.0))
    reload = Reload(config, lambda: replace(config, classes=("square",)))
    watched = reload.watch

    def watch(results, detector, places):
        for one in watched(results, detector, places):
            if one.frame.sequence >= 20 and detector.thresholds.classes == ():
                reload.request()
            yield one

    reload.watch = watch
    pipeline.run(config, reload)
    assert {item.label for item in sinks[0].results[-1].detections} == {"square"}


def test_a_result_that_is_dropped_for_one_that_looks_the_same_is_not_lost() -> None:
    with open_detector(runtime="fake") as detector:
        one, other = (OneModel(detector, Config()) for _ in range(2))
    inferred = Inferred(make.frame(1), {}, Placement.stretch((320, 240)), 0.0, 5.0)
    first, second = (Step(one, replace(inferred, skipped=skipped)) for skipped in (False, True))
    assert not pipeline.with_outputs_of(first, second).item.skipped
    assert pipeline.with_outputs_of(second, second).item.skipped
    assert not pipeline.with_outputs_of(second, first).item.skipped
    assert pipeline.with_outputs_of(replace(first, model=other), second).item.skipped


def test_a_sink_is_told_whether_frames_may_be_lost(sinks) -> None:
    run(FILE, "list")
    run("synthetic", "list:stop", fps=1000.0)
    assert [sink.context.live for sink in sinks] == [False, True]
    assert [set(sink.context.meter.produced) for sink in sinks] == [{"capture", "inference", "output"}] * 2


def test_a_reload_counts_from_the_next_result_on(sinks) -> None:
    config = Config(source=FILE, runtime="fake", sinks=("list",))
    reload = Reload(config, lambda: replace(config, classes=("square",)))
    reload.request()
    pipeline.run(config, reload)
    found = [{item.label for item in one.detections} for one in sinks[0].results]
    assert (found[0], found[-1], len(found)) == (set(), {"square"}, 40)  # the first frame alone begins no track


def test_what_is_not_wanted_any_more_is_not_held(sinks) -> None:
    config = Config(source=FILE, runtime="fake", sinks=("list",))
    reload = Reload(config, lambda: replace(config, classes=("square",)))
    watched = reload.watch

    def watch(results, detector, places):
        for one in watched(results, detector, places):
            if one.frame.sequence == 20:
                reload.request()
            yield one

    reload.watch = watch
    pipeline.run(config, reload)
    found = [{item.label for item in one.detections} for one in sinks[0].results]
    assert (found[20], found[30:]) == ({"circle", "square", "triangle"}, [{"square"}] * 10)


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
