"""MQTT with a real broker: what is published, and what happens while the broker is down, frozen or unwilling."""

from __future__ import annotations

import contextlib
import json
import queue
import re
import shutil
import socket
import subprocess
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

pytest.importorskip("paho.mqtt", reason="needs the extra [mqtt]")

from edge_detector.cameras import Camera
from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.sinks import background, open_sink
from edge_detector.sinks.mqtt import sink as mqtt_sink
from edge_detector.sinks.mqtt.client import MqttOptions
from edge_detector.sinks.mqtt.homeassistant import Device, discovery, identifier
from edge_detector.sinks.mqtt.sink import MqttSink, message, visit_message
from edge_detector.sinks.mqtt.topics import Topics
from edge_detector.types import Result, Timings
from tests import make
from tests.sinks.mqtt.mosquitto import PATIENCE_S, Broker, RudeBroker, listening, patient_subscriber, program

PERSON = ((10.0, 20.0, 110.0, 220.0), 0.9, 0)
DETECTIONS = f"edge-detector/{socket.gethostname()}"
STATUS = f"{DETECTIONS}/status"
ID = identifier(DETECTIONS)
RETRY_S = (0.05, 0.1)


def sink_for(context, port: int, query: str = "") -> MqttSink:
    return MqttSink(Spec.parse(f"mqtt:127.0.0.1:{port}{query}"), context, retry_s=RETRY_S)


def at(seconds: float, *rows) -> Result:
    """A result of a frame taken at that time."""
    return Result(make.frame(timestamp_ns=round(seconds * 1e9)), make.detections(*rows), Timings(0, 0, 0, 0))


def large_result() -> Result:
    """A result whose message has some 80 KB."""
    return Result(make.frame(), make.detections(*[PERSON] * 1000), Timings(0, 0, 0, 0))


def test_a_frame_with_detections_is_one_message(broker, heard, make_context) -> None:
    context = make_context()
    with listening(broker.port) as subscriber:
        with sink_for(context, broker.port) as sink:
            heard.wait_for("connected")
            sink.write(make.result(7, PERSON))
            assert subscriber.next(STATUS) == "online"
            body = json.loads(subscriber.next(DETECTIONS))
        assert subscriber.next(STATUS) == "offline"
    assert datetime.fromisoformat(body.pop("time")).tzinfo == UTC
    assert body == {
        "sequence": 7,
        "timestamp_ns": 0,
        "width": 320,
        "height": 240,
        "latency_ms": 10.0,
        "detections": [{"label": "person", "class_id": 0, "score": 0.9, "box": [10.0, 20.0, 110.0, 220.0]}],
    }
    assert (sink.produced, sink.dropped) == (1, 0)
    assert context.meter.produced["mqtt broker"] == 1


def test_each_camera_has_a_connection_and_topics_of_its_own(broker, heard, make_context) -> None:
    cameras = Camera("0", name="porch"), Camera("1", name="yard")
    frames = [replace(make.frame(7), camera=camera.name) for camera in cameras]
    with listening(broker.port) as subscriber:
        with open_sink(f"mqtt:127.0.0.1:{broker.port}?topic=home", make_context(cameras=cameras, live=True)) as sink:
            heard.wait_for("connected")
            heard.wait_for("connected")
            for frame in frames:
                sink.write(Result(frame, make.detections(PERSON), Timings(0, 0, 0, 0)))
            for name in ("porch", "yard"):
                assert subscriber.next(f"home/{name}/status") == "online"
                assert json.loads(subscriber.next(f"home/{name}"))["camera"] == name
        for name in ("porch", "yard"):
            assert subscriber.next(f"home/{name}/status") == "offline"


