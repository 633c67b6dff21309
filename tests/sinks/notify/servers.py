"""Servers on this machine that take messages, fail, hang, or ask to wait: fakes with real sockets."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asked:
    """One request that a server has received."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class FakeHttpServer:
    """Answers with the next of ``answers``, (code, headers), the last one for ever; keeps what it is asked."""

    url: str
    answers: list[tuple[int, dict[str, str]]]
    asked: list[Asked] = field(default_factory=list)

    def next_answer(self) -> tuple[int, dict[str, str]]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def http_server(*answers: int | tuple[int, dict[str, str]]) -> Iterator[FakeHttpServer]:
    """A server that gives these answers, code 200 if none is given."""
    listed = [(each, {}) if isinstance(each, int) else each for each in answers or (200,)]

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            code, headers = fake.next_answer()
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT = _take  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # its end waits for the threads that answer: no test may leave one behind

    with Server(("127.0.0.1", 0), Handler) as server:
        fake = FakeHttpServer(f"http://127.0.0.1:{server.server_port}", listed)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()


@dataclass
class FakeSmtpServer:
    """Takes mails, or says ``refusal`` to each."""

    port: int
    refusal: str = ""
    mails: list[bytes] = field(default_factory=list)


@contextmanager
def smtp_server(*, refusal: str = "") -> Iterator[FakeSmtpServer]:
    """As much of a mail server as one mail needs (RFC 5321), without TLS and login."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 fake")
            while line := self.rfile.readline():
                word = line[:4].upper()
                if word == b"QUIT":
                    return self._say("221 bye")
                if word == b"DATA":
                    self._take_mail()
                else:
                    self._say("250 fine")
            return None

        def _take_mail(self) -> None:
            self._say("354 go on")
            lines = iter(self.rfile.readline, b".\r\n")
            mail = b"".join(lines)
            if fake.refusal:
                return self._say(fake.refusal)
            fake.mails.append(mail)
            return self._say("250 taken")

        def _say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        fake = FakeSmtpServer(server.server_address[1], refusal)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
