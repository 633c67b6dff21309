"""No output shows the password of the camera that its pictures come from."""

from __future__ import annotations

import json

import pytest

from edge_detector.options import Spec
from edge_detector.registry import SINKS
from edge_detector.sinks.jsonl import JsonlSink
from tests import make
from tests.sinks.conftest import MakeContext

PERSON = ((10.0, 20.0, 110.0, 220.0), 0.9, 0)
PASSWORD = "swordfish"
SOURCE = f"rtsp://ada:{PASSWORD}@porch/live?token={PASSWORD}"


@pytest.mark.parametrize("path", ["/", "/api/status", "/api/history", "/api/settings", "/metrics", "/healthz"])
def test_the_web_page_does_not_show_it(make_context: MakeContext, path: str) -> None:
    pytest.importorskip("aiohttp", reason="needs the extra [web]")
    from tests.sinks.web.pages import open_page

    context = make_context(live=True, source=SOURCE, sinks=tuple(SINKS))
    with open_page(context) as page:
        context.meter.record(make.result(0, PERSON))
        page.sink.write(make.result(0, PERSON))
        answer = page.ask(path)
    assert answer.status == 200
    assert PASSWORD not in answer.text


def test_a_broker_does_not_get_it(make_context: MakeContext) -> None:
    pytest.importorskip("paho.mqtt", reason="needs the extra [mqtt]")
    from edge_detector.sinks.mqtt.sink import MqttSink, message

    context = make_context(live=True, source=SOURCE, classes=("person",))
    sink = MqttSink(Spec.parse("mqtt:127.0.0.1:9?discovery=true"), context)
    assert PASSWORD not in json.dumps(sink._announcements) + message(make.result(0, PERSON)) + repr(sink)


def test_a_file_of_detections_does_not_hold_it(make_context: MakeContext, tmp_path) -> None:
    path = tmp_path / "out.jsonl"
    with JsonlSink(Spec("jsonl", str(path)), make_context(source=SOURCE)) as sink:
        sink.write(make.result(0, PERSON))
    assert PASSWORD not in path.read_text()