def published(sink: MqttSink, monkeypatch: pytest.MonkeyPatch, results: list[Result]) -> list[int]:
    """The positions of the results that would be published."""
    sent: list[int] = []
    monkeypatch.setattr(sink._client, "is_connected", lambda: True)

    def publish(position: int):
        def note(*_):
            sent.append(position)
            info = mqtt_sink.MQTTMessageInfo(position)
            info._set_as_published()
            return info

        return note

    for position, result in enumerate(results):
        monkeypatch.setattr(sink._client, "publish", publish(position))
        sink.write(result)
    return sent


def test_frames_without_detections_are_silent_but_for_the_first(make_context, monkeypatch) -> None:
    sink = sink_for(make_context(), 9)
    results = [at(0), at(1, PERSON), at(2, PERSON), at(3), at(4), at(5, PERSON), at(6)]
    assert published(sink, monkeypatch, results) == [1, 2, 3, 5, 6]


def test_an_interval_limits_the_messages(make_context, monkeypatch) -> None:
    sink = sink_for(make_context(), 9, "?interval=2s")
    results = [at(0, PERSON), at(1, PERSON), at(2, PERSON), at(2.1), at(2.15, PERSON), at(2.3), at(4, PERSON)]
    assert published(sink, monkeypatch, results) == [0, 2, 3, 6]


def test_other_objects_are_told_at_once_but_a_flickering_one_is_not(make_context, monkeypatch) -> None:
    sink = sink_for(make_context(), 9, "?interval=1h")
    both = (PERSON, ((0.0, 0.0, 50.0, 50.0), 0.8, 1))
    results = [at(0, PERSON), at(1, *both), at(1.1, PERSON), at(1.15, *both), at(1.3, PERSON), at(5, PERSON)]
    assert published(sink, monkeypatch, results) == [0, 1, 4]


def test_an_interval_limits_what_is_lost_too(make_context) -> None:
    sink = sink_for(make_context(), 9, "?interval=2s")
    for seconds in range(10):
        sink.write(at(seconds, PERSON))
    for seconds in range(10, 20):
        sink.write(at(seconds))
    assert sink.dropped == 5 + 1


def test_no_message_is_sent_before_there_is_a_broker_and_they_are_counted(tmp_path, heard, make_context) -> None:
    broker, context = Broker(tmp_path), make_context()
    with sink_for(context, broker.port, "?interval=0") as sink:
        heard.wait_for("cannot reach the broker ([Errno 111] Connection refused)")
        for sequence in range(3):
            sink.write(make.result(sequence, PERSON))
        assert context.meter.dropped["mqtt broker"] == 3
        broker.start()
        heard.wait_for("connected")
        with listening(broker.port) as subscriber:
            sink.write(make.result(3, PERSON))
            assert json.loads(subscriber.next(DETECTIONS))["sequence"] == 3
    broker.kill()
    assert (sink.produced, sink.dropped) == (1, 3)
    heard.wait_for("3 of 4 messages could not be sent")


def test_a_broker_killed_and_started_again_is_found_again(broker, heard, make_context) -> None:
    with sink_for(make_context(), broker.port) as sink:
        heard.wait_for("connected")
        broker.kill()
        heard.wait_for("the connection is lost")
        sink.write(make.result(0, PERSON))
        heard.wait_for("cannot reach the broker")
        broker.start()
        heard.wait_for("connected")
        with listening(broker.port) as subscriber:
            assert subscriber.next(STATUS) == "online"  # retained by the new broker
            sink.write(make.result(1, PERSON))
            assert json.loads(subscriber.next(DETECTIONS))["sequence"] == 1
    assert sink.dropped == 1


def test_a_new_connection_brings_the_state_even_if_nothing_is_seen(broker, heard, make_context) -> None:
    with listening(broker.port) as subscriber, sink_for(make_context(), broker.port, "?interval=0") as sink:
        heard.wait_for("connected")
        sink.write(make.result(0))
        sink.write(make.result(1))
        sink.write(make.result(2, PERSON))
        bodies = [json.loads(subscriber.next(DETECTIONS)) for _ in range(2)]
    assert [body["sequence"] for body in bodies] == [0, 2]


