"""A privacy mask is black in every picture that leaves the program.

Films, clips and snapshots of a whole run are in tests/running/test_places.py; here are the page, the window, MQTT and
the pictures of visits. Each gets what the pipeline gives: a white photograph with a mask over its left half.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.options import Spec
from edge_detector.pipeline import watch
from edge_detector.sinks import open_sink
from edge_detector.sinks.notify.ntfy import NtfySink
from edge_detector.sinks.web.app import Site
from edge_detector.sinks.web.marks import Marks
from edge_detector.sinks.web.models import Models
from edge_detector.sinks.window.sink import WindowSink
from edge_detector.track.places import Mask
from edge_detector.types import Result
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import open_page
from tests.sinks.window.test_window import FakeScreen, Opener

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
WIDTH, HEIGHT = 320, 240
BLUR_PX = 16  # a block of JPEG with halved colours: so far may black and white mix
STREAMS = {"/stream.mjpg", "/api/pictures", "/api/detections"}  # of the page; their answers do not end
MARKED = "/api/mistakes/{id}.jpg"


@pytest.fixture
def masked(tmp_path: Path) -> Result:
    """What the pipeline makes of the photograph."""
    cv2.imwrite(str(tmp_path / "white.png"), np.full((HEIGHT, WIDTH, 3), 255, np.uint8))
    with watch(tmp_path / "white.png", runtime="fake", masks=(Mask(LEFT_HALF, "privacy"),)) as results:
        (result,) = results
    return result


def assert_masked(picture: NDArray[np.uint8], *, edge: float = 0.5) -> None:
    """Black up to ``edge`` of its width, white after it; above and below, figures may be drawn."""
    height, width = picture.shape[:2]
    band = picture[height // 4 : height * 3 // 4]
    assert band[:, : round(width * edge) - BLUR_PX].max() < 16
    assert band[:, round(width * edge) + BLUR_PX :].min() > 240


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_the_page_shows_nothing_of_it(masked: Result, make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        page.sink.write(masked)
        with page.viewer() as viewer:
            assert_masked(viewer.picture())
        with page.viewer("/api/pictures") as viewer:
            assert_masked(viewer.clean_picture()[1])
        for path in ("/snapshot.jpg", "/frame.jpg"):
            assert_masked(decoded(page.ask(path).body))


def test_a_marked_picture_shows_nothing_of_it(masked: Result, make_context: MakeContext, tmp_path: Path) -> None:
    with open_page(make_context(), f"web:127.0.0.1:0?mistakes={tmp_path / 'mistakes'}") as page:
        page.sink.write(masked)
        with page.viewer("/api/pictures") as viewer:
            seen, _ = viewer.clean_picture()
        frozen = json.dumps({"sequence": seen["sequence"]})
        held = page.ask("/api/mistakes/frozen", method="POST", body=frozen, content_type="application/json").json
        path = f"/api/mistakes/{held['id']}"
        assert_masked(decoded(page.ask(f"{path}.jpg").body))
        page.ask(path, method="PUT", body='{"objects": []}', content_type="application/json")
    (kept,) = (tmp_path / "mistakes").glob("*.jpg")
    assert_masked(decoded(kept.read_bytes()))


def test_the_page_gives_no_picture_elsewhere(masked: Result, make_context: MakeContext) -> None:
    """A new address that gives one needs a line in the test above."""
    routes = [*Site.__new__(Site).routes(), *Marks.__new__(Marks).routes(), *Models.__new__(Models).routes()]
    asked = {route.path for route in routes if route.method == "GET"} - STREAMS - {MARKED}
    with open_page(make_context()) as page:
        page.sink.write(masked)
        kinds = {path: page.ask(path).headers.get("Content-Type", "") for path in asked}
    pictures = {path for path, kind in kinds.items() if kind.startswith(("image/", "video/", "multipart/"))}
    assert pictures == {"/snapshot.jpg", "/frame.jpg", "/icon.svg"}
    assert kinds["/icon.svg"].startswith("image/svg+xml")


@pytest.mark.parametrize("size", [(WIDTH, HEIGHT), (1280, 960)])
def test_the_window_shows_and_saves_nothing_of_it(
    masked: Result, make_context: MakeContext, tmp_path: Path, size: tuple[int, int]
) -> None:
    screen = FakeScreen(size)
    spec = Spec("window", options={"snapshots": str(tmp_path / "saved")})
    with WindowSink(spec, make_context(), open_screen=Opener(screen)) as sink:
        sink.write(masked)
        screen.typed.append("s")
        sink.idle()
    (saved,) = (tmp_path / "saved").iterdir()
    for picture in (*screen.pictures, decoded(saved.read_bytes())):
        assert_masked(picture)


def test_the_picture_of_a_visit_shows_nothing_of_it(masked: Result, make_context: MakeContext, tmp_path: Path) -> None:
    box = (60.0, 40.0, 260.0, 200.0)  # with a margin of 30 pixels: from 30 to 290, its middle is at the mask's edge
    change = make.visit_change("started", best_box=box, best_ns=masked.frame.timestamp_ns)
    with open_sink(f"events:{tmp_path}", make_context()) as sink:
        sink.write(replace(masked, visits=(change,)))
    (picture,) = (tmp_path / "events-pictures").iterdir()
    assert_masked(decoded(picture.read_bytes()))


def test_mqtt_publishes_no_picture_but_for_home_assistant(
    masked: Result, make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    mqtt = pytest.importorskip("edge_detector.sinks.mqtt.sink", reason="needs the extra [mqtt]")
    published: dict[str, bytes | str] = {}

    def note(_: object, topic: str, content: bytes | str, *___: object, **____: object) -> Any:
        published[topic] = content
        return mqtt.MQTTMessageInfo(len(published))

    monkeypatch.setattr(mqtt.Client, "is_connected", lambda _: True)
    monkeypatch.setattr(mqtt.Client, "subscribe", lambda *_: None)
    monkeypatch.setattr(mqtt.Client, "publish", note)
    visits = tuple(make.visit_change(kind, best_ns=masked.frame.timestamp_ns) for kind in ("started", "ended"))
    for query in ("", "?discovery=homeassistant"):
        sink = mqtt.MqttSink(Spec.parse(f"mqtt:broker{query}"), make_context(track=True))
        sink._on_connect(sink._client, None, None, SimpleNamespace(is_failure=False), None)
        sink.write(replace(masked, visits=visits))
        pictures = [content for content in published.values() if isinstance(content, bytes)]
        texts = [content for content in published.values() if isinstance(content, str)]
        assert len(pictures) == bool(query)
        assert all(len(text) < 3000 and "/9j/" not in text for text in texts)  # how a JPEG file begins in base64
    assert_masked(decoded(pictures[0]))


def test_a_message_to_a_telephone_shows_nothing_of_it(
    masked: Result, make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes | None] = []
    monkeypatch.setattr(NtfySink, "deliver", lambda _, message, picture: sent.append(picture))
    change = make.visit_change("started", best_ns=masked.frame.timestamp_ns)
    with NtfySink(Spec.parse("ntfy:http://127.0.0.1:9/topic"), make_context(track=True)) as sink:
        sink.write(replace(masked, frame=replace(masked.frame, file=None), visits=(change,)))
    (picture,) = sent
    assert picture is not None
    assert_masked(decoded(picture))
