"""A real MQTT broker that is started, killed, frozen and started again."""

from __future__ import annotations

import contextlib
import logging
import queue
import shutil
import signal
import socket
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from tests.free_port import free_port

PATIENCE_S = 60.0
ATTEMPTS = 3


class Heard(logging.Handler):
    """Lets a test wait until the sink has said something."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: queue.Queue[str] = queue.Queue()

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.put(record.getMessage())

    def wait_for(self, text: str) -> str:
        while True:
            line = self._lines.get(timeout=PATIENCE_S)
            if text in line:
                return line

    def rest(self) -> list[str]:
        return [self._lines.get_nowait() for _ in range(self._lines.qsize())]


class Broker:
    """Mosquitto on a port of this machine. ``settings`` are lines of its configuration file."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self._configuration = folder / "mosquitto.conf"
        self._settings = settings or ("allow_anonymous true",)
        self._has_run = False
        self._process: subprocess.Popen[str] | None = None
        self._choose_port()

    def start(self) -> None:
        """Where it has not run yet, on another port if a test beside this one has taken its own meanwhile."""
        said: list[str] = []
        for _ in range(ATTEMPTS):
            said = self._run()
            if not said:
                self._has_run = True
                return
            if not self._has_run:
                self._choose_port()
        raise AssertionError(f"the broker has ended: {said}")

    def _choose_port(self) -> None:
        self.port = free_port()
        lines = (f"listener {self.port} 127.0.0.1", "log_dest stderr", *self._settings)
        self._configuration.write_text("\n".join(lines) + "\n")

    def _run(self) -> list[str]:
        """Nothing once it runs; what it has said if it ends before."""
        self._process = subprocess.Popen([program(), "-c", str(self._configuration)], stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        said: list[str] = []
        for line in self._process.stderr:
            if "running" in line:
                return []
            said.append(line.strip())
        self.kill()
        return said or ["nothing"]

    def kill(self) -> None:
        if self._process is not None:
            assert self._process.stderr is not None
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process.stderr.close()
            self._process = None

    def stop(self) -> None:
        """End it as systemd does: it saves what it holds for others, if its settings say so."""
        assert self._process is not None
        for _ in range(round(PATIENCE_S)):  # mosquitto forgets a signal that comes just after it says that it runs
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1)
                break
        else:
            raise AssertionError("the broker does not end")
        self.kill()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)


class RudeBroker:
    """Takes every connection, says so, and hangs up before it confirms anything.

    With ``chatter`` it sends that many times, and waits until the client hangs up.
    """

    CHATTER_COUNT = 100

    CONNACK = bytes([0x20, 2, 0, 0])  # accepted (MQTT 3.1.1, 3.2)

    def __init__(self, chatter: bytes = b"") -> None:
        self._chatter = chatter
        self.calls: queue.Queue[None] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="rude broker")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._thread.join(PATIENCE_S)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # of the listener, at the end
            while True:
                caller, _ = self._listener.accept()
                with caller, contextlib.suppress(OSError):
                    caller.settimeout(PATIENCE_S)
                    caller.recv(4096)
                    caller.sendall(self.CONNACK + self.CHATTER_COUNT * self._chatter)
                    while self._chatter and caller.recv(4096):
                        pass
                self.calls.put(None)


class Subscriber:
    """Collects what a broker sends: in order, by topic."""

    def __init__(self, port: int, topics: str = "#", **login: str) -> None:
        self._messages: defaultdict[str, queue.Queue[str]] = defaultdict(queue.Queue)
        self._client = Client(CallbackAPIVersion.VERSION2)
        if login:
            self._client.username_pw_set(**login)
        ready: queue.Queue[None] = queue.Queue()
        self._client.on_connect = lambda *_: self._client.subscribe(topics)
        self._client.on_subscribe = lambda *_: ready.put(None)
        self._client.on_message = self._keep
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        ready.get(timeout=PATIENCE_S)

    def next(self, topic: str) -> str:
        """The next message to ``topic``."""
        return self._messages[topic].get(timeout=PATIENCE_S)

    def publish(self, topic: str, text: str) -> None:
        """Send a message to others."""
        self._client.publish(topic, text).wait_for_publish(PATIENCE_S)

    def _keep(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        self._messages[message.topic].put(message.payload.decode("utf-8", "replace"))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(port: int, **login: str) -> Iterator[Subscriber]:
    subscriber = Subscriber(port, **login)
    try:
        yield subscriber
    finally:
        subscriber.close()


@contextmanager
def patient_subscriber(port: int, topic: str) -> Iterator[queue.Queue[str]]:
    """What comes to ``topic`` with QoS 2, over any number of connections of one session."""
    messages: queue.Queue[str] = queue.Queue()
    ready: queue.Queue[None] = queue.Queue()
    client = Client(CallbackAPIVersion.VERSION2, client_id="patient", clean_session=False)
    client.reconnect_delay_set(0.05, 0.1)  # type: ignore[arg-type]  # fractions work as well
    client.on_connect = lambda *_: client.subscribe(topic, qos=2)
    client.on_subscribe = lambda *_: ready.put(None)
    client.on_message = lambda _client, _data, message: messages.put(message.payload.decode())
    client.connect("127.0.0.1", port)
    client.loop_start()
    ready.get(timeout=PATIENCE_S)
    try:
        yield messages
    finally:
        client.disconnect()
        client.loop_stop()


def program() -> str:
    """Where mosquitto is; Debian keeps it out of the path of ordinary users."""
    found = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
    if found is None:
        pytest.skip("needs a broker: apt-get install mosquitto")
    return found
