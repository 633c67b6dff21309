"""Detections for home automation: ``mqtt:HOST[:PORT]`` publishes one JSON message a frame, and one for each change
of a visit, to a broker.

A broker that is down does not disturb detection: the sink tries to connect again, after longer and longer pauses, and
counts the messages that could not be sent.
"""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessageInfo
from paho.mqtt.enums import MQTTErrorCode

from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.mqtt.assured import MOST_IN_FLIGHT, AssuredDelivery
from edge_detector.sinks.mqtt.best_picture import BestPicture
from edge_detector.sinks.mqtt.client import OFFLINE, ONLINE, MqttOptions, address, default_device_name, make_client
from edge_detector.sinks.mqtt.controls import Controls
from edge_detector.sinks.mqtt.event_queue import EventQueue
from edge_detector.sinks.mqtt.homeassistant import Device, discovery
from edge_detector.sinks.mqtt.inside import Inside
from edge_detector.sinks.mqtt.states import Health, States
from edge_detector.sinks.record import record, visit_record
from edge_detector.system.state import queue_folder, short_digest
from edge_detector.types import Frame, Result, VisitChange

log = logging.getLogger(__name__)

KEEPALIVE_S = 15  # a broker that is silent for 1.5 times as long is gone (MQTT 3.1.1, section 3.1.2.10)
RETRY_S = (1, 60)  # first and longest pause between attempts to connect
SOONEST_NS = 200 * 10**6  # between two messages about frames
MOST_WAITING = 50  # messages to a broker that takes none: some 50 KB
GOODBYE_TIMEOUT_S = 2.0
# A broker that closes MOST_SHORT connections in a row, each within SHORT_S, will close the next ones, too: that is
# logged once, not at each attempt. So is a broker that breaks the protocol, however long that takes.
SHORT_S = 10.0
MOST_SHORT = 3


