"""Attacks on the page, each carried out over a socket."""

from __future__ import annotations

import gzip
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_detector.sinks.web.rate_limiter import Rate, RateLimiter
from edge_detector.sinks.web.security import Policy, allowed_host_names, is_allowed_host
from edge_detector.sinks.web.server import MOST_CONNECTIONS
from edge_detector.types import Thresholds
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import TOKEN, Answer, Clock, Page, open_page

PATHS = (
    "/",
    "/app.js",
    "/stream.mjpg",
    "/snapshot.jpg",
    "/api/detections",
    "/api/status",
    "/api/history",
    "/api/settings",
    "/metrics",
    "/healthz",
    "/no-such-page",
)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "web-token"
    path.write_text(TOKEN)
    path.chmod(0o600)
    return path


def cookie_of(answer: Answer) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


# --- without the token ---


@pytest.mark.parametrize("path", PATHS)
def test_without_the_token_there_is_nothing_to_see(make_context: MakeContext, token_file: Path, path: str) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        page.sink.write(make.result())
        assert page.ask(path).status == 401
        assert page.ask(path, authorization="Bearer wrong").status == 401
        assert page.ask(path, cookie=f"edge-detector-{page.port}=wrong").status == 401
        assert page.change({"confidence": 0.1}).status == 401
        assert page.context.detector.thresholds == Thresholds()


