"""What can be set while the detector runs, at the page's programming interface, and how long it lasts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_detector.config import load
from edge_detector.running.context import ConfigFile
from edge_detector.running.meter import Meter
from edge_detector.types import Thresholds
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import open_page

ALL = {
    "confidence": 0.3,
    "classes": ["dog", "cat"],
    "class_confidence": {"dog": 0.6},
    "iou": 0.4,
    "max_detections": 7,
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "edge-detector.toml"
    path.write_text("iou = 0.5  # mine\n")
    return path


def test_everything_that_counts_as_a_detection_can_be_set_and_is_read_back_at_the_next_start(
    make_context: MakeContext, file: Path
) -> None:
    context = replace(make_context(), config_file=ConfigFile(file))
    with open_page(context) as page:
        answer = page.change(ALL)
        assert (answer.status, answer.json["kept"]) == (200, f"saved in {file}")
    wanted = Thresholds(0.3, {"dog": 0.6}, ("dog", "cat"), 0.4, 7)
    assert context.detector.thresholds == wanted
    assert load(file, {}).thresholds() == wanted
    assert file.read_text().splitlines()[0] == "iou = 0.4  # mine"


def test_what_is_not_named_stays(make_context: MakeContext) -> None:
    context = make_context()
    context.detector.thresholds = Thresholds(0.4, {"dog": 0.6}, ("dog",), 0.3, 5)
    with open_page(context) as page:
        page.change({"max_detections": 9})
        assert context.detector.thresholds == Thresholds(0.4, {"dog": 0.6}, ("dog",), 0.3, 9)
        page.change({"class_confidence": {}})
        assert context.detector.thresholds == Thresholds(0.4, {}, ("dog",), 0.3, 9)


def test_detection_goes_off_and_on_and_no_file_remembers_it(
    make_context: MakeContext, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    context = replace(make_context(), config_file=ConfigFile(file))
    with open_page(context) as page:
        off = page.change({"detecting": False}).json
        assert (off["detecting"], context.detector.is_on) == (False, False)
        assert off["kept"] == "until the next start, which switches detection on"
        assert page.ask("/api/status").json["settings"]["detecting"] is False
        assert page.change({"detecting": True}).json["detecting"] is True
    assert context.detector.is_on
    assert file.read_text() == "iou = 0.5  # mine\n"
    assert "127.0.0.1 sets detecting = false, until the next start" in caplog.text


def test_each_setting_says_how_long_it_lasts(make_context: MakeContext, file: Path) -> None:
    context = replace(make_context(), config_file=ConfigFile(file, frozenset({"iou"})))
    with open_page(context) as page:
        answer = page.ask("/api/settings").json
    assert answer["kept"] == answer["kept_each"]["confidence"] == f"saved in {file}"
    assert answer["kept_each"]["iou"].startswith("until the next start or reload: the command line says --iou")
    assert "detecting" not in answer["kept_each"]


def test_scores_of_classes_in_a_table_of_the_file_are_not_written_twice(make_context: MakeContext, file: Path) -> None:
    file.write_text("[class_confidence]\ndog = 0.9\n")
    with open_page(replace(make_context(), config_file=ConfigFile(file))) as page:
        kept = page.change({"class_confidence": {"dog": 0.6}}).json["kept"]
    assert kept.endswith("stays as it is: cannot find the line of class_confidence")
    assert load(file, {}).class_confidence == {"dog": 0.9}


def test_while_detection_is_off_nothing_has_a_speed(make_context: MakeContext) -> None:
    now_s = iter(float(second) for second in range(1000))
    meter = Meter(clock=lambda: next(now_s), temperature=lambda: 50.0, throttling=lambda: None)
    context = make_context(meter=meter)
    with open_page(context) as page:
        for number in range(3):
            meter.record(make.result(number))
            page.sink.write(make.result(number))
        on = page.ask("/api/status").json["sample"]
        assert (on["fps"], on["latency_p50_ms"], on["soc_temperature_c"]) == (1.0, 10.0, 50.0)
        context.detector.is_on = False
        off = page.ask("/api/status").json["sample"]
        assert (off["fps"], off["latency_p50_ms"], off["latency_p95_ms"]) == (None, None, None)
        assert off["soc_temperature_c"] == 50.0
        assert on["at_s"] <= off["at_s"] <= on["at_s"] + 60
