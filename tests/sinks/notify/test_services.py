"""What each service receives, and what it says of failures; the servers are fakes on this machine."""

from __future__ import annotations

import base64
import json
import shlex
import socket
import sys
from email import message_from_bytes, policy
from email.header import decode_header
from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.registry import SINKS, resolve
from edge_detector.sinks.notify import http
from edge_detector.sinks.notify.delivery import DeliveryFailed, Refused
from edge_detector.sinks.notify.sink import NotifySink
from tests.sinks.conftest import MakeContext
from tests.sinks.notify.servers import http_server, smtp_server
from tests.sinks.notify.test_outbox import message

PICTURE = b"\xff\xd8 a JPEG \xff\xd9"
SECRET = "swordfish"


@pytest.fixture
def make(make_context: MakeContext, tmp_path: Path):
    """``make("ntfy:URL?key=value")``: the sink, with its queue in an empty folder."""

    def build(text: str) -> NotifySink:
        spec = Spec.parse(f"{text}{'&' if '?' in text else '?'}queue={tmp_path / 'queue'}")
        return resolve(SINKS, spec.name, kind="sink")(spec, make_context(track=True))

    return build


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\n")
    return path


def test_ntfy_gets_the_picture_with_title_and_text(make, secret: Path) -> None:
    with http_server() as server:
        make(f"ntfy:{server.url}/porch?token_file={secret}&priority=high&title=Haustür").deliver(message(), PICTURE)
    (asked,) = server.asked
    assert (asked.method, asked.path, asked.body) == ("PUT", "/porch", PICTURE)
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    assert asked.headers["X-Message"] == "person"
    assert asked.headers["X-Priority"] == "high"


def test_ntfy_without_a_picture_is_plain_text(make) -> None:
    with http_server() as server:
        make(f"ntfy:{server.url}/porch").deliver(message(), None)
    assert server.asked[0].body == b"person"


def test_titles_may_be_in_any_language() -> None:
    ((text, charset),) = decode_header(http.header_text("Haustür\r\nX-Evil: 1"))
    assert text.decode(charset) == "Haustür X-Evil: 1"


def test_a_webhook_gets_a_form(make) -> None:
    with http_server() as server:
        make(f"webhook:{server.url}/hook").deliver(message(), PICTURE)
    (asked,) = server.asked
    head = f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n".encode()
    event, picture = message_from_bytes(head + asked.body, policy=policy.HTTP).iter_parts()
    assert event.get_content_type() == "application/json"
    assert json.loads(event.get_content())["id"] == "id-1"
    assert picture.get_content() == PICTURE
    assert asked.headers["Idempotency-Key"] == "id-1"


@pytest.mark.parametrize(("way", "expected"), [("inline", base64.b64encode(PICTURE).decode()), ("none", None)])
def test_a_webhook_can_get_json_alone(make, way: str, expected: str | None) -> None:
    with http_server() as server:
        make(f"webhook:{server.url}/hook?picture={way}").deliver(message(), PICTURE)
    (asked,) = server.asked
    event = json.loads(asked.body)
    assert event["label"] == "person"
    assert event.get("picture") == expected


def test_telegram_gets_a_photograph(make, secret: Path) -> None:
    with http_server() as server:
        make(f"telegram:42?token_file={secret}&server={server.url}").deliver(message(), PICTURE)
    (asked,) = server.asked
    assert asked.path == f"/bot{SECRET}/sendPhoto"
    assert PICTURE in asked.body
    assert b'name="chat_id"\r\n\r\n42' in asked.body
    assert b"door: person" in asked.body


def test_an_email_has_the_picture_attached(make) -> None:
    with smtp_server() as server:
        make(f"email:ada@example.org,bob@example.org?server=127.0.0.1:{server.port}").deliver(message(), PICTURE)
    (raw,) = server.mails
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["To"] == "ada@example.org, bob@example.org"
    assert mail["Subject"] == "door: person"
    (attached,) = mail.iter_attachments()
    assert attached.get_content() == PICTURE


@pytest.mark.parametrize(("answer", "kind"), [("451 later", DeliveryFailed), ("552 too large", Refused)])
def test_a_mail_server_may_refuse_for_now_or_for_ever(make, answer: str, kind: type[Exception]) -> None:
    with smtp_server(refusal=answer) as server:
        sink = make(f"email:ada@example.org?server=127.0.0.1:{server.port}")
        with pytest.raises(kind, match=answer):
            sink.deliver(message(), PICTURE)