class MqttSink(
    Sink,
    options=MqttOptions,
    may_block=True,
    idle_s=0.2,
    cameras=Cameras.APART,
    adds=("name", "produced", "dropped"),
):
    """Publishes each frame with objects, the first frame without after them, and one frame after each new connection.

    On a topic of their own it publishes the changes of visits, but for those that are only "updated". These wait in a
    queue on the disk until the broker confirms them.
    The meter shows it as a stage of its own: messages sent and messages lost. Closing waits for the network.
    """

    def __init__(self, spec: Spec, context: Context, *, retry_s: tuple[float, float] = RETRY_S) -> None:
        """Raises `ConfigError` for an impossible address, option or password file."""
        options = sink_options(MqttOptions, spec)
        self._options = options.of_camera(context.camera) if context.camera else options
        self.name = f"mqtt broker {context.camera}".strip()
        self._host, self._port = address(self._options)
        self._topics = self._options.topics
        self._for_home = bool(self._options.discovery_prefix)
        self._announcements = _announcements(self._options, context)
        self._client = make_client(self._options)
        self._controls = self._listen(context) if self._for_home and self._options.control else None
        # The client keeps every message that is not confirmed yet, including the announcements of each connection.
        self._client.max_queued_messages_set(MOST_WAITING + MOST_IN_FLIGHT + len(self._announcements))
        self._client.reconnect_delay_set(*retry_s)  # type: ignore[arg-type]  # fractions work as well
        self._client.on_connect = self._on_connect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.on_disconnect = self._on_disconnect
        self._warned: set[str] = set()  # the warnings since the last connection
        self._connected_s = 0.0
        self._short_connections = 0  # in a row
        self._waiting: deque[MQTTMessageInfo] = deque()
        self._visits = AssuredDelivery(self._client, EventQueue(_queue_file(self._options), most=self._options.keep))
        self._told: Counter[str] = Counter()  # messages of each visit that goes on
        self._states = States(self._publish_state)
        self._health = Health(context.meter)
        self._inside = Inside()
        self._picture = BestPicture() if self._for_home and self._options.pictures else None
        self._seen: Counter[str] = Counter()  # the labels of the last message about a frame, sent or lost
        self._is_new_connection = False  # then subscribers may have missed the last message
        self._states_are_old = False  # the same for what is retained
        self._next_ns = 0
        self._soonest_ns = 0
        self._sent = self._lost = 0  # messages about frames
        context.meter.watch(self)

    def __repr__(self) -> str:
        state = "connected" if self._client.is_connected() else "not connected"
        return f"<MqttSink {self._host}:{self._port} {state} sent={self.produced} lost={self.dropped}>"

    @property
    def produced(self) -> int:
        """Messages sent; those about visits, when the broker has confirmed them."""
        return self._sent + self._visits.delivered

    @property
    def dropped(self) -> int:
        """Messages lost: about frames while there was no connection, about visits because too many waited."""
        return self._lost + self._visits.queue.lost

    def open(self) -> None:
        self._visits.queue.open()
        self._client.connect_async(self._host, self._port, KEEPALIVE_S)
        self._client.loop_start()

    def close(self) -> None:
        self._visits.flush(timeout_s=GOODBYE_TIMEOUT_S)
        if self._client.is_connected() and not self._say_goodbye():
            self._hang_up()
        self._client.disconnect()
        self._client.loop_stop()
        self._visits.send()  # nothing: it only forgets what has arrived
        if waiting := len(self._visits.queue):
            log.warning("mqtt: %d messages about visits wait in %s for the next run", waiting, self._visits.queue.path)
        self._visits.queue.close()
        if self.dropped:
            log.warning("mqtt: %d of %d messages could not be sent", self.dropped, self.produced + self.dropped)

    def write(self, result: Result) -> None:
        """Publish ``result`` if it is due, and its visits. Never waits and never raises."""
        self._count_finished()
        if self._is_due(result):
            self._publish_frame(result)
        for change in result.visits:
            if change.kind != "updated":
                self._tell(change, result.frame)
        self._inside.take(result.visits)
        if self._picture is not None and (picture := self._picture.of(result)):
            self._publish(self._topics.picture, picture, retain=True)
        self.idle()

    def idle(self) -> None:
        """Send what waits, and what has changed."""
        self._count_finished()
        self._visits.send()
        if self._for_home:
            self._say_states()

    def _say_states(self) -> None:
        if self._states_are_old:
            self._states_are_old = False
            self._states.forget()
        self._states.say(self._topics.zones, json.dumps(self._inside.counts(), separators=(",", ":")))
        self._states.say(self._topics.state, self._health.text)
        for topic, text in (self._controls.states() if self._controls else {}).items():
            self._states.say(topic, text)

    def _publish_state(self, topic: str, text: str) -> bool:
        return self._client.is_connected() and self._publish(topic, text, retain=True)

    def _listen(self, context: Context) -> Controls:
        controls = Controls(self._topics, context.detector)
        self._client.listens = True
        self._client.on_message = lambda _client, _data, message: controls.take(message.topic, message.payload)
        return controls

    def _tell(self, change: VisitChange, frame: Frame) -> None:
        id_ = change.visit.id
        self._told[id_] += 1
        self._visits.put(self._topics.visits, visit_message(change, frame, number=self._told[id_]))
        if change.visit.ended:
            del self._told[id_]

    def _publish_frame(self, result: Result) -> None:
        self._seen = _labels(result)
        now_ns = result.frame.timestamp_ns
        interval_ns = round(self._options.interval * 1e9)
        self._next_ns, self._soonest_ns = now_ns + interval_ns, now_ns + min(interval_ns, SOONEST_NS)
        if self._publish(self._topics.frames, message(result)):
            self._is_new_connection = False

    def _publish(self, topic: str, content: str | bytes, *, retain: bool = False) -> bool:
        """Give ``content`` to the client; returns whether there was a connection with room for it. It is counted."""
        if not self._client.is_connected() or len(self._waiting) >= MOST_WAITING:
            self._lost += 1
            return False
        self._waiting.append(self._client.publish(topic, content, self._options.qos, retain))
        return True

    def _is_due(self, result: Result) -> bool:
        """At once if other objects are in view than before, but for a flickering one; else after the interval."""
        now_ns = result.frame.timestamp_ns
        if self._is_new_connection:
            return True
        if _labels(result) != self._seen:
            return now_ns >= self._soonest_ns or not len(result.detections)
        return bool(self._seen) and now_ns >= self._next_ns

    def _count_finished(self) -> None:
        """Count the messages that have been sent, and those that were lost with their connection."""
        while self._waiting:
            lost = self._waiting[0].rc != MQTTErrorCode.MQTT_ERR_SUCCESS
            if not lost and not self._waiting[0].is_published():
                return
            self._waiting.popleft()
            self._lost += lost
            self._sent += not lost

    def _say_goodbye(self) -> bool:
        """Publish "offline"; returns whether the broker has received that and everything before it."""
        info = self._client.publish(self._topics.status, OFFLINE, qos=1, retain=True)
        try:
            info.wait_for_publish(GOODBYE_TIMEOUT_S)
            taken = info.is_published()
        except (RuntimeError, ValueError):
            # The connection is lost, or too many messages are not confirmed: the broker publishes the last will.
            taken = False
        self._count_finished()
        self._lost += len(self._waiting)
        return taken

    def _hang_up(self) -> None:
        """Cut the connection to a broker that does not answer; otherwise the client's thread would wait for it."""
        self._client.on_disconnect = None  # it is we who end it: no news for the log
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            with contextlib.suppress(OSError):  # it is closed already
                connection.shutdown(socket.SHUT_RDWR)

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._warn(f"the broker refuses the connection: {reason}")
            return
        for topic, text in self._announcements.items():
            client.publish(topic, text, qos=1, retain=True)
        if self._controls is not None:
            client.subscribe([(command, 0) for command in self._controls.commands])
        self._is_new_connection = self._states_are_old = True
        self._connected_s = time.monotonic()
        if self._short_connections < MOST_SHORT:
            self._warned.clear()
            log.info("mqtt: %s:%d: connected", self._host, self._port)

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._warn(f"cannot reach the broker ({sys.exception()}); trying again")

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if not reason.is_failure:
            return
        violation, self._client.violation = self._client.violation, ""
        is_short = bool(violation) or time.monotonic() - self._connected_s < SHORT_S
        self._short_connections = self._short_connections + 1 if is_short else 0
        if violation:
            self._warn(f"the broker {violation}: hung up; trying again")
        elif self._short_connections < MOST_SHORT:
            self._warn(f"the connection is lost ({reason}); trying again")
        else:
            self._warn("the broker closes the connection again and again; has another client the same client_id?")

    def _warn(self, what: str) -> None:
        """Log ``what`` once for each connection: a broker that is down for a week gives one line."""
        if what not in self._warned:
            self._warned.add(what)
            log.warning("mqtt: %s:%d: %s", self._host, self._port, what)


