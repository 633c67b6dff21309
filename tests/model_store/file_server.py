"""A web server on this machine that serves one file, and fails in the ways that a test asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE_S = 30.0  # nothing here waits longer, whatever a test forgets


@dataclass
class FileServer:
    """``answers``: what to do with the first requests, one after another; then it serves the file."""

    content: bytes
    answers: list[Callable[[Request], None]] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)  # the Range header of each request
    released: threading.Event = field(default_factory=threading.Event)  # set at the end of the test
    url: str = ""


class Request(BaseHTTPRequestHandler):
    """One request to the `FileServer` that is its server's ``files``."""

    protocol_version = "HTTP/1.0"  # the end of the answer is the end of the connection

    @property
    def files(self) -> FileServer:
        return self.server.files

    def do_GET(self) -> None:
        self.files.ranges.append(self.headers["Range"])
        answer = self.files.answers.pop(0) if self.files.answers else serve
        answer(self)

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's word
        """Nothing is logged."""


def serve(request: Request, *, most: int | None = None) -> None:
    """The whole file, or the range asked for; only ``most`` bytes of it before the connection breaks."""
    content = request.files.content
    start = int((request.headers["Range"] or "bytes=0-").removeprefix("bytes=").removesuffix("-"))
    if start >= len(content):
        return request.head(416, Content_Range=f"bytes */{len(content)}")
    length = len(content) - start
    if start:
        extent = f"bytes {start}-{len(content) - 1}/{len(content)}"
        request.head(206, Content_Length=length, Content_Range=extent)
    else:
        request.head(200, Content_Length=length)
    request.wfile.write(content[start:][:most])
    return None


def breaks_after(count: int) -> Callable[[Request], None]:
    """The connection breaks after ``count`` bytes of the file."""
    return lambda request: serve(request, most=count)


def whole(request: Request) -> None:
    """The whole file, whatever was asked for: a server without ranges."""
    request.head(200, Content_Length=len(request.files.content))
    request.wfile.write(request.files.content)


def without_length(request: Request) -> None:
    """The whole file, without its length."""
    request.head(200)
    request.wfile.write(request.files.content)


def says(status: int, **headers: object) -> Callable[[Request], None]:
    """An answer without the file."""
    return lambda request: request.head(status, Content_Length=0, **headers)


def hangs(request: Request) -> None:
    """Not one byte."""
    request.files.released.wait(PATIENCE_S)


def hangs_after(count: int) -> Callable[[Request], None]:
    """``count`` bytes of the file, then nothing, and the connection stays open."""

    def answer(request: Request) -> None:
        serve(request, most=count)
        request.wfile.flush()
        hangs(request)

    return answer


def drips(request: Request) -> None:
    """Headers without end, one at a time, so that the socket's own timeout never passes."""
    request.send_response(200)
    request.flush_headers()
    while not request.files.released.wait(0.01):
        request.wfile.write(b"X-Drip: 1\r\n")


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing the server waits for them

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is what these tests are about: no traceback."""


@contextmanager
def serving(content: bytes, *answers: Callable[[Request], None]) -> Iterator[FileServer]:
    """A server with ``content`` at ``url``; closed with all its threads afterwards."""
    files = FileServer(content, list(answers))
    server = _Server(("127.0.0.1", 0), Request)
    server.files = files
    files.url = f"http://127.0.0.1:{server.server_port}/model.tflite"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield files
    finally:
        files.released.set()
        server.shutdown()
        server.server_close()  # waits for the threads of its requests
        thread.join(PATIENCE_S)
