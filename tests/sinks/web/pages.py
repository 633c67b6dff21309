"""A web page to test: open, fed by hand, and asked by a client that can say anything."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedReader
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.running.places import PlaceCount
from edge_detector.sinks.web import WebSink

DEADLINE_S = 60.0  # a test that hangs fails after it
TOKEN = "correct-horse-battery-staple"


@dataclass
class Clock:
    """A clock that a test moves on."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Page:
    """An open web sink and its clients."""

    sink: WebSink
    context: Context
    clock: Clock
    port: int = field(init=False)

    def __post_init__(self) -> None:
        port = urlsplit(self.sink.url).port
        assert port
        self.port = port

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: str | bytes | None = None,
        source: str = "127.0.0.1",
        **headers: str,
    ) -> Answer:
        """One request, with headers such as ``content_type="text/plain"``."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, DEADLINE_S, source_address=(source, 0))
        try:
            client.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = client.getresponse()
            return Answer(response.status, dict(response.headers.items()), response.read())
        finally:
            client.close()

    def change(self, patch: object) -> Answer:
        """Ask for other settings."""
        return self.ask("/api/settings", method="PATCH", body=json.dumps(patch), content_type="application/json")

    def metric(self, name: str) -> float:
        """The value of one metric without labels."""
        lines = self.ask("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"edge_detector_{name} "))

    def raw(self, data: bytes) -> bytes:
        """What comes back for any bytes at all, until the server hangs up."""
        with self.connect() as connection:
            connection.sendall(data)
            with connection.makefile("rb") as answer:
                return answer.read()

    def connect(self, *, receive_bytes: int | None = None, source: str = "127.0.0.1") -> socket.socket:
        """A connection; ``receive_bytes``: how little it takes in before it is read."""
        connection = socket.socket()
        connection.bind((source, 0))
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.settimeout(DEADLINE_S)
        connection.connect(("127.0.0.1", self.port))
        return connection

    @contextmanager
    def viewer(
        self,
        path: str = "/stream.mjpg",
        *,
        receive_bytes: int | None = None,
        header: str = "",
        source: str = "127.0.0.1",
    ) -> Iterator[Stream]:
        """Somebody who watches (or listens to) a stream; ``header``: one more, such as ``Cookie: a=b``."""
        with self.connect(receive_bytes=receive_bytes) as connection:
            lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *([header] if header else []), "", ""]
            connection.sendall("\r\n".join(lines).encode())
            with connection.makefile("rb") as file:
                yield Stream(file)


@dataclass
class FakePlaces:
    """The run's places; it refuses zones of two corners."""

    now: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {"zones": [], "lines": [], "masks": []})
    counted: list[PlaceCount] = field(default_factory=list)

    def tables(self) -> dict[str, list[dict[str, Any]]]:
        return self.now

    def replace(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        if any(len(zone["polygon"]) < 3 for zone in tables["zones"]):
            raise ConfigError("zone 'door': its polygon has 2 points; expected three or more")
        self.now = tables

    def check(self, tables: dict[str, list[dict[str, Any]]]) -> None:
        FakePlaces().replace(tables)

    def counts(self) -> list[PlaceCount]:
        return self.counted


class Stream:
    """A stream at its beginning: the headers are read, the chunks follow."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        head = iter(file.readline, b"\r\n")
        self.status = int(next(head).split()[1])
        self.headers = dict(line.decode().strip().split(": ", 1) for line in head)
        self._rest = b""

    def picture(self) -> NDArray[np.uint8]:
        """The next picture of a motion JPEG stream, decoded."""
        self._until(b"Content-Type: image/jpeg\r\n\r\n")
        data = self._until(b"\r\n--frame\r\n")
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)

    def clean_picture(self) -> tuple[Any, NDArray[np.uint8]]:
        """The next part of /api/pictures: what was detected, and the picture, decoded."""
        self._until(b"--frame\r\n")
        head = dict(line.split(": ", 1) for line in self._until(b"\r\n\r\n").decode().split("\r\n"))
        while len(self._rest) < int(head["Content-Length"]):
            self._more()
        data, self._rest = self._rest[: int(head["Content-Length"])], self._rest[int(head["Content-Length"]) :]
        return json.loads(head["X-Detections"]), cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)

    def event(self) -> Any:
        """The next server-sent event's data."""
        self._until(b"data: ")
        return json.loads(self._until(b"\n\n"))

    def ended(self) -> bool:
        """Whether nothing more comes, after what had been sent before; waits for that."""
        with suppress(ConnectionResetError):  # the server has cut the connection: that is an end, too
            self._file.read()
        return True

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._rest:
            self._more()
        before, _, self._rest = self._rest.partition(mark)
        return before

    def _more(self) -> None:
        size = int(self._file.readline(), 16)
        self._rest += self._file.read(size)
        self._file.readline()


@contextmanager
def open_page(context: Context, text: str = "web:127.0.0.1:0") -> Iterator[Page]:
    """A page on a free port, with a clock that stands still unless a test moves it on."""
    clock = Clock()
    with WebSink(Spec.parse(text), context, clock=clock) as sink:
        yield Page(sink, context, clock)