def test_a_detector_that_dies_leaves_its_last_will(broker, heard, make_context) -> None:
    with listening(broker.port) as subscriber, sink_for(make_context(), broker.port) as sink:
        assert subscriber.next(STATUS) == "online"
        sink._hang_up()  # the network goes without a word
        assert subscriber.next(STATUS) == "offline"
        assert subscriber.next(STATUS) == "online"  # and the sink comes back


def test_a_frozen_broker_neither_fills_the_memory_nor_holds_up_the_end(
    broker, heard, make_context, monkeypatch
) -> None:
    monkeypatch.setattr(mqtt_sink, "GOODBYE_TIMEOUT_S", 0.1)
    monkeypatch.setattr(background, "DRAIN_TIMEOUT_S", 10.0)  # less than the broker's keep-alive takes
    context = make_context()
    with open_sink(f"mqtt:127.0.0.1:{broker.port}?interval=0", context) as sink:
        heard.wait_for("connected")
        broker.freeze()
        for _ in range(500):  # 40 MB: more than the sockets take
            sink.write(large_result())
    inner = sink._sink
    assert inner.dropped > 300
    assert inner.produced + inner.dropped == 500


def test_a_wrong_password_is_said_once_and_a_right_one_works(tmp_path, heard, make_context) -> None:
    secret = tmp_path / "secret"
    secret.write_text("swordfish\n")
    passwords = tmp_path / "passwords"
    program()
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "ada", "swordfish"], check=True, timeout=PATIENCE_S)
    passwords.chmod(0o644)
    broker = Broker(tmp_path, "allow_anonymous false", f"password_file {passwords}", "user root")
    broker.start()
    try:
        with sink_for(make_context(), broker.port, "?username=eve"):
            assert "Not authorized" in heard.wait_for("refuses the connection")
        query = f"?username=ada&password_file={secret}"
        with listening(broker.port, username="ada", password="swordfish") as subscriber:
            with sink_for(make_context(), broker.port, query):
                assert subscriber.next(STATUS) == "online"
            assert subscriber.next(STATUS) == "offline"
    finally:
        broker.kill()


