"""Detections for home automation: ``mqtt:HOST[:PORT]`` publishes one JSON message a frame to a broker.

A broker that is down never disturbs detection: the connection is tried again, with growing pauses, and what could not
be sent meanwhile is counted.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode

from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Sink
from edge_detector.sinks.mqtt.client import OFFLINE, ONLINE, MqttOptions, address, make_client
from edge_detector.sinks.mqtt.homeassistant import discovery
from edge_detector.sinks.record import record
from edge_detector.types import Result

log = logging.getLogger(__name__)

KEEPALIVE_S = 15  # a broker silent for one and a half of these has gone (MQTT 3.1.1, 3.1.2.10)
RETRY_S = (1, 60)  # first and longest pause between attempts to connect
MOST_WAITING = 50  # messages on their way to a broker that takes none: some 50 KB
GOODBYE_TIMEOUT_S = 2.0
SHORT_S = 10.0  # a connection that ends sooner is a short one
MOST_SHORT = 3  # after so many in a row one log line says that the broker hangs up, not two lines a second


class MqttSink(Sink, may_block=True, adds=("name",)):
    """Publishes a frame that shows something, the first after it that shows nothing, and one with each connection.

    As a stage of the meter it says how many messages were sent and how many were lost. Closing waits for the network.
    """

    name = "mqtt broker"

    def __init__(self, spec: Spec, context: Context, *, retry_s: tuple[float, float] = RETRY_S) -> None:
        """Raises `ConfigError` for an impossible address, option or password file."""
        self._options = sink_options(MqttOptions, spec, argument="broker")
        self._host, self._port = address(self._options)
        self._announcements = _announcements(self._options, context)
        self._client = make_client(self._options)
        # The client keeps what nobody has confirmed: every connection's announcements, too.
        self._client.max_queued_messages_set(MOST_WAITING + len(self._announcements))
        self._client.reconnect_delay_set(*retry_s)  # type: ignore[arg-type]  # fractions work as well
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._said: set[str] = set()  # since it was connected last
        self._connected_s = 0.0
        self._short_connections = 0  # in a row
        self._waiting: deque[MQTTMessageInfo] = deque()
        self._shows_something = False  # the last message, sent or lost
        self._is_new = False  # the connection: whoever listens may have missed the last message
        self._next_ns = 0
        self.produced = 0  # messages sent
        self.dropped = 0  # messages lost
        context.meter.watch(self)

    def __repr__(self) -> str:
        state = "connected" if self._client.is_connected() else "not connected"
        return f"<MqttSink {self._host}:{self._port} {state} sent={self.produced} lost={self.dropped}>"

    def open(self) -> None:
        self._client.connect_async(self._host, self._port, KEEPALIVE_S)
        self._client.loop_start()

    def close(self) -> None:
        if self._client.is_connected() and not self._say_goodbye():
            self._hang_up()
        self._client.disconnect()
        self._client.loop_stop()
        if self.dropped:
            log.warning("mqtt: %d of %d messages could not be sent", self.dropped, self.produced + self.dropped)

    def write(self, result: Result) -> None:
        """Publish ``result`` if it says something new and it is time to; never waits and never fails."""
        self._settle()
        if not self._has_news(result):
            return
        self._shows_something = len(result.detections) > 0
        if self._shows_something:
            self._next_ns = result.frame.timestamp_ns + round(self._options.interval * 1e9)
        if self._client.is_connected() and len(self._waiting) < MOST_WAITING:
            self._is_new = False
            self._waiting.append(self._client.publish(self._options.topic, message(result), self._options.qos))
        else:
            self.dropped += 1

    def _has_news(self, result: Result) -> bool:
        if self._is_new:
            return True
        if len(result.detections) == 0:
            return self._shows_something
        return result.frame.timestamp_ns >= self._next_ns

    def _settle(self) -> None:
        """Count the messages that have left, and those that were lost with their connection."""
        while self._waiting:
            lost = self._waiting[0].rc != MQTTErrorCode.MQTT_ERR_SUCCESS
            if not lost and not self._waiting[0].is_published():
                return
            self._waiting.popleft()
            self.dropped += lost
            self.produced += not lost

    def _say_goodbye(self) -> bool:
        """Whether the broker took everything, and the status "offline" too."""
        info = self._client.publish(self._options.status_topic, OFFLINE, qos=1, retain=True)
        try:
            info.wait_for_publish(GOODBYE_TIMEOUT_S)
            taken = info.is_published()
        except (RuntimeError, ValueError):
            # The connection was lost just now, or too much was never confirmed: the broker publishes the last will.
            taken = False
        self._settle()
        self.dropped += len(self._waiting)
        return taken

    def _hang_up(self) -> None:
        """Leave a broker that does not answer; the client's thread would wait for it."""
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            with contextlib.suppress(OSError):  # it has gone by itself
                connection.shutdown(socket.SHUT_RDWR)

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._warn(f"the broker refuses the connection: {reason}")
            return
        for topic, text in self._announcements.items():
            client.publish(topic, text, qos=1, retain=True)
        self._is_new = True
        self._connected_s = time.monotonic()
        if self._short_connections < MOST_SHORT:
            self._said.clear()
            log.info("mqtt: %s:%d: connected", self._host, self._port)

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._warn(f"cannot reach the broker ({sys.exception()}); trying again")

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            return
        is_short = time.monotonic() - self._connected_s < SHORT_S
        self._short_connections = self._short_connections + 1 if is_short else 0
        if self._short_connections < MOST_SHORT:
            self._warn(f"the connection is lost ({reason}); trying again")
        else:
            self._warn("the broker hangs up again and again; has another client the same client_id?")

    def _warn(self, what: str) -> None:
        """Log each problem once per connection: a broker that is down for a week is one line."""
        if what not in self._said:
            self._said.add(what)
            log.warning("mqtt: %s:%d: %s", self._host, self._port, what)


def message(result: Result, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """What is published about one frame: the line of `jsonl`, and the time of day, which other machines share."""
    return json.dumps({"time": now().isoformat(timespec="milliseconds"), **record(result)}, separators=(",", ":"))


def _announcements(options: MqttOptions, context: Context) -> dict[str, str]:
    """What is published and retained with every new connection, by topic."""
    found = {options.status_topic: ONLINE}
    if options.discovery:
        found |= discovery(
            options.discovery,
            topic=options.topic,
            status_topic=options.status_topic,
            model=context.detector.name,
            classes=context.config.classes,
        )
    return found