def test_the_first_visit_leaves_a_cookie_that_opens_all_others(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        page.sink.write(make.result())
        first = page.ask(f"/?token={TOKEN}")
        assert 'content="0; url=/"' in first.text
        assert TOKEN not in first.text
        attributes = first.headers["Set-Cookie"].split("; ")[1:]
        assert set(attributes) == {"HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={180 * 24 * 3600}"}
        assert TOKEN not in first.headers["Set-Cookie"]
        assert cookie_of(first).startswith(f"edge-detector-{page.port}=")  # a second camera of this host has its own
        for path in ("/", "/api/status", "/snapshot.jpg", "/metrics"):
            assert page.ask(path, cookie=cookie_of(first)).status == 200
        assert "Set-Cookie" not in page.ask("/", cookie=cookie_of(first)).headers


def test_the_form_takes_the_token_too(make_context: MakeContext, token_file: Path) -> None:
    form = {"content_type": "application/x-www-form-urlencoded"}
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        assert '<form class="card" method="post" action="/login">' in page.ask("/").text
        wrong = page.ask("/login", method="POST", body="token=wrong", **form)
        assert (wrong.status, "Set-Cookie" in wrong.headers) == (401, False)
        assert "That is not the token." in wrong.text
        right = page.ask("/login", method="POST", body=f"token={TOKEN}", **form)
        assert (right.status, right.headers["Location"]) == (303, "/")
        assert page.ask("/api/status", cookie=cookie_of(right)).status == 200


def test_programs_show_the_token_as_a_header(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        answer = page.ask("/metrics", authorization=f"bearer  {TOKEN} ")
        assert (answer.status, "Set-Cookie" in answer.headers) == (200, False)


def test_the_token_in_the_address_opens_the_page_alone(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        assert page.ask(f"/api/status?token={TOKEN}").status == 401


def test_guessing_is_slow(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        guesses = [page.ask("/metrics", authorization=f"Bearer guess-{number}").status for number in range(7)]
        assert guesses == [401, 401, 401, 401, 401, 429, 429]
        assert page.ask("/metrics", authorization=f"Bearer {TOKEN}").status == 429  # not even the right one
        assert page.ask("/metrics", authorization=f"Bearer {TOKEN}", source="127.0.0.2").status == 200  # from elsewhere
        page.clock.now += 10
        assert page.ask("/metrics", authorization=f"Bearer {TOKEN}").status == 200


def test_the_form_is_as_slow_to_guess(make_context: MakeContext, token_file: Path) -> None:
    form = {"method": "POST", "content_type": "application/x-www-form-urlencoded"}
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        guesses = [page.ask("/login", body=f"token=guess-{number}", **form).status for number in range(6)]
        assert guesses == [401, 401, 401, 401, 401, 429]
        assert page.ask(f"/?token={TOKEN}").status == 429


def test_the_right_token_is_no_failed_login(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        assert [page.ask("/metrics", authorization=f"Bearer {TOKEN}").status for _ in range(10)] == [200] * 10


def test_only_what_the_form_needs_is_public(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        public = {path for path in (*PATHS, "/style.css", "/charts.js", "/icon.svg") if page.ask(path).status == 200}
        assert public == {"/style.css", "/icon.svg"}


def test_an_old_cookie_is_no_guess(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        assert [page.ask("/metrics", cookie=f"edge-detector-{page.port}=old").status for _ in range(8)] == [401] * 8
        assert page.ask("/metrics", authorization=f"Bearer {TOKEN}").status == 200


def test_the_token_is_not_logged(make_context: MakeContext, token_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        page.ask(f"/?token={TOKEN}")
        page.ask("/metrics", authorization=f"Bearer {TOKEN}")
    assert TOKEN not in caplog.text
    assert "web page: http://127.0.0.1:" in caplog.text


# --- from another site ---


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "evil.example@localhost",
        "localhost/evil.example",
        "192.168.1.5",
        "localhost:x",
        "",
        "[::1",
    ],
)
def test_a_name_that_is_not_ours_is_refused(make_context: MakeContext, host: str) -> None:
    with open_page(make_context()) as page:
        for path in PATHS:
            assert page.ask(path, host=host).status in (400, 421)  # 400: the parser has refused it already


def test_without_a_name_or_with_two_it_is_refused(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert page.raw(b"GET /metrics HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 421 ")
        assert page.raw(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")[
            9:12
        ] in (
            b"400",
            b"421",
        )


def test_two_host_headers_are_refused_even_if_both_are_allowed() -> None:
    limiter = RateLimiter(Rate(burst=1, per_s=1.0), clock=Clock())
    policy = Policy(allowed_host_names(), True, None, "cookie", limiter, limiter)
    accepted = [is_allowed_host(policy, headers) for headers in ([], ["localhost"], ["localhost", "localhost"])]
    assert accepted == [False, True, False]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "localhost.", "127.0.0.1:9", "127.3.4.5", "[::1]:8080"])
def test_our_own_names_are_known(make_context: MakeContext, host: str) -> None:
    with open_page(make_context()) as page:
        assert page.ask("/metrics", host=host).status == 200


def test_more_names_can_be_given(make_context: MakeContext, token_file: Path) -> None:
    name = socket.gethostname().lower().partition(".")[0]
    private = {f"{name}.local", f"{name}.lan", f"{name}.home.arpa", f"{name}.internal"}
    assert allowed_host_names(["Pi.Example"]) == {"localhost", name, *private, "pi.example"}
    with open_page(make_context(), f"web:0.0.0.0:0?host=pi.example&token_file={token_file}") as page:
        bearer = f"Bearer {TOKEN}"
        assert page.ask("/metrics", host="pi.example", authorization=bearer).status == 200
        assert page.ask("/metrics", host="192.168.1.5:8080", authorization=bearer).status == 200
        assert page.ask("/metrics", host="evil.example", authorization=bearer).status == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.example"]
)
def test_another_site_changes_and_reads_nothing(make_context: MakeContext, origin: str) -> None:
    with open_page(make_context()) as page:
        for path in PATHS:
            assert page.ask(path, origin=origin).status == 403
        change = {"method": "PATCH", "body": '{"confidence": 0.1}', "content_type": "application/json"}
        assert page.ask("/api/settings", origin=origin, **change).status == 403
        assert page.ask("/api/settings", method="OPTIONS", origin=origin).status == 403
        assert page.context.detector.thresholds == Thresholds()


def test_no_request_breaks_anything(
    make_context: MakeContext, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    strange = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40)
    likely = st.sampled_from(
        ["127.0.0.1", "http://[", "http://127.0.0.1", "Bearer x", "Basic eDp4", "a=b; edge-detector="]
    )
    names = ("Host", "Origin", "Cookie", "Authorization", "Sec-Fetch-Site", "Content-Type")
    headers = st.dictionaries(st.sampled_from(names), strange | likely)

    with open_page(make_context(), f"web:0?token_file={token_file}") as page:

        @settings(deadline=None)
        @given(st.sampled_from(["GET", "POST", "PATCH", "HEAD"]), st.sampled_from(PATHS) | strange, headers)
        def ask(method: str, path: str, headers: dict[str, str]) -> None:
            page.clock.now += 10  # or it would soon be too many
            lines = [f"{method} {path} HTTP/1.1", "Connection: close", *(f"{k}: {v}" for k, v in headers.items())]
            answer = page.raw("\r\n".join([*lines, "", ""]).encode("latin-1"))
            assert answer[9:12] in (b"400", b"401", b"403", b"404", b"405", b"413", b"421", b"429")

        ask()
    assert [record.getMessage() for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


def test_our_own_origin_changes_settings(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        own = {"origin": f"http://127.0.0.1:{page.port}", "sec_fetch_site": "same-origin"}
        change = {"method": "PATCH", "body": '{"confidence": 0.1}', "content_type": "application/json"}
        assert page.ask("/api/settings", **own, **change).status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_site_cannot_embed_but_may_link(make_context: MakeContext, site: str) -> None:
    with open_page(make_context()) as page:
        image = {"sec_fetch_site": site, "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"}
        link = {"sec_fetch_site": site, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
        frame = {**link, "sec_fetch_dest": "iframe"}
        assert page.ask("/stream.mjpg", **image).status == 403
        assert page.ask("/snapshot.jpg", **link).status == 403
        assert page.ask("/", **frame).status == 403
        assert page.ask("/", **link).status == 200
        assert page.ask("/", method="HEAD", **link).status == 403
        assert page.ask("/login", method="POST", **link).status == 403


def test_an_address_typed_by_the_user_is_allowed_everywhere(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        page.sink.write(make.result())
        typed = {"sec_fetch_site": "none", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
        assert [page.ask(path, **typed).status for path in ("/", "/snapshot.jpg", "/metrics")] == [200, 200, 200]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_what_a_form_can_send_is_no_change(make_context: MakeContext, kind: str) -> None:
    with open_page(make_context()) as page:
        answer = page.ask("/api/settings", method="PATCH", body='{"confidence": 0.1}', content_type=kind)
        assert (answer.status, page.context.detector.thresholds) == (415, Thresholds())


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "TRACE"])
def test_other_methods_are_refused(make_context: MakeContext, method: str) -> None:
    with open_page(make_context()) as page:
        assert {page.ask(path, method=method).status for path in PATHS} <= {404, 405}


def test_every_answer_keeps_browsers_careful(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        bearer = {"authorization": f"Bearer {TOKEN}"}
        answers = [
            page.ask("/"),
            page.ask("/", **bearer),
            page.ask("/api/status", **bearer),
            page.ask("/no-such-page", **bearer),
            page.ask("/metrics", origin="http://evil.example"),
            page.ask("/metrics", host="evil.example"),
        ]
        assert [answer.status for answer in answers] == [401, 200, 200, 404, 403, 421]
        for answer in answers:
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert answer.headers["Referrer-Policy"] == "same-origin"
            assert answer.headers["Permissions-Policy"] == "camera=(), geolocation=(), microphone=()"
            assert answer.headers["Content-Security-Policy"].endswith("base-uri 'none'; frame-ancestors 'none'")
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Server"] == "edge-detector"
            assert not any(name.startswith("Access-Control") for name in answer.headers)


# --- other people's files ---


@pytest.mark.parametrize(
    "target",
    [
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/page/index.html",
        "/index.html",
        "/app.js/../sink.py",
        "/static/app.js",
        "/app.js%00.html",
        "/.\\..\\sink.py",
        "file:///etc/passwd",
        "http://127.0.0.1/etc/passwd",
    ],
)
def test_no_file_but_the_page_is_served(make_context: MakeContext, target: str) -> None:
    with open_page(make_context()) as page:
        answer = page.raw(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        assert answer[9:12] in (b"400", b"404")
        assert b"root:" not in answer


# --- too much ---


def test_too_many_requests_wait(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        statuses = [page.ask("/api/status").status for _ in range(301)]
        assert statuses == [200] * 300 + [429]
        assert page.ask("/api/status").headers["Retry-After"] == "1"
        assert page.ask("/api/status", source="127.0.0.2").status == 200  # somebody else
        page.clock.now += 0.1
        assert page.ask("/api/status").status == 200


def test_the_number_of_viewers_is_limited(make_context: MakeContext) -> None:
    with open_page(make_context(), "web:127.0.0.1:0?viewers=2") as page, ExitStack() as stack:
        for path in ("/stream.mjpg", "/api/detections"):
            first = stack.enter_context(ExitStack())
            first.enter_context(page.viewer(path))
            stack.enter_context(page.viewer(path))
            answer = page.ask(path)
            assert (answer.status, answer.text, answer.headers["Retry-After"]) == (503, "2 viewers already\n", "10")
            first.close()
            assert wait_for_a_place(page, path) == 200


def wait_for_a_place(page: Page, path: str) -> int:
    """The status of the first request that is let in; the server may notice a moment later that a viewer has left."""
    for _ in range(100):
        with page.viewer(path) as stream:
            if stream.status != 503:
                return stream.status
    return 503


def test_the_number_of_connections_is_limited(make_context: MakeContext) -> None:
    with open_page(make_context()) as page, ExitStack() as stack:
        for _ in range(MOST_CONNECTIONS - 1):
            connection = stack.enter_context(page.connect())
            connection.sendall(b"GET / HTTP/1.1\r\n")  # and nothing more
        stack.enter_context(page.viewer("/metrics"))  # is answered, so all before it have been accepted
        with page.connect() as one_more:
            assert one_more.recv(1) == b""


def test_a_request_that_never_ends_is_closed(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_detector.sinks.web.server.IDLE_S", 0.2)
    with open_page(make_context()) as page, page.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-")
        assert connection.recv(1) == b""


def test_a_body_that_never_comes_is_given_up(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_detector.sinks.web.app.ANSWER_S", 0.2)
    kind = b"Content-Type: application/json\r\nContent-Length: 9\r\n"
    head = b"PATCH /api/settings HTTP/1.1\r\nHost: 127.0.0.1\r\n" + kind + b"\r\n"
    with open_page(make_context()) as page, page.connect() as connection:
        connection.sendall(head)
        assert b" 504 " in connection.recv(100)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 9000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-Many: 1\r\n" * 500 + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Header\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"\x00" * 1000 + b"\r\n\r\n",
    ],
    ids=["long line", "long header", "many headers", "smuggled", "negative", "no colon", "tls", "zeros"],
)
def test_malformed_requests_are_refused_quietly(
    make_context: MakeContext, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with open_page(make_context()) as page:
        assert page.raw(request_bytes)[:12] in (b"HTTP/1.1 400", b"HTTP/1.0 400")
        assert page.ask("/").status == 200
    assert [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(b" " * 10_000_000), 400),
        (b"[" * 60_000, 400),
        (b"\xff", 400),
        (b"", 400),
        (b'{"confidence": 1' + b"0" * 5000 + b"}", 400),
        (b" " * 70_000, 413),
    ],
    ids=["bomb", "deep", "no text", "empty", "huge number", "large"],
)
def test_malformed_bodies_are_refused_quietly(
    make_context: MakeContext, body: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    encoding = "gzip" if body.startswith(b"\x1f\x8b") else "identity"
    with open_page(make_context()) as page:
        answer = page.ask(
            "/api/settings", method="PATCH", body=body, content_type="application/json", content_encoding=encoding
        )
        assert (answer.status, page.context.detector.thresholds) == (status, Thresholds())
    assert [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []
