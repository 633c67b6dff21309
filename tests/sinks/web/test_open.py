"""Opening the page: where it listens, when it needs a token, and one clear error if it cannot open."""

from __future__ import annotations

import socket
import stat
import subprocess
from pathlib import Path

import pytest

from edge_detector import cli
from edge_detector.errors import ConfigError, EdgeDetectorError, SinkError
from edge_detector.options import Spec
from edge_detector.sinks.web.listen import Address, is_loopback
from edge_detector.sinks.web.sink import WebSink
from edge_detector.sinks.web.token import Token, read_token
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import TOKEN, open_page


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "web-token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("", Address("127.0.0.1", 8080)),
        ("9000", Address("127.0.0.1", 9000)),
        (":9000", Address("127.0.0.1", 9000)),
        ("0.0.0.0", Address("0.0.0.0", 8080)),
        ("0.0.0.0:9000", Address("0.0.0.0", 9000)),
        ("pi.local:0", Address("pi.local", 0)),
        ("[::1]", Address("::1", 8080)),
        ("[fe80::1]:9000", Address("fe80::1", 9000)),
    ],
)
def test_an_address_has_defaults_for_what_is_missing(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize("text", ["::1", "localhost:http", "localhost:70000", "[::1", "a/b", "user@pi:80", "pi:80?x"])
def test_what_is_no_address_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="is not an address; expected HOST:PORT"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
    ],
)
def test_other_machines_cannot_reach_loopback_addresses(host: str, loopback: bool) -> None:
    assert is_loopback(Address(host)) is loopback


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
def test_beyond_this_machine_it_needs_a_token(make_context: MakeContext, address: str, token_file: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"viewers must show a token; make one: python3 .*--sink 'web:.*:0\?token_file=web-token'"
    ):
        open_page(make_context(), f"web:{address}").__enter__()
    with open_page(make_context(), f"web:{address}?token_file={token_file}") as page:
        assert page.ask("/healthz").status == 401
        assert page.ask("/healthz", authorization=f"Bearer {TOKEN}").status == 503


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot read the web token: No such file or directory; make one: python3"),
        (b"", "the file is empty; expected one line of 16 or more letters and digits.*; make one: python3 -c .* > "),
        (b" \n", "the file is empty; expected one line of 16 or more letters and digits"),
        (b"short\n", "expected one line of 16 or more letters and digits"),
        (b"x" * 15, "expected one line of 16 or more letters and digits"),
        (b"x" * 1025, "expected one line"),
        (b"a token with spaces in it", "expected one line"),
        (b"a-token-with-a\ttab", "expected one line"),
        (b"first line, long enough\nsecond line", "expected one line"),
        ("pass\u00e9-pass\u00e9-pass\u00e9-pass\u00e9".encode(), "expected one line"),
        (b"\xff\xfe" * 20, "the web token is not text"),
        (b"x" * 2000, "expected one line"),
    ],
)
def test_a_bad_token_file_is_one_clear_error(tmp_path: Path, content: bytes | None, complaint: str) -> None:
    path = tmp_path / "web-token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=f"^{path}: .*{complaint}"):
        read_token(path)


@pytest.mark.parametrize("length", [16, 1024])
def test_the_shortest_and_the_longest_token_are_tokens(tmp_path: Path, length: int) -> None:
    path = tmp_path / "web-token"
    path.write_text("x" * length)
    assert read_token(path).matches("x" * length)