def test_a_password_is_not_sent_in_plain_text(make, secret: Path) -> None:
    with pytest.raises(ConfigError, match="in plain text"):
        make(f"email:a@b.org?server=mail.example.org&security=none&username=ada&password_file={secret}")


@pytest.mark.parametrize(("code", "kind"), [(500, DeliveryFailed), (401, DeliveryFailed), (413, Refused)])
def test_what_a_code_means_for_the_message(make, code: int, kind: type[Exception]) -> None:
    with http_server(code) as server:
        sink = make(f"ntfy:{server.url}/porch")
        with pytest.raises(kind, match=f"answers {code}"):
            sink.deliver(message(), PICTURE)


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("99999999", 3600.0), ("soon", 0.0), ("nan", 0.0)])
def test_a_server_may_ask_to_wait(make, value: str, seconds: float) -> None:
    with http_server((429, {"Retry-After": value})) as server:
        sink = make(f"webhook:{server.url}/hook")
        with pytest.raises(DeliveryFailed) as raised:
            sink.deliver(message(), PICTURE)
    assert raised.value.wait_s == seconds


def test_a_redirect_does_not_get_the_token(make, secret: Path) -> None:
    with http_server() as other, http_server((302, {"Location": f"{other.url}/elsewhere"})) as server:
        sink = make(f"ntfy:{server.url}/porch?token_file={secret}")
        with pytest.raises(DeliveryFailed, match="redirect is not followed"):
            sink.deliver(message(), PICTURE)
    assert other.asked == []


def test_a_server_that_hangs_is_given_up(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = make(f"ntfy:http://127.0.0.1:{silent.getsockname()[1]}/porch")
        with pytest.raises(DeliveryFailed, match="timed out"):
            sink.deliver(message(), PICTURE)


def test_no_error_shows_the_secret(make, secret: Path) -> None:
    sink = make(f"telegram:42?token_file={secret}&server=http://127.0.0.1:9")
    with pytest.raises(DeliveryFailed) as raised:
        sink.deliver(message(), PICTURE)
    assert SECRET not in str(raised.value) + repr(sink)


PROGRAM = """
import json, pathlib, sys
said = json.load(sys.stdin)
pathlib.Path(sys.argv[1]).write_bytes(said["text"].encode() + pathlib.Path(said["picture_file"]).read_bytes())
"""


def program(*arguments: str) -> str:
    return shlex.join([sys.executable, "-c", *arguments])


def test_a_program_gets_json_and_a_picture(make, tmp_path: Path) -> None:
    make(f"command:{program(PROGRAM, str(tmp_path / 'a b; $(c)'))}").deliver(message(), PICTURE)
    assert (tmp_path / "a b; $(c)").read_bytes() == b"person" + PICTURE


@pytest.mark.parametrize(("code", "kind"), [(75, DeliveryFailed), (3, Refused)])
def test_a_program_may_fail_for_now_or_for_ever(make, code: int, kind: type[Exception]) -> None:
    failing = program(f"import sys; print('no bell', file=sys.stderr); sys.exit({code})")
    with pytest.raises(kind, match=f"exit code {code}: no bell"):
        make(f"command:{failing}").deliver(message(), PICTURE)


def test_a_program_that_hangs_is_ended_with_its_children(make, tmp_path: Path) -> None:
    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.fork() or os.getpid())); time.sleep(60)"
    with pytest.raises(Refused, match="has not ended after 1 s"):
        make(f"command:{program(code)}?timeout=1s").deliver(message(), PICTURE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ntfy", "expected the address"),
        ("ntfy:ftp://host/x", "this is no address"),
        ("ntfy:http://ada:pw@host/x", "without a user's name"),
        ("ntfy:http://host/x?priority=loud", "expected one of min, low"),
        ("telegram:42", "token_file is missing"),
        ("telegram:42?token_file=/nowhere/x", "cannot be read from /nowhere/x: No such file"),
        ("email:ada?server=h", "no mail address"),
        ("email:ada@example.org", "email:ADDRESS\\?server=HOST"),
        ("email:ada@example.org?server=h:x", "expected HOST or HOST:PORT"),
        ("email:ada@example.org?server=h&username=a", "belong together"),
        ("command:/nowhere/bell", "no such program"),
        ("command:'open", "No closing quotation"),
        ("webhook:http://host/x?picture=big", "expected one of part, inline, none"),
        ("webhook:http://host/x?confidence=2", "sink webhook: confidence is 2; expected 0 to 1"),
    ],
)
def test_bad_options_are_errors_at_the_start(make, text: str, expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        make(text)
