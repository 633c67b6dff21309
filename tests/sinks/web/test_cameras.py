"""The page of a run with several cameras."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge_detector.cameras import Camera
from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.running.meter import Meter
from edge_detector.sinks.web import WebSink
from edge_detector.types import Frame, Result
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import open_page

CAMERAS = Camera("0", name="porch"), Camera("1", name="yard")


class Working:
    name, dropped, silent_s = "porch", 7, None


class Silent:
    name, dropped, silent_s = "yard", 0, 12.4


def seen(camera: str, value: int) -> Result:
    picture = np.full((360, 640, 3), value, np.uint8)
    return replace(make.result(), frame=Frame(picture, 0, 0, camera=camera))


def test_the_page_shows_all_and_speaks_of_each(make_context: MakeContext) -> None:
    meter = Meter(cameras=(Working(), Silent()), temperature=lambda: None, throttling=lambda: None)
    with open_page(make_context(meter=meter, cameras=CAMERAS)) as page:
        for result in (seen("porch", 50), seen("yard", 200)):
            meter.record(result)
            page.sink.write(result)
        image = cv2.imdecode(np.frombuffer(page.ask("/snapshot.jpg").body, np.uint8), cv2.IMREAD_COLOR)
        assert image.shape == (720, 1280, 3)
        assert image[250:450, 50:500].mean() == pytest.approx(50, abs=2)
        assert image[250:450, 700:1200].mean() == pytest.approx(200, abs=2)
        assert page.ask("/healthz").text == "ok\nporch unknown\nyard silent for 12 s\n"
        assert page.ask("/api/status").json["cameras"] == {
            "porch": {"fps": None, "dropped": 7, "silent_s": None},
            "yard": {"fps": None, "dropped": 0, "silent_s": 12.4},
        }
        metrics = page.ask("/metrics").text
    assert 'edge_detector_camera_frames_dropped_total{camera="porch"} 7.0' in metrics
    assert 'edge_detector_camera_silent_seconds{camera="yard"} 12.4' in metrics


def test_one_camera_has_no_list_of_cameras(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        page.sink.write(make.result())
        assert "cameras" not in page.ask("/api/status").json
        assert page.ask("/healthz").text == "ok\n"
        assert "camera_" not in page.ask("/metrics").text


def test_mistakes_are_marked_on_the_pictures_of_one_camera(make_context: MakeContext, tmp_path) -> None:
    with pytest.raises(ConfigError, match="mistakes can be marked on the pictures of one camera only"):
        WebSink(Spec.parse(f"web:127.0.0.1:0?mistakes={tmp_path}"), make_context(cameras=CAMERAS))