def test_a_token_file_that_all_may_read_is_remarked_on(token_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    read_token(token_file)
    assert caplog.messages == []
    token_file.chmod(token_file.stat().st_mode | stat.S_IROTH)
    read_token(token_file)
    assert caplog.messages == [f"{token_file}: every user of this machine can read the web token; chmod 640 fixes it"]


def test_a_token_does_not_show_itself() -> None:
    token = Token(TOKEN)
    assert TOKEN not in repr(token)


def test_the_command_that_makes_a_token_makes_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a folder" / "web-token"
    path.parent.mkdir()
    path.touch()
    with pytest.raises(ConfigError) as caught:
        read_token(path)
    command = str(caught.value).partition("make one: ")[2]
    subprocess.run(["bash", "-c", command], check=True, timeout=60)
    read_token(path)
    assert caplog.messages == []


@pytest.mark.parametrize(("secret", "strong"), [("x" * 40, False), ("0123456789012345", False), (TOKEN, True)])
def test_a_token_that_is_easy_to_guess_is_remarked_on(
    tmp_path: Path, secret: str, strong: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "web-token"
    path.write_text(secret)
    path.chmod(0o600)
    read_token(path)
    assert ["may be easy to guess; make one: python3" in message for message in caplog.messages] == [True] * (
        not strong
    )
    assert secret not in caplog.text


@pytest.mark.parametrize("shown", ["", TOKEN[:-1], f"{TOKEN}x", TOKEN.upper(), "\udcff", "\u00e9"])
def test_only_the_whole_token_is_the_token(shown: str) -> None:
    assert not Token(TOKEN).matches(shown)
    assert Token(TOKEN).matches(TOKEN)


def test_a_taken_port_is_one_clear_error(make_context: MakeContext) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SinkError) as caught:
            open_page(make_context(), f"web:{port}").__enter__()
    assert str(caught.value) == (
        f"sink web: cannot listen on 127.0.0.1:{port}: address already in use; choose another with web:HOST:PORT"
    )


def test_two_pages_of_one_run_need_two_ports(make_context: MakeContext) -> None:
    both = ("web:127.0.0.1:8399", "web:8399?fps=5")
    with pytest.raises(ConfigError) as caught:
        WebSink(Spec.parse(both[0]), make_context(sinks=both))
    assert str(caught.value) == (
        "sink web: two web sinks have the address 127.0.0.1:8399; give one another port: web:HOST:PORT"
    )
    for others in (("web:127.0.0.1:0", "web:127.0.0.1:0"), ("web:8399", "web:8400", "print")):
        with open_page(make_context(sinks=others)):
            pass


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("203.0.113.1:0", "cannot listen on 203.0.113.1:0: cannot assign requested address"),
        ("no-such-host.invalid:0", "the host name 'no-such-host.invalid' cannot be found"),
    ],
)
def test_an_address_of_nobody_here_is_one_clear_error(
    make_context: MakeContext, token_file: Path, address: str, complaint: str
) -> None:
    with pytest.raises(SinkError, match=complaint):
        open_page(make_context(), f"web:{address}?token_file={token_file}").__enter__()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("fps=0", "fps is 0; expected 0.1 to 60"),
        ("quality=101", "quality is 101; expected 1 to 100"),
        ("viewers=0", "viewers is 0; expected 1 to 1000"),
        ("fsp=5", "unknown option 'fsp'; did you mean 'fps'"),
        ("fps=fast", "expected a number"),
        ("key=key.pem", "key is given without certificate"),
        ("proxy=nginx", "proxy: 'nginx' does not appear to be an IPv4 or IPv6 address; expected IP addresses"),
        ("proxy=127.0.0.1", "viewers must show a token"),
    ],
)
def test_impossible_options_are_errors(make_context: MakeContext, options: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        open_page(make_context(), f"web:0?{options}").__enter__()


@pytest.mark.parametrize("missing", ["aiohttp", "prometheus_client"])
def test_without_its_extra_the_page_is_not_the_default_display(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_detector.sinks.window.display.screen_available", lambda: None)
    assert cli.best_display() == ("web",)
    monkeypatch.setattr(cli, "find_spec", lambda name: None if name == missing else object())
    assert cli.best_display() == ("print",)


def test_an_error_at_opening_leaves_nothing_behind(make_context: MakeContext, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(EdgeDetectorError):
        open_page(make_context(), f"web:{port}?token_file={tmp_path / 'missing'}").__enter__()
    with socket.create_server(("127.0.0.1", port)):
        pass  # still free