def message(result: Result, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    """The message for one frame: the record of `jsonl`, and the date and time, which other machines can compare."""
    return json.dumps({"time": now().isoformat(timespec="milliseconds"), **record(result)}, separators=(",", ":"))


def visit_message(change: VisitChange, frame: Frame, *, number: int) -> str:
    """The message for a change of a visit: its record, with the date and time of the frame.

    ``number``: of this message among those of the visit, from 1. With it, a message that comes twice can be told.
    """
    said = {"message_id": f"{change.visit.id}.{number}", **visit_record(change, frame, live=True)}
    return json.dumps(said, separators=(",", ":"))


def _queue_file(options: MqttOptions) -> Path:
    """Of each broker and topic its own."""
    digest = short_digest(f"{options.broker} {options.topics.visits}")
    return queue_folder("mqtt", options.queue) / f"visits-{digest}.sqlite"


def _announcements(options: MqttOptions, context: Context) -> dict[str, str]:
    """The retained messages for every new connection, by topic."""
    found = {options.topics.status: ONLINE}
    if options.discovery_prefix:
        found |= discovery(options.discovery_prefix, _device(options, context))
    return found


def _device(options: MqttOptions, context: Context) -> Device:
    """What Home Assistant is told; the zones are those at the start of the run."""
    return Device(
        name=options.device_name or default_device_name(),
        topics=options.topics,
        model=context.detector.name,
        classes=context.config.classes,
        zones={zone.name: zone.classes for zone in context.config.zones} if context.config.track else {},
        has_picture=options.pictures and context.config.track,
        is_controlled=options.control,
    )


def _labels(result: Result) -> Counter[str]:
    found = result.detections
    return Counter(found.labels[number] for number in found.class_ids.tolist())
