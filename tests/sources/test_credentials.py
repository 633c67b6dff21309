"""User and password of a network camera, from a file."""

from __future__ import annotations

import logging
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.config import Config
from edge_detector.errors import ConfigError, SourceError
from edge_detector.options import Spec
from edge_detector.sources.credentials import complete
from edge_detector.sources.stream import StreamSource

TYPED = st.characters(exclude_categories=["C", "Z"])


def written(folder: Path, content: str | bytes, *, mode: int = 0o600) -> Path:
    path = folder / "camera"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


@given(
    user=st.text(TYPED, min_size=1).filter(lambda user: ":" not in user),
    password=st.text(TYPED | st.sampled_from(":/@#?% "), max_size=30),
)
def test_any_user_and_password_become_a_valid_address(tmp_path_factory, user, password) -> None:
    path = written(tmp_path_factory.mktemp("credentials"), f"{user}:{password}\n")
    parts = urlsplit(complete("rtsp://porch:554/live?x=1", path))
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("porch", 554, "/live", "x=1")


def test_without_a_file_the_address_stays_as_it_is() -> None:
    assert complete("rtsp://ada:sword/fish@porch", None) == "rtsp://ada:sword/fish@porch"


@pytest.mark.parametrize(
    ("url", "content", "reason"),
    [
        ("rtsp://porch", None, "cannot read source_credentials: No such file"),
        ("rtsp://porch", b"\xff:x", "cannot read source_credentials: not UTF-8"),
        ("rtsp://porch", "", "are not user:password; expected one line"),
        ("rtsp://porch", "swordfish", "are not user:password"),
        ("rtsp://porch", ":swordfish", "are not user:password"),
        ("rtsp://porch", "ada:swordfish\nbob:x", "are not user:password"),
        ("rtsp://ada:swordfish@porch", "ada:x", r"rtsp://ada:\*\*\*@porch: has a user already"),
        ("foo://porch", "ada:x", "are for addresses with http, https, rtsp, rtsps"),
    ],
)
def test_what_cannot_be_used_is_said_without_the_secret(tmp_path, url, content, reason) -> None:
    path = tmp_path / "camera" if content is None else written(tmp_path, content)
    with pytest.raises(ConfigError, match=reason) as caught:
        complete(url, path)
    assert "swordfish" not in str(caught.value)


def test_an_address_of_a_printed_configuration_is_refused() -> None:
    with pytest.raises(ConfigError, match="stands for a password that was not printed"):
        StreamSource(Spec("stream", "rtsp://ada:***@porch"), Config(), (320, 320))


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o640, 0), (0o644, 1)])
def test_a_file_that_everybody_may_read_is_warned_of(tmp_path, caplog, mode, warnings) -> None:
    complete("rtsp://porch", written(tmp_path, "ada:swordfish", mode=mode))
    assert len(caplog.messages) == warnings
    assert all("chmod o-r" in message and "swordfish" not in message for message in caplog.messages)


class _Guarded(BaseHTTPRequestHandler):
    """Asks for a password, notes what is shown, and has no picture."""

    shown: list[str]

    def do_GET(self) -> None:
        if header := self.headers["Authorization"]:
            self.shown.append(b64decode(header.removeprefix("Basic ")).decode())
        self.send_response(404 if header else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="camera"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Tests are quiet."""


def test_a_camera_gets_the_password_of_the_file_and_no_message_shows_it(tmp_path, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    _Guarded.shown = []
    path = written(tmp_path, "ada:sw/ord#fi:s@h% ?é\n")
    with HTTPServer(("127.0.0.1", 0), _Guarded) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        config = Config(source_credentials=path)
        source = StreamSource(Spec("stream", f"http://127.0.0.1:{server.server_port}/live"), config, (320, 320))
        with pytest.raises(SourceError, match="cannot connect") as caught, source:
            pass
        server.shutdown()
        thread.join()
    assert _Guarded.shown == ["ada:sw/ord#fi:s@h% ?é"]
    assert "sw/ord" not in f"{caught.value} {source!r} {caplog.text}"
    assert "ada" not in f"{caught.value} {source!r} {caplog.text}"
