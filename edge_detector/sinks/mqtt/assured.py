"""Messages that arrive once, whatever the broker does."""

from __future__ import annotations

import time
from collections import deque
from threading import Event as Signal
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

from edge_detector.sinks.mqtt.event_queue import EventQueue

MOST_IN_FLIGHT = 20  # sent and not confirmed: paho's own limit, so that it never keeps more than these


class AssuredDelivery:
    """Sends what the queue holds with QoS 2, in order, and keeps each message until the broker has confirmed it.

    While the connection is away, paho keeps what is in flight and goes on where it was; the rest waits in the queue.
    Only what is in flight when this program ends is sent a second time by the next run.
    """

    def __init__(self, client: Client, queue: EventQueue) -> None:
        """Takes the client's ``on_publish``."""
        self.queue = queue
        self.delivered = 0
        self._client = client
        self._in_flight: dict[int, int] = {}  # the message's number in the queue, by paho's number
        self._confirmed: deque[int] = deque()  # paho's numbers; its thread adds, ours takes
        self._newest = 0  # the last message that was given to the client
        self._heard = Signal()
        client.on_publish = self._on_publish

    def __repr__(self) -> str:
        return f"<AssuredDelivery {self.queue!r} in flight={len(self._in_flight)} delivered={self.delivered}>"

    def put(self, topic: str, body: str) -> None:
        """Add a message."""
        self.queue.put(topic, body)

    def send(self) -> None:
        """Forget what has arrived, and give the client what it has room for. Never waits."""
        self._forget_confirmed()
        room = MOST_IN_FLIGHT - len(self._in_flight)
        nothing_new = self.queue.newest <= self._newest  # most frames: the database is not asked
        if nothing_new or room <= 0 or not self._client.is_connected():
            return
        for event in self.queue.after(self._newest, most=room):
            info = self._client.publish(event.topic, event.body, qos=2)
            if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
                return
            self._in_flight[info.mid] = event.id
            self._newest = event.id

    def flush(self, *, timeout_s: float) -> None:
        """Wait until everything has arrived, the connection is lost, or the time is up."""
        until_s = time.monotonic() + timeout_s
        while len(self.queue) and self._client.is_connected() and (left_s := until_s - time.monotonic()) > 0:
            self._heard.clear()
            self.send()
            if len(self.queue):
                self._heard.wait(min(left_s, 0.1))

    def _forget_confirmed(self) -> None:
        arrived = []
        while self._confirmed:
            number = self._in_flight.pop(self._confirmed.popleft(), None)
            if number is not None:  # else a message of another kind
                arrived.append(number)
        if arrived:
            self.queue.remove(arrived)
            self.delivered += len(arrived)

    def _on_publish(self, _client: Client, _data: Any, number: int, *_: Any) -> None:
        self._confirmed.append(number)
        self._heard.set()
