"""The page's programming interface: its answers, pictures that are encoded once, and viewers who are slow."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from edge_detector.errors import SinkError
from edge_detector.running.context import ConfigFile
from edge_detector.running.meter import Meter
from edge_detector.sinks import open_sink
from edge_detector.sinks.web.server import Server
from edge_detector.sinks.web.server import log as server_log
from edge_detector.system.throttling import Throttling
from edge_detector.types import Frame, Result, Thresholds, Timings
from edge_detector.version import __version__
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import DEADLINE_S, Page, open_page

PROMTOOL = shutil.which("promtool")
PERSON = ((10.0, 20.0, 110.0, 220.0), 0.9, 0)
UNSAVED = "until the next start or reload: the detector runs without --config FILE"
DOG = ((150.0, 100.0, 250.0, 200.0), 0.75, 1)


def shade(sequence: int) -> Result:
    """A large picture that is hard to compress and brighter than the one before."""
    noise = np.random.default_rng(0).integers(0, 30, (480, 640, 3), dtype=np.uint8)
    return Result(Frame(noise + np.uint8(6 * sequence), sequence, 0), make.detections(), Timings(0, 0, 0, 0))


def write(page: Page, result: Result) -> None:
    page.context.meter.record(result)
    page.sink.write(result)


def test_the_table_of_sinks_opens_it(make_context: MakeContext) -> None:
    with open_sink("web:127.0.0.1:0", make_context()) as sink:
        sink.write(make.result())


def test_a_viewer_gets_the_newest_picture_at_once_and_each_one_after_it(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        for sequence in range(5):
            page.sink.write(shade(sequence))
        with page.viewer() as viewer:
            assert viewer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
            assert viewer.picture().mean() == pytest.approx(shade(4).frame.image.mean(), abs=2)
            page.sink.write(shade(9))
            assert viewer.picture().mean() == pytest.approx(shade(9).frame.image.mean(), abs=2)


def test_boxes_are_drawn_on_the_picture(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        page.sink.write(make.result(0, PERSON))
        with page.viewer() as viewer:
            assert viewer.picture().max() > 200


def test_a_picture_is_encoded_once_for_all_viewers(make_context: MakeContext) -> None:
    with open_page(make_context()) as page, ExitStack() as stack:
        viewers = [stack.enter_context(page.viewer()) for _ in range(5)]
        page.sink.write(shade(3))
        pictures = [viewer.picture() for viewer in viewers]
        assert all(np.array_equal(picture, pictures[0]) for picture in pictures)
        assert (page.metric("web_viewers"), page.metric("web_pictures_total")) == (5, 1)


def test_nothing_is_encoded_while_nobody_watches(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        for sequence in range(20):
            page.sink.write(shade(sequence))
        assert (page.metric("results_total"), page.metric("web_pictures_total")) == (20, 0)


def test_a_slow_viewer_misses_pictures_and_delays_nobody(make_context: MakeContext) -> None:
    last = 30
    with (
        open_page(make_context(), "web:127.0.0.1:0?fps=60") as page,
        page.viewer(receive_bytes=4096) as slow,
        page.viewer() as quick,
    ):
        for sequence in range(last + 1):
            page.sink.write(shade(sequence))
            assert quick.picture().mean() == pytest.approx(shade(sequence).frame.image.mean(), abs=2)
        seen = []
        while not seen or seen[-1] < shade(last).frame.image.mean() - 2:
            seen.append(slow.picture().mean())
        assert seen == sorted(seen)
        assert len(seen) < last
        assert page.metric("web_pictures_missed_total") == last + 1 - len(seen)


@pytest.mark.parametrize(
    ("error", "is_told"), [(ConnectionResetError("cannot write to a closing transport"), False), (KeyError("x"), True)]
)
def test_a_viewer_who_leaves_at_once_is_no_error_of_the_server(
    error: Exception, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    server_log.error("Error handling request from 127.0.0.1", exc_info=error)
    assert bool(caplog.messages) is is_told


def test_a_viewer_who_reads_nothing_is_disconnected(
    make_context: MakeContext, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr("edge_detector.sinks.web.streams.STALL_S", 1.0)
    with open_page(make_context(), "web:127.0.0.1:0?fps=60") as page, page.viewer(receive_bytes=4096) as stalled:
        with page.viewer() as quick:
            for sequence in range(20):
                page.sink.write(shade(sequence))
                quick.picture()
            while page.metric("web_viewers") > 1:
                page.sink.write(shade(20))
                quick.picture()
        assert stalled.ended()
    assert "cut the connection to 127.0.0.1, which has read nothing for 1 s" in caplog.text
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_the_detections_come_as_they_change(make_context: MakeContext) -> None:
    with open_page(make_context()) as page, page.viewer("/api/detections") as listener:
        page.sink.write(make.result(1, PERSON))
        assert listener.headers["Content-Type"] == "text/event-stream"
        assert listener.event() == {
            "sequence": 1,
            "width": 320,
            "height": 240,
            "detections": [{"label": "person", "class_id": 0, "score": 0.9, "box": [10.0, 20.0, 110.0, 220.0]}],
        }
        page.sink.write(make.result(2, PERSON))
        with page.viewer("/api/detections") as late:
            assert late.event()["sequence"] == 2  # it knew nothing yet; the other has been told nothing
        page.sink.write(make.result(3, PERSON, DOG))
        event = listener.event()
        assert (event["sequence"], [row["label"] for row in event["detections"]]) == (3, ["person", "dog"])


def test_a_clean_picture_comes_with_what_was_detected_on_it(make_context: MakeContext) -> None:
    with open_page(make_context(), "web:127.0.0.1:0?fps=60") as page, page.viewer("/api/pictures") as viewer:
        assert viewer.headers["Content-Type"] == "multipart/mixed; boundary=frame"
        for sequence in range(5):
            page.sink.write(replace(shade(sequence), detections=make.detections(PERSON)))
            seen, picture = viewer.clean_picture()
            assert (seen["sequence"], seen["width"], seen["height"]) == (sequence, 640, 480)
            assert [row["box"] for row in seen["detections"]] == [[10.0, 20.0, 110.0, 220.0]]
            difference = picture.astype(int) - shade(sequence).frame.image
            assert abs(difference[20:220, 10:13]).mean() < 20  # no box is drawn


def test_the_status_says_how_it_runs(make_context: MakeContext) -> None:
    meter = Meter(temperature=lambda: 61.5, throttling=lambda: Throttling.from_bits(0x50005))
    with open_page(make_context(meter=meter, confidence=0.25)) as page:
        write(page, make.result(7, PERSON))
        page.clock.now += 2
        status = page.ask("/api/status").json
        assert status["model"] == "fake"
        assert (status["healthy"], status["trouble"], status["frame_age_s"]) == (True, None, 2)
        assert status["latency_ms"] == {"p50": 10.0, "p95": 10.0, "p99": 10.0}
        assert status["soc_temperature_c"] == 61.5
        assert status["throttling"]["now"] == "under-voltage, throttled"
        assert status["throttling"]["advice"] == "use a stronger power supply or a shorter cable"


def test_what_is_not_known_is_null(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        status = page.ask("/api/status").json
        unknown = {name for name, value in status.items() if value is None}
        assert unknown == {"soc_temperature_c", "throttling", "frame_age_s"}
        assert set(status["latency_ms"].values()) == {None}


def test_a_snapshot_is_the_newest_picture(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert page.ask("/snapshot.jpg").status == 503
        page.sink.write(shade(5))
        answer = page.ask("/snapshot.jpg")
        image = cv2.imdecode(np.frombuffer(answer.body, np.uint8), cv2.IMREAD_COLOR)
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert image.shape == (480, 640, 3)
        assert image.mean() == pytest.approx(shade(5).frame.image.mean(), abs=2)


def test_settings_change_the_running_detector(make_context: MakeContext) -> None:
    context = make_context()
    context.detector.thresholds = Thresholds(confidence=0.5, iou=0.45)
    with open_page(context) as page:
        rest = {"class_confidence": {}, "iou": 0.45, "max_detections": 100, "detecting": True, "kept": UNSAVED}
        assert page.change({"confidence": 0.3}).json == {"confidence": 0.3, "classes": [], **rest}
        changed = page.change({"classes": ["dog", "cat", "dog"]}).json
        assert changed == {"confidence": 0.3, "classes": ["dog", "cat"], **rest}
        assert context.detector.thresholds == Thresholds(confidence=0.3, classes=("dog", "cat"), iou=0.45)
        assert page.change({"classes": []}).json["classes"] == []


def test_a_change_is_saved_in_the_configuration_file_and_logged_with_its_client(
    make_context: MakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    file = tmp_path / "edge-detector.toml"
    file.write_text('# my camera\nconfidence = 0.5  # not lower: rain\nsource = "0"\n')
    with open_page(replace(make_context(), config_file=ConfigFile(file))) as page:
        assert page.ask("/api/settings").json["kept"] == f"saved in {file}"
        assert page.change({"confidence": 0.3, "classes": ["dog"]}).json["kept"] == f"saved in {file}"
    lines = ["# my camera", "confidence = 0.3  # not lower: rain", 'source = "0"', 'classes = ["dog"]']
    assert file.read_text().splitlines() == lines
    assert f'127.0.0.1 sets confidence = 0.3, classes = ["dog"], saved in {file}' in caplog.text


def test_a_change_that_is_refused_leaves_the_file_as_it_is(make_context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text("confidence = 0.5\n")
    with open_page(replace(make_context(), config_file=ConfigFile(file))) as page:
        assert page.change({"confidence": 0.3, "classes": ["dgo"]}).status == 400
    assert file.read_text() == "confidence = 0.5\n"


@pytest.mark.parametrize(
    ("patch", "complaint"),
    [
        ({"confidence": 1.5}, "confidence is 1.5; expected a fraction from 0 to 1"),
        ({"confidence": float("nan")}, "confidence = nan: expected a number"),
        ({"confidence": 10**400}, "confidence = inf: expected a number"),
        ({"confidence": "high"}, "expected a number"),
        ({"confidence": 0.3, "classes": ["dgo"]}, "unknown class 'dgo'; did you mean 'dog'?"),
        ({"classes": [1]}, "expected names"),
        ({"nms": 0.1}, "unknown option 'nms'"),
        ({"iou": -0.1}, "iou is -0.1; expected a fraction from 0 to 1"),
        ({"max_detections": 0}, "max_detections is 0; expected a whole number from 1 to 1000"),
        ({"max_detections": 1e300}, "max_detections is 1e+300; expected a whole number"),
        ({"max_detections": 2.5}, "max_detections is 2.5; expected a whole number from 1 to 1000"),
        ({"class_confidence": {"dgo": 0.5}}, "unknown class 'dgo'; did you mean 'dog'?"),
        ({"class_confidence": {"dog": 2}}, "class_confidence of dog is 2; expected a fraction from 0 to 1"),
        ({"detecting": "perhaps"}, "expected true or false"),
        ({"detecting": False, "iou": 7}, "iou is 7; expected a fraction"),
        ([0.5], "expected an object"),
        (None, "expected an object"),
    ],
)
def test_impossible_settings_change_nothing(make_context: MakeContext, patch: object, complaint: str) -> None:
    context = make_context()
    with open_page(context) as page:
        answer = page.change(patch)
        assert (answer.status, context.detector.thresholds) == (400, Thresholds())
        assert context.detector.is_on
        assert complaint in answer.json["error"]


def test_prometheus_can_read_the_metrics(make_context: MakeContext) -> None:
    meter = Meter(temperature=lambda: 55.0, throttling=lambda: Throttling.from_bits(4))
    context = make_context(meter=meter)
    context.detector.name = 'a "quoted"\\name\n'
    with open_page(context) as page:
        write(page, make.result(1, PERSON, PERSON, DOG))
        answer = page.ask("/metrics")
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    values = {
        (sample.name.removeprefix("edge_detector_"), *sample.labels.values()): sample.value
        for family in families.values()
        for sample in family.samples
    }
    assert values["info", 'a "quoted"\\name\n'] == 1
    assert values["results_total",] == 1
    assert values["latency_seconds", "0.95"] == pytest.approx(0.01)
    assert (values["objects", "person"], values["objects", "dog"]) == (2, 1)
    assert values["soc_temperature_celsius",] == 55
    assert (values["throttled", "throttled"], values["throttled", "under-voltage"]) == (1, 0)
    assert {family.type for family in families.values()} == {"gauge", "counter", "summary"}
    assert all(family.documentation for family in families.values())


METRICS = {
    "build_info": "gauge",
    "info": "gauge",
    "results_total": "counter",
    "frame_age_seconds": "gauge",
    "frames_per_second": "gauge",
    "frames_dropped_total": "counter",
    "latency_seconds": "summary",
    "objects": "gauge",
    "detections_total": "counter",
    "visits_total": "counter",
    "detecting": "gauge",
    "confidence_threshold": "gauge",
    "disk_free_bytes": "gauge",
    "soc_temperature_celsius": "gauge",
    "throttled": "gauge",
    "web_viewers": "gauge",
    "web_pictures_total": "counter",
    "web_pictures_missed_total": "counter",
}


def metric_types(text: str) -> dict[str, str]:
    """The metrics of one scrape and their types, in order."""
    lines = (line.split() for line in text.splitlines() if line.startswith("# TYPE "))
    return {name.removeprefix("edge_detector_"): kind for _, _, name, kind in lines}


class Stage:
    """A stage of the run that has counted so far and no further."""

    name, produced, dropped = "capture", 30, 4


def test_the_metrics_keep_their_names_types_and_help(make_context: MakeContext) -> None:
    now_s = iter(float(second) for second in range(1000))
    meter = Meter(clock=lambda: next(now_s), temperature=lambda: 55.0, throttling=lambda: Throttling.from_bits(4))
    meter.watch(Stage())
    with open_page(make_context(meter=meter)) as page:
        for number in range(3):
            write(page, make.result(number, PERSON))
        text = page.ask("/metrics").text
    assert metric_types(text) == METRICS
    assert "# HELP edge_detector_frames_dropped_total Frames overtaken by newer ones.\n" in text
    assert 'edge_detector_frames_dropped_total{stage="capture"} 4.0\n' in text
    assert 'edge_detector_frames_per_second{stage="capture"} 0.0\n' in text


def test_the_totals_count_every_result(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        for number, rows in enumerate([(PERSON, PERSON, DOG), (), (PERSON,)]):
            write(page, make.result(number, *rows))
        text = page.ask("/metrics").text
    found = {label: f'edge_detector_detections_total{{label="{label}"}}' for label in make.LABELS}
    counts = {label: float(line.split()[1]) for label, name in found.items() for line in lines_of(text, name)}
    assert counts == dict.fromkeys(make.LABELS, 0.0) | {"person": 3.0, "dog": 1.0}
    assert lines_of(text, "edge_detector_latency_seconds_count") == ["edge_detector_latency_seconds_count 3.0"]
    (latency_s,) = lines_of(text, "edge_detector_latency_seconds_sum")
    assert float(latency_s.split()[1]) == pytest.approx(0.03)


def lines_of(text: str, metric: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{metric} ")]


def test_the_build_is_told(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        text = page.ask("/metrics").text
    labels = f'model="fake",runtime="FakeRuntime",version="{__version__}"'
    assert f"edge_detector_build_info{{{labels}}} 1.0\n" in text


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt-get install prometheus")
def test_promtool_finds_nothing_to_complain_of(make_context: MakeContext) -> None:
    meter = Meter(temperature=lambda: 55.0, throttling=lambda: Throttling.from_bits(4))
    meter.watch(Stage())
    with open_page(make_context(meter=meter)) as page:
        for number in range(3):
            write(page, make.result(number, PERSON))
        metrics = page.ask("/metrics").body
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=metrics, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_metric_that_is_not_known_is_left_out(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        known = metric_types(page.ask("/metrics").text)
    unknown = {"frame_age_seconds", "frames_per_second", "frames_dropped_total", "latency_seconds", "objects"}
    machine = {"soc_temperature_celsius", "throttled"}
    assert set(METRICS) - set(known) == unknown | machine


def test_each_page_has_metrics_of_its_own(make_context: MakeContext) -> None:
    with open_page(make_context()) as page, open_page(make_context()) as other:
        page.sink.write(make.result())
        assert (page.metric("results_total"), other.metric("results_total")) == (1, 0)


def test_healthy_means_that_frames_advance(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert (page.ask("/healthz").status, page.ask("/healthz").text) == (503, "no result yet\n")
        page.sink.write(make.result(1))
        assert (page.ask("/healthz").status, page.ask("/healthz").text) == (200, "ok\n")
        page.clock.now += 11
        page.sink.write(make.result(1))  # the same frame again: something feeds on itself
        assert (page.ask("/healthz").status, page.ask("/healthz").text) == (503, "no new frame for 11 s\n")
        page.sink.write(make.result(2))
        assert page.ask("/healthz").status == 200


def test_a_model_that_takes_twelve_seconds_is_healthy_and_one_that_hangs_is_not(make_context: MakeContext) -> None:
    slow = Timings(0.0, 0.0, 12_000.0, 0.0)
    with open_page(make_context()) as page:
        for sequence in range(3):
            page.sink.write(replace(make.result(sequence), timings=slow))
            page.clock.now += 12
            assert page.ask("/healthz").status == 200
        page.clock.now += 25
        assert page.ask("/healthz").text == "no new frame for 37 s\n"


def test_a_pace_that_rests_have_slowed_is_healthy_and_a_stall_at_full_speed_is_not(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        page.sink.write(make.result(0))
        page.clock.now += 9
        page.sink.write(make.result(1))
        page.clock.now += 20
        assert page.ask("/healthz").status == 200
        page.sink.write(make.result(2))
        page.clock.now += 0.1
        page.sink.write(make.result(3))
        page.clock.now += 11
        assert page.ask("/healthz").text == "no new frame for 11 s\n"


def test_a_camera_that_may_be_silent_for_a_minute_is_healthy_meanwhile(make_context: MakeContext) -> None:
    with open_page(make_context(timeout=60.0)) as page:
        page.sink.write(make.result(0))
        page.clock.now += 59
        assert page.ask("/healthz").status == 200
        page.clock.now += 2
        assert page.ask("/healthz").status == 503


def test_closing_ends_every_connection(make_context: MakeContext) -> None:
    with ExitStack() as clients:
        with open_page(make_context(), "web:127.0.0.1:0?fps=60") as page:
            viewer = clients.enter_context(page.viewer())
            listener = clients.enter_context(page.viewer("/api/detections"))
            stalled = clients.enter_context(page.viewer(receive_bytes=4096))
            silent = clients.enter_context(page.connect())
            silent.sendall(b"GET / HTTP/1.1\r\nHost:")
            for sequence in range(10):
                page.sink.write(shade(sequence))
                viewer.picture()
        assert viewer.ended()
        assert listener.ended()
        assert stalled.ended()
        assert silent.recv(1) == b""
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("web")] == []


def test_closing_ends_connections_that_have_only_just_come() -> None:
    loops = []

    def make_app() -> web.Application:
        loops.append(asyncio.get_running_loop())
        return web.Application()

    with ExitStack() as clients, socket.create_server(("127.0.0.1", 0)) as listener:
        with Server(make_app, listener):
            loops[0].call_soon_threadsafe(time.sleep, 0.5)  # then it finds the clients and the end at once
            came = [clients.enter_context(socket.create_connection(listener.getsockname())) for _ in range(3)]
        for client in came:
            client.settimeout(DEADLINE_S)
            assert client.recv(1) == b""


def test_closing_twice_is_fine(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        page.sink.__exit__(None, None, None)
        assert "closed" in repr(page.sink)


def test_the_signal_handlers_stay_as_they_are(make_context: MakeContext) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with open_page(make_context()) as page:
        page.ask("/")
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_server_that_cannot_start_says_why() -> None:
    def broken() -> web.Application:
        raise OSError("no page to serve")

    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(OSError, match="no page to serve"):
        Server(broken, listener).__enter__()


def test_a_server_that_fails_is_an_error_of_the_sink() -> None:
    async def fail(app: web.Application) -> None:
        raise RuntimeError("no more memory")

    def make_app() -> web.Application:
        app = web.Application()
        app.on_shutdown.append(fail)
        return app

    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        pytest.raises(SinkError, match="the server failed: RuntimeError\\('no more memory'\\)"),
        Server(make_app, listener),
    ):
        pass


def test_the_page_and_its_files_are_served(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert 'src="/app.js"' in page.ask("/").text
        types = {name: page.ask(f"/{name}").headers["Content-Type"] for name in ("app.js", "charts.js", "style.css")}
        assert types == {
            "app.js": "text/javascript; charset=utf-8",
            "charts.js": "text/javascript; charset=utf-8",
            "style.css": "text/css; charset=utf-8",
        }
        assert page.ask("/icon.svg").body.startswith(b"<svg")
