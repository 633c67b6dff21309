"""The configuration of the broker for many detectors."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest

pytest.importorskip("paho.mqtt.client", reason="needs the extra [mqtt]")

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from tests.fleet.test_fleet import FLEET, run, tool
from tests.sinks.mqtt.mosquitto import PATIENCE_S, Broker

CONFIGURATION = FLEET / "mosquitto" / "edge-detector.conf"


def answer(port: int, username: str | None, password: str | None) -> str:
    """What the broker says to a client that logs in so."""
    said: queue.Queue[str] = queue.Queue()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda _client, _data, _flags, reason, _properties: said.put(str(reason))
    client.username_pw_set(username, password)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        return said.get(timeout=PATIENCE_S)
    finally:
        client.disconnect()
        client.loop_stop()


def test_the_broker_lets_in_who_has_the_password_and_nobody_else(tmp_path: Path) -> None:
    passwd, users = tool("mosquitto_passwd"), tmp_path / "users"
    assert run(passwd, "-b", "-c", str(users), "detectors", "swordfish").returncode == 0
    text = CONFIGURATION.read_text(encoding="utf-8").replace("/etc/mosquitto/edge-detector-users", str(users))
    lines = [line for line in text.splitlines() if line and not line.startswith(("#", "listener "))]
    broker = Broker(tmp_path, *lines, "user root")  # only root could become another, who cannot read here
    broker.start()
    try:
        assert answer(broker.port, "detectors", "swordfish") == "Success"
        assert answer(broker.port, "detectors", "wrong") == "Not authorized"
        assert answer(broker.port, None, None) == "Not authorized"
    finally:
        broker.kill()