def certificates(folder: Path) -> None:
    """An authority, and what it signs for the broker on this machine and for a client."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    authority = ("-x509", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    make_certificate(folder, *authority)
    for name, subject in (("broker", "/CN=127.0.0.1"), ("client", "/CN=porch")):
        signed = ("-x509", "-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "subjectAltName=IP:127.0.0.1")
        make_certificate(folder, *signed, "-subj", subject, "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(folder: Path, *arguments: str) -> None:
    command = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-days", "2", *arguments]
    subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=PATIENCE_S)


def test_a_broker_that_asks_for_a_certificate_gets_one(tmp_path, heard, make_context) -> None:
    certificates(tmp_path)
    files = [f"cafile {tmp_path}/ca.pem", f"certfile {tmp_path}/broker.pem", f"keyfile {tmp_path}/broker.key"]
    broker = Broker(tmp_path, *files, "require_certificate true", "allow_anonymous true", "user root")
    broker.start()
    query = f"?tls=true&ca_file={tmp_path}/ca.pem"
    own = f"cert_file={tmp_path}/client.pem&key_file={tmp_path}/client.key"
    try:
        with sink_for(make_context(), broker.port, query):
            heard.wait_for("trying again")
        with sink_for(make_context(), broker.port, f"{query}&{own}"):
            heard.wait_for("connected")
    finally:
        broker.kill()


def test_a_broker_that_stays_away_is_one_line(tmp_path, heard, make_context) -> None:
    tries: queue.Queue[None] = queue.Queue()
    with sink_for(make_context(), Broker(tmp_path).port) as sink:
        said = sink._client.on_connect_fail
        sink._client.on_connect_fail = lambda *arguments: (said(*arguments), tries.put(None))
        for _ in range(3):
            tries.get(timeout=PATIENCE_S)
    assert len(heard.rest()) == 1


def test_a_broker_that_hangs_up_for_a_year_fills_neither_the_memory_nor_the_log(heard, make_context) -> None:
    context = make_context(classes=make.LABELS)
    with RudeBroker() as broker, sink_for(context, broker.port, "?discovery=homeassistant") as sink:
        for _ in range(100):
            broker.calls.get(timeout=PATIENCE_S)
        most = mqtt_sink.MOST_WAITING + mqtt_sink.MOST_IN_FLIGHT + len(sink._announcements)
        assert len(sink._client._out_messages) <= most
    said = heard.rest()
    assert len(said) <= 2 * mqtt_sink.MOST_SHORT
    assert said[-1].endswith("the broker closes the connection again and again; has another client the same client_id?")


@pytest.mark.parametrize(
    ("chatter", "complaint"),
    [
        (RudeBroker.CONNACK, "accepts one connection twice"),
        (b"\x34\x0c\0\1a\0\1" + 7 * b"x", "sends what nobody has asked for"),  # PUBLISH, QoS 2
        (b"\x30\xff\xff\xff\x7f" + 1000 * b"x", "sends what nobody has asked for"),  # PUBLISH, 256 MB
        (b"\x30\x02\0\0", "sends what nobody has asked for"),  # the shortest PUBLISH
        (b"\x62\x02\0\1", "sends what nobody has asked for"),  # PUBREL
        (b"\xc0\0", "sends what nobody has asked for"),  # PINGREQ
    ],
    ids=["connack", "qos 2", "huge", "short", "pubrel", "pingreq"],
)
def test_a_broker_that_floods_its_clients_is_left_and_fills_neither_memory_nor_log(
    heard, make_context, monkeypatch, chatter, complaint
) -> None:
    monkeypatch.setattr(mqtt_sink, "SHORT_S", 0.0)  # however long it takes to get to the flood
    with RudeBroker(chatter) as broker, sink_for(make_context(), broker.port) as sink:
        for _ in range(20):
            broker.calls.get(timeout=PATIENCE_S)
        client = sink._client
        assert len(client._in_messages) == 0
        assert len(client._out_packet) + len(client._out_messages) <= mqtt_sink.MOST_WAITING + 5
        assert len(client._in_packet["packet"]) <= 2
    said = heard.rest()
    assert said[1].endswith(f"the broker {complaint}: hung up; trying again")
    assert len(said) <= 2 * mqtt_sink.MOST_SHORT


@pytest.mark.parametrize("chatter", [b"\x34\x0c\0\1a\0\1" + 7 * b"x", b"\x30\xff\xff\xff\x7f" + 1000 * b"x"])
def test_a_client_that_listens_leaves_a_broker_that_floods_it(heard, make_context, monkeypatch, chatter) -> None:
    """With messages of QoS 2, which the client would have to keep, or with huge ones."""
    with RudeBroker(chatter) as broker, sink_for(make_context(), broker.port, "?discovery=true") as sink:
        for _ in range(5):
            broker.calls.get(timeout=PATIENCE_S)
        assert len(sink._client._in_messages) == 0
    heard.wait_for("sends what nobody has asked for: hung up")


def test_a_client_full_of_unconfirmed_messages_still_leaves(broker, heard, make_context, monkeypatch) -> None:
    full = mqtt_sink.MQTTMessageInfo(1)
    full.rc = mqtt_sink.MQTTErrorCode.MQTT_ERR_QUEUE_SIZE
    with sink_for(make_context(), broker.port) as sink:
        heard.wait_for("connected")
        monkeypatch.setattr(sink._client, "publish", lambda *_args, **_kwargs: full)
    assert not sink._client.is_connected()


def test_visits_have_a_topic_of_their_own_beside_the_frames(broker, heard, make_context) -> None:
    changes = [
        make.visit_change("started", 12, seen_s=1.0),
        make.visit_change("updated", 12, seen_s=2.0),
        make.visit_change("crossed", 12, seen_s=3.0, place="street", direction="in"),
        make.visit_change("ended", 12, seen_s=4.5),
        make.visit_change("started", 13, "dog", seen_s=4.5),
    ]
    context = make_context(track=True)
    with listening(broker.port) as subscriber, sink_for(context, broker.port, "?interval=1h") as sink:
        heard.wait_for("connected")
        for at_s, told in ((1.0, changes[:1]), (2.0, changes[1:2]), (3.0, changes[2:3]), (4.5, changes[3:])):
            sink.write(make.moment(at_s, *told))
        bodies = [json.loads(subscriber.next(f"{DETECTIONS}/visits")) for _ in range(4)]
        frames = [json.loads(subscriber.next(DETECTIONS))["timestamp_ns"] for _ in range(2)]
    assert frames == [10**9, 4_500_000_000]  # when a dog comes, too
    assert [(body["kind"], body["id"], body["label"], body["duration_s"]) for body in bodies] == [
        ("started", "3f9a1c2e-12", "person", 1.0),
        ("crossed", "3f9a1c2e-12", "person", 3.0),
        ("ended", "3f9a1c2e-12", "person", 4.5),
        ("started", "3f9a1c2e-13", "dog", 4.5),
    ]
    assert (bodies[1]["place"], bodies[1]["direction"]) == ("street", "in")
    assert all(datetime.fromisoformat(body["time"]).tzinfo == UTC for body in bodies)
    assert (sink.produced, sink.dropped) == (2 + 4, 0)


def test_visits_without_a_broker_wait_for_the_next_run(broker, tmp_path, heard, make_context) -> None:
    context = make_context(track=True)
    query = f"?queue={tmp_path / 'queue'}"
    away = Broker(tmp_path)
    with sink_for(context, away.port, query) as sink:
        sink.write(make.moment(0, make.visit_change("started"), make.visit_change("started", 2)))
    assert (sink.produced, sink.dropped) == (0, 1)
    heard.wait_for("2 messages about visits wait in")
    away.start()
    try:
        with listening(away.port) as subscriber, sink_for(context, away.port, query) as sink:
            heard.wait_for("connected")
            sink.idle()
            bodies = [json.loads(subscriber.next(f"{DETECTIONS}/visits")) for _ in range(2)]
    finally:
        away.kill()
    assert [body["message_id"] for body in bodies] == ["3f9a1c2e-1.1", "3f9a1c2e-2.1"]


RESTARTS = 3
EVENTS = 300


def test_every_event_arrives_once_though_the_broker_is_killed_again_and_again(tmp_path, heard, make_context) -> None:
    """The subscriber has a session that outlives its connections, as Home Assistant has."""
    settings = ("allow_anonymous true", "persistence true", f"persistence_location {tmp_path}/", "user root")
    broker = Broker(tmp_path, *settings, "max_queued_messages 0")
    broker.start()
    ids: list[str] = []
    try:
        with (
            patient_subscriber(broker.port, f"{DETECTIONS}/visits") as messages,
            sink_for(make_context(track=True), broker.port, f"?queue={tmp_path / 'queue'}") as sink,
        ):
            heard.wait_for("connected")
            for number in range(EVENTS):
                sink.write(make.moment(number, make.visit_change("started", number)))
                if number % (EVENTS // (RESTARTS + 1)) == EVENTS // (RESTARTS + 1) - 1:
                    broker.stop()
                    broker.start()
            while len(ids) < EVENTS:
                sink.idle()
                with contextlib.suppress(queue.Empty):
                    ids.append(json.loads(messages.get(timeout=0.1))["message_id"])
    finally:
        broker.kill()
    assert sorted(ids) == sorted(f"3f9a1c2e-{number}.1" for number in range(EVENTS))
    assert sink._visits.queue.lost == 0


def test_home_assistant_is_told_with_every_connection(broker, heard, make_context) -> None:
    context = make_context(classes=("person", "dog"))
    with listening(broker.port) as subscriber, sink_for(context, broker.port, "?discovery=homeassistant"):
        count = json.loads(subscriber.next(f"homeassistant/sensor/{ID}/objects/config"))
        person = json.loads(subscriber.next(f"homeassistant/binary_sensor/{ID}/person/config"))
    assert (count["state_topic"], count["availability_topic"]) == (DETECTIONS, STATUS)
    assert (person["unique_id"], person["name"]) == (f"{ID}_person", "Person")


def test_two_detectors_have_two_statuses(broker, heard, make_context) -> None:
    context = make_context()
    with listening(broker.port) as subscriber, sink_for(context, broker.port, "?topic=porch"):
        with sink_for(context, broker.port, "?topic=garden"):
            assert subscriber.next("garden/status") == "online"
        assert subscriber.next("garden/status") == "offline"
        with listening(broker.port, topics="+/status") as late:  # it gets what the broker keeps
            assert (late.next("porch/status"), late.next("garden/status")) == ("online", "offline")


@pytest.mark.parametrize(
    ("query", "status", "prefix"),
    [
        ("", STATUS, ""),
        ("?topic=porch/seen&discovery=true", "porch/seen/status", "homeassistant"),
        ("?status_topic=a/b&discovery=false", "a/b", ""),
        ("?status_topic=&discovery=", STATUS, ""),
        ("?discovery=ha", STATUS, "ha"),
        ("?discovery=home/ha-2.0", STATUS, "home/ha-2.0"),
        ("?topic=front%20porch/gesehen-grün", "front porch/gesehen-grün/status", ""),
    ],
)
def test_what_the_options_mean(make_context, query, status, prefix) -> None:
    options = sink_for(make_context(), 9, query)._options
    assert (options.topics.status, options.discovery_prefix) == (status, prefix)


@pytest.mark.parametrize("discovery", ["true", "homeassistant"])
def test_home_assistant_is_told_under_its_own_prefix(make_context, discovery) -> None:
    announced = sink_for(make_context(), 9, f"?discovery={discovery}")._announcements
    objects = f"homeassistant/sensor/{ID}/objects/config"
    assert list(announced)[:2] == [STATUS, objects]
    assert {topic.split("/")[0] for topic in list(announced)[1:]} == {"homeassistant"}


DEVICE = Device("Porch", Topics("t", "s"), "m", ("person", "dog"), {"drive": (), "lawn": ("dog",)}, True, True)


def test_the_templates_for_home_assistant_say_what_is_seen() -> None:
    jinja2 = pytest.importorskip("jinja2", reason="needs Home Assistant's template language")
    announced = discovery("homeassistant", DEVICE)
    body = {"value_json": json.loads(message(make.result(0, PERSON)))}

    def answer(topic: str) -> str:
        template = json.loads(announced[topic])["value_template"]
        return jinja2.Environment().from_string(template).render(body)

    assert answer("homeassistant/sensor/t/objects/config") == "1"
    assert answer("homeassistant/sensor/t/person_count/config") == "1"
    assert answer("homeassistant/sensor/t/dog_count/config") == "0"
    assert answer("homeassistant/binary_sensor/t/person/config") == "ON"
    assert answer("homeassistant/binary_sensor/t/dog/config") == "OFF"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("mqtt", "broker is missing; write mqtt:BROKER"),
        ("mqtt:host:port", "expected HOST or HOST:PORT"),
        ("mqtt:host:99999", "expected HOST or HOST:PORT"),
        ("mqtt:ada:secret@host", r"is not an address; .*password_file=FILE"),
        ("mqtt:host/path", "is not an address"),
        ("mqtt:a..b", "expected HOST or HOST:PORT"),
        ("mqtt:host?qos=3", "qos is 3; expected 0, 1 or 2"),
        ("mqtt:host?topic=a/%2B/b", r"topic is 'a/\+/b'"),
        ("mqtt:host?status_topic=%23", "status_topic is '#'"),
        ("mqtt:host?discovery=%2B", "discovery is '\\+'; expected something like homeassistant"),
        ("mqtt:host?discovery=my%20home", "discovery is 'my home'; expected something like homeassistant: letters"),
        ("mqtt:host?discovery=homeassistant/", "discovery is 'homeassistant/'; .*with / only between them"),
        ("mqtt:host?discovery=yes", "discovery is 'yes'; .*; or true or false"),
        ("mqtt:host?discovery=a//b", "discovery is 'a//b'; "),
        ("mqtt:host?topic=$SYS/porch", r"topic is '\$SYS/porch': it begins with \$"),
        ("mqtt:host?topic=a%0Ab", r"topic is 'a\\nb': it has a control character; expected something like porch/seen"),
        ("mqtt:host?topic=a%20/b", "topic is 'a /b': it has a space at the end"),
        ("mqtt:host?status_topic=%20", "status_topic is ' ': it has a space"),
        ("mqtt:host?topic=" + "a" * 65_000, "topic is 'a{80}': it is longer than 60000 bytes"),
        ("mqtt:host?password_file=x", "needs a username"),
        ("mqtt:host?username=ada&password_file=/nowhere", "the password cannot be read from /nowhere: No such file"),
        ("mqtt:host?tls=true&ca_file=/nowhere", "ca_file /nowhere: No such file"),
        ("mqtt:host?ca_file=/nowhere", "needs tls=true"),
        ("mqtt:host?cert_file=/nowhere", "needs tls=true"),
        ("mqtt:host?tls=true&cert_file=/nowhere", "cert_file /nowhere: No such file"),
        ("mqtt:host?tls=true&key_file=/nowhere", "a key_file needs a cert_file"),
        ("mqtt:host?tls=true&cert_file=/etc/hostname", "cert_file /etc/hostname: "),
        ("mqtt:host?keep=0", "keep is 0; expected 1 or more"),
        ("mqtt:host?intervall=1s", "did you mean 'interval'"),
    ],
)
def test_impossible_options_are_one_error(make_context, text, reason) -> None:
    with pytest.raises(ConfigError, match=f"^sink mqtt: .*{reason}"):
        open_sink(text, make_context())


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("mqtt:broker.local", "broker.local", 1883),
        ("mqtt:broker.local?tls=true", "broker.local", 8883),
        ("mqtt:192.0.2.1:1884", "192.0.2.1", 1884),
        ("mqtt:[2001:db8::1]:1884", "2001:db8::1", 1884),
    ],
)
def test_an_address_is_a_host_and_maybe_a_port(make_context, text, host, port) -> None:
    sink = MqttSink(Spec.parse(text), make_context())
    assert (sink._host, sink._port) == (host, port)


def test_every_option_is_documented() -> None:
    text = (Path(__file__).parents[3] / "docs/mqtt.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in text.splitlines() if line.startswith("| `"))
    names = [item.name for item in fields(MqttOptions) if item.name != "broker"]
    assert [name for name in names if f"`{name}`" not in rows] == []


def test_the_messages_of_the_documentation_have_the_keys_of_real_ones() -> None:
    text = (Path(__file__).parents[3] / "docs/mqtt.md").read_text(encoding="utf-8")
    frame, visit = map(json.loads, re.findall(r"```json\n(.*?)```", text, re.DOTALL))
    said = json.loads(message(replace(make.walking(1), model="a_model")))
    assert (list(frame), list(frame["detections"][0])) == (list(said), list(said["detections"][0]))
    assert list(visit) == list(json.loads(visit_message(make.visit_change("started"), make.frame(7), number=1)))
