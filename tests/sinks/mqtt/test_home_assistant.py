"""What Home Assistant is told, what it may change, and what it hears back."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import pytest

pytest.importorskip("paho.mqtt", reason="needs the extra [mqtt]")

from edge_detector.sinks.mqtt.best_picture import BestPicture
from edge_detector.sinks.mqtt.controls import Controls
from edge_detector.sinks.mqtt.homeassistant import Device, discovery
from edge_detector.sinks.mqtt.inside import Inside
from edge_detector.sinks.mqtt.states import States
from edge_detector.sinks.mqtt.topics import Topics
from edge_detector.track.places import Zone
from tests import make
from tests.sinks.conftest import FakeDetector
from tests.sinks.mqtt.mosquitto import Subscriber, listening
from tests.sinks.mqtt.test_mqtt import DETECTIONS, sink_for

TOPICS = Topics("porch/seen", "porch/status")
DEVICE = Device("Porch", TOPICS, "m", ("person", "dog"), {"drive": (), "lawn": ("dog",)}, True, True)
SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


def entities(device: Device = DEVICE) -> dict[str, dict]:
    """The configurations by COMPONENT/NAME."""
    told = {tuple(topic.split("/")): json.loads(body) for topic, body in discovery("ha", device).items()}
    return {f"{component}/{name}": body for (_, component, _, name, _), body in told.items()}


def answer(config: dict, value: object) -> str:
    jinja2 = pytest.importorskip("jinja2", reason="needs Home Assistant's template language")
    return jinja2.Environment().from_string(config["value_template"]).render(value_json=value)


def test_all_entities_are_of_one_device_with_a_proper_name() -> None:
    told = entities().values()
    assert {json.dumps(each["device"], sort_keys=True) for each in told} == {
        json.dumps(next(iter(told))["device"], sort_keys=True)
    }
    assert next(iter(told))["device"]["name"] == "Porch"
    assert {each["origin"]["name"] for each in told} == {"edge-detector"}
    assert len({each["unique_id"] for each in told}) == len(told)


def test_there_is_an_entity_for_everything() -> None:
    assert set(entities()) == {
        "sensor/objects",
        *("sensor/person_count", "binary_sensor/person", "sensor/dog_count", "binary_sensor/dog"),
        *("binary_sensor/zone_drive", "binary_sensor/zone_drive_person", "binary_sensor/zone_drive_dog"),
        *("binary_sensor/zone_lawn", "binary_sensor/zone_lawn_dog"),
        *(
            "sensor/fps",
            "sensor/temperature",
            "sensor/latency",
            "image/picture",
            "number/confidence",
            "switch/detection",
        ),
    }


def test_what_is_switched_off_has_no_entity() -> None:
    assert not {"image/picture", "number/confidence", "switch/detection"} & set(
        entities(replace(DEVICE, has_picture=False, is_controlled=False))
    )


@pytest.mark.parametrize(
    ("name", "inside", "expected"),
    [
        ("binary_sensor/zone_drive", {}, "OFF"),
        ("binary_sensor/zone_drive", {"drive": {}}, "OFF"),
        ("binary_sensor/zone_drive", {"drive": {"cat": 1}}, "ON"),
        ("binary_sensor/zone_drive_person", {"drive": {"cat": 1}}, "OFF"),
        ("binary_sensor/zone_drive_person", {"drive": {"person": 2}}, "ON"),
        ("binary_sensor/zone_lawn_dog", {"drive": {"dog": 2}}, "OFF"),
    ],
)
def test_the_templates_of_zones_say_who_is_there(name: str, inside: dict, expected: str) -> None:
    assert answer(entities()[name], inside) == expected


def test_who_is_in_a_zone_follows_the_visits() -> None:
    inside = Inside()
    steps = [
        ("started", "", {}),
        ("entered", "drive", {"drive": {"person": 1}}),
        ("updated", "", {"drive": {"person": 1}}),
        ("left", "drive", {"drive": {}}),
        ("entered", "drive", {"drive": {"person": 1}}),
        ("ended", "", {"drive": {}}),
    ]
    for kind, place, expected in steps:
        inside.take([make.visit_change(kind, place=place)])
        assert inside.counts() == expected


def test_a_visit_that_is_renamed_counts_under_its_new_name() -> None:
    inside = Inside()
    inside.take([make.visit_change("entered", place="drive"), make.visit_change("renamed", label="dog")])
    assert inside.counts() == {"drive": {"dog": 1}}


def test_a_state_is_said_when_it_changes_and_when_it_could_not_be_said() -> None:
    said: list[str] = []
    works = [False]
    states = States(lambda _, text: works[0] and not said.append(text))
    states.say("t", "1")
    works[0] = True
    for text in ("1", "1", "2"):
        states.say("t", text)
    states.forget()
    states.say("t", "2")
    assert said == ["1", "2", "2"]


def test_a_better_picture_comes_at_most_every_two_seconds() -> None:
    pictures = BestPicture()
    times = [0.0, 0.5, 1.5, 2.0, 2.5]
    made = [pictures.of(make.moment(at_s, make.visit_change("updated", seen_s=at_s))) is not None for at_s in times]
    assert made == [True, False, False, True, False]
    other = make.moment(2.6, make.visit_change("started", 2, seen_s=2.6))
    assert pictures.of(other) is not None
    assert pictures.of(make.moment(9.0, make.visit_change("updated", 2, seen_s=9.0, best_ns=0))) is None


def test_a_command_changes_the_confidence() -> None:
    detector = FakeDetector()
    controls = Controls(TOPICS, detector)
    assert controls.commands == ("porch/seen/confidence/set", "porch/seen/detection/set")
    controls.take("porch/seen/confidence/set", b" 0.35 ")
    assert detector.thresholds.confidence == 0.35
    assert controls.states() == {"porch/seen/confidence": "0.35", "porch/seen/detection": "ON"}


def test_a_command_switches_the_detection_off_and_on() -> None:
    detector = FakeDetector()
    controls = Controls(TOPICS, detector)
    states = []
    for word in (b"OFF", b"perhaps", b"on"):
        controls.take("porch/seen/detection/set", word)
        states.append((detector.is_on, controls.states()["porch/seen/detection"]))
    assert states == [(False, "OFF"), (False, "OFF"), (True, "ON")]


@pytest.mark.parametrize("payload", [b"", b"much", b"1.5", b"nan", b"-0.1", b"\xff" * 500])
def test_a_wrong_command_changes_nothing_and_is_said(payload: bytes, caplog: pytest.LogCaptureFixture) -> None:
    detector = FakeDetector()
    before = detector.thresholds
    Controls(TOPICS, detector).take("porch/seen/confidence/set", payload)
    assert detector.thresholds == before
    assert "expected a number from 0 to 1" in caplog.text
    assert len(caplog.text) < 300


def test_a_command_comes_in_and_the_new_value_comes_back(broker, heard, make_context) -> None:
    context = make_context(track=True, classes=("person",), zones=(Zone("drive", SQUARE),))
    with listening(broker.port) as subscriber, sink_for(context, broker.port, "?discovery=true") as sink:
        heard.wait_for("connected")
        sink.idle()
        assert subscriber.next(f"{DETECTIONS}/confidence") == "0.5"
        assert json.loads(subscriber.next(f"{DETECTIONS}/zones")) == {}
        assert "temperature_c" in json.loads(subscriber.next(f"{DETECTIONS}/state"))
        sink.write(make.moment(0, make.visit_change("entered", place="drive")))
        assert json.loads(subscriber.next(f"{DETECTIONS}/zones")) == {"drive": {"person": 1}}
        told = publish_and_wait(subscriber, f"{DETECTIONS}/confidence/set", "0.7", heard)
        assert told == f"mqtt: {DETECTIONS}/confidence is now 0.7"
        sink.idle()
        assert subscriber.next(f"{DETECTIONS}/confidence") == "0.7"
    assert context.detector.thresholds.confidence == 0.7


def publish_and_wait(subscriber: Subscriber, topic: str, text: str, heard) -> str:
    """Publish a command; returns what the sink says of it."""
    subscriber.publish(topic, text)
    return heard.wait_for("is now")


def test_without_control_a_command_is_not_even_received(make_context) -> None:
    sink = sink_for(make_context(), 9, "?discovery=true&control=false")
    assert sink._controls is None
    assert not sink._client.listens
    assert not [topic for topic in sink._announcements if "/number/" in topic]


@pytest.fixture(autouse=True)
def said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "edge_detector.sinks.mqtt")
