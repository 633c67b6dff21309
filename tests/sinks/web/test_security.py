"""Attacks on the page, each carried out over a socket."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_detector.sinks.web.limited_listener import MOST_CONNECTIONS, MOST_OF_ONE_CLIENT
from edge_detector.sinks.web.rate_limiter import Rate, RateLimiter
from edge_detector.sinks.web.security import Policy, allowed_host_names, is_allowed_host
from edge_detector.sinks.web.sessions import MOST_SESSIONS, Sessions
from edge_detector.types import Thresholds
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import TOKEN, Answer, Clock, Page, open_page

PATHS = (
    "/",
    "/app.js",
    "/stream.mjpg",
    "/api/pictures",
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


LOG_OUT = '<form class="log-out" method="post" action="/logout">'


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


@pytest.mark.parametrize(
    ("wanted", "place"),
    [
        ("/history", "/history"),
        ("/history?day=2026-11-29&class=traffic%20light", "/history?day=2026-11-29&class=traffic+light"),
        ("/?token=guess&x=1", "/?x=1"),
        ("//evil.example/", "/"),
        ("https://evil.example/history", "/"),
        ("/\\evil.example", "/"),
        ("/api/status", "/"),
        ("/history?x=%0d%0aSet-Cookie:%20a=b", "/history?x=%0D%0ASet-Cookie%3A+a%3Db"),
        ("http://[", "/"),
    ],
)
def test_the_login_leads_to_the_page_that_was_asked_for_and_to_no_other_site(
    make_context: MakeContext, token_file: Path, wanted: str, place: str
) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        right = page.ask("/login", body=urlencode({"token": TOKEN, "wanted": wanted}), **FORM)
        assert (right.status, right.headers["Location"]) == (303, place)


def test_the_form_remembers_the_page_over_a_wrong_token(make_context: MakeContext, token_file: Path) -> None:
    field = '<input type="hidden" name="wanted" value="/history?class=%3Cb%3E&amp;kept=yes">'
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        assert field in page.ask("/history?class=<b>&kept=yes".replace("<", "%3C").replace(">", "%3E")).text
        body = urlencode({"token": "wrong", "wanted": "/history?class=<b>&kept=yes"})
        assert field in page.ask("/login", body=body, **FORM).text
        assert 'name="wanted" value="/"' in page.ask("/").text


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
        assert page.ask("/metrics", authorization="Bearer guess", source="127.0.0.2").status == 401  # from elsewhere
        page.clock.now += 10
        guesses = [page.ask("/metrics", authorization=f"Bearer guess-{number}").status for number in range(2)]
        assert guesses == [401, 429]


FORM = {"method": "POST", "content_type": "application/x-www-form-urlencoded"}


def show_as_header(page: Page, shown: str) -> Answer:
    return page.ask("/metrics", authorization=f"Bearer {shown}")


def show_in_address(page: Page, shown: str) -> Answer:
    return page.ask(f"/?token={shown}")


def show_in_form(page: Page, shown: str) -> Answer:
    return page.ask("/login", body=f"token={shown}", **FORM)


def show_as_cookie(page: Page, shown: str) -> Answer:
    return page.ask("/metrics", cookie=f"edge-detector-{page.port}={shown}")


def test_every_way_to_show_a_wrong_token_has_one_limit(make_context: MakeContext, token_file: Path) -> None:
    ways = (show_as_header, show_in_address, show_in_form, show_as_cookie)
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        assert [show(page, "guess").status for show in (*ways, show_as_cookie)] == [401] * 5
        assert [show(page, "guess").status for show in ways] == [429] * 4
        assert page.ask("/").status == 401  # shows nothing, and gets the form


@pytest.mark.parametrize("show", [show_as_header, show_in_address, show_in_form])
def test_wrong_guesses_never_lock_the_right_token_out(
    make_context: MakeContext, token_file: Path, show: Callable[[Page, str], Answer]
) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        session = cookie_of(page.ask(f"/?token={TOKEN}"))
        assert [show(page, f"guess-{number}").status for number in range(7)][-2:] == [429, 429]
        assert show(page, TOKEN).status in (200, 303)
        assert page.ask("/metrics", cookie=session).status == 200


def test_who_is_logged_in_is_not_locked_out_by_a_flood_from_the_same_address(
    make_context: MakeContext, token_file: Path
) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        session = cookie_of(page.ask(f"/?token={TOKEN}"))
        while page.ask("/metrics").status != 429:
            pass
        assert page.ask("/metrics", authorization=f"Bearer {TOKEN}").status == 429  # 100 guesses a second are the most
        assert page.ask("/metrics", cookie=session).status == 200


def test_one_request_is_one_guess(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        assert page.ask(f"/?token=guess&token={TOKEN}").status == 401
        assert page.ask("/login", body=f"token=guess&token={TOKEN}", **FORM).status == 401
        assert page.ask("/metrics", cookie=f"edge-detector-{page.port}={TOKEN}").status == 401


def test_a_session_does_not_tell_whether_a_guess_is_right(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        session = cookie_of(page.ask(f"/?token={TOKEN}"))
        right, wrong = (page.ask(f"/?token={shown}", cookie=session) for shown in (TOKEN, "guess"))
        assert (right.status, right.body, "Set-Cookie" in right.headers) == (
            wrong.status,
            wrong.body,
            "Set-Cookie" in wrong.headers,
        )


def test_the_right_token_is_no_failed_login(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        assert [page.ask("/metrics", authorization=f"Bearer {TOKEN}").status for _ in range(10)] == [200] * 10


def test_only_what_the_form_needs_is_public(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        public = {path for path in (*PATHS, "/style.css", "/charts.js", "/icon.svg") if page.ask(path).status == 200}
        assert public == {"/style.css", "/icon.svg"}


def test_an_old_cookie_is_forgotten_at_once(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        old = f"edge-detector-{page.port}=old"
        answers = [page.ask(path, cookie=old) for path in ("/", "/metrics", *["/"] * 4)]
        assert [answer.status for answer in answers] == [401] * 5 + [429]
        for answer in answers:
            assert answer.headers["Set-Cookie"].startswith(f'edge-detector-{page.port}=""; ')
            assert "Max-Age=0" in answer.headers["Set-Cookie"]
        assert "<form" in answers[0].text


# --- sessions ---


def test_logging_out_ends_this_session_alone(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        this, other = (cookie_of(page.ask(f"/?token={TOKEN}")) for _ in range(2))
        assert this != other
        assert LOG_OUT in page.ask("/", cookie=this).text
        page.sink.write(make.result())
        with page.viewer(header=f"Cookie: {this}") as mine, page.viewer(header=f"Cookie: {other}") as theirs:
            answer = page.ask("/logout", cookie=this, **FORM)
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            assert "Max-Age=0" in answer.headers["Set-Cookie"]
            assert mine.ended()
            assert theirs.picture().size
        assert page.ask("/metrics", cookie=this).status == 401
        assert page.ask("/metrics", cookie=other).status == 200


def test_logging_out_everywhere_ends_every_session_and_stream(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        sessions = [cookie_of(page.ask(f"/?token={TOKEN}")) for _ in range(2)]
        with page.viewer(header=f"Cookie: {sessions[1]}") as viewer:
            page.ask("/logout", cookie=sessions[0], body="everywhere=", **FORM)
            assert viewer.ended()
        assert [page.ask("/metrics", cookie=session).status for session in sessions] == [401, 401]
        again = cookie_of(page.ask(f"/?token={TOKEN}"))
        page.ask("/logout", authorization=f"Bearer {TOKEN}", body="everywhere=yes", **FORM)
        assert page.ask("/metrics", cookie=again).status == 401


def test_nobody_logs_others_out(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        session = cookie_of(page.ask(f"/?token={TOKEN}"))
        everywhere = {"body": "everywhere=yes", **FORM}
        assert page.ask("/logout", **everywhere).status == 401
        assert page.ask("/logout", cookie=session, origin="http://evil.example", **everywhere).status == 403
        assert page.ask("/logout", cookie=session, sec_fetch_site="cross-site", **everywhere).status == 403
        assert page.ask("/logout", cookie=session).status == 405  # a link or picture cannot do it
        assert page.ask("/metrics", cookie=session).status == 200


def test_without_a_token_there_is_nothing_to_log_out_of(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert "log out" not in page.ask("/").text.lower()
        assert page.ask("/logout", **FORM).status == 303


def test_a_session_ends_a_month_after_its_last_use(make_context: MakeContext, token_file: Path) -> None:
    day_s = 24 * 3600
    with open_page(make_context(), f"web:0?token_file={token_file}") as page:
        session = cookie_of(page.ask(f"/?token={TOKEN}"))
        for _ in range(6):
            page.clock.now += 29 * day_s
            assert page.ask("/metrics", cookie=session).status == 200
        page.clock.now += 29 * day_s  # 203 days after the login
        assert page.ask("/metrics", cookie=session).status == 401
        session = cookie_of(page.ask(f"/?token={TOKEN}"))
        page.clock.now += 31 * day_s
        assert page.ask("/metrics", cookie=session).status == 401


def test_the_number_of_sessions_is_limited() -> None:
    sessions = Sessions(clock=Clock())
    ids = [sessions.start() for _ in range(MOST_SESSIONS)]
    assert sessions.use(ids[0])  # is the newest now
    newest = sessions.start()
    assert len(sessions) == MOST_SESSIONS
    assert [sessions.use(each) is not None for each in (ids[0], ids[1], ids[2], newest)] == [True, False, True, True]


def test_sessions_are_kept_without_their_ids() -> None:
    sessions = Sessions(clock=Clock())
    session_id = sessions.start()
    name = sessions.use(session_id)
    assert name is not None
    assert len(session_id) == 43  # 256 bits
    assert session_id not in repr(vars(sessions))
    assert sessions.use(name) is None
    assert sessions.use("\udcff") is None


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
    sessions = Sessions(clock=Clock())
    policy = Policy(allowed_host_names(), True, None, "cookie", False, frozenset(), limiter, limiter, sessions)
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


def answers(page: Page, source: str = "127.0.0.1") -> bool:
    """Whether a new connection from the address ``source`` gets an answer, rather than being closed at once."""
    with page.connect(source=source) as connection, suppress(ConnectionError):
        connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        return connection.recv(1) == b"H"
    return False


@pytest.mark.parametrize("request_bytes", [b"", b"GET / HTTP/1.1\r\n"], ids=["silent", "unfinished"])
def test_one_client_cannot_hold_all_connections(make_context: MakeContext, request_bytes: bytes) -> None:
    with open_page(make_context()) as page, ExitStack() as stack:
        connections = [stack.enter_context(page.connect()) for _ in range(MOST_OF_ONE_CLIENT)]
        for connection in connections:
            connection.sendall(request_bytes)
        assert answers(page, source="127.0.0.2")  # so all before it have been accepted
        assert not answers(page)
        connections[0].close()
        assert any(answers(page) for _ in range(100))  # the server notices a moment later that there is room


def test_the_number_of_connections_is_limited(make_context: MakeContext) -> None:
    with open_page(make_context()) as page, ExitStack() as stack:
        for number in range(MOST_CONNECTIONS - 1):
            source = f"127.0.0.{2 + number // MOST_OF_ONE_CLIENT}"
            connection = stack.enter_context(page.connect(source=source))
            connection.sendall(b"GET / HTTP/1.1\r\n")  # and nothing more
        stack.enter_context(page.viewer("/metrics"))  # is answered, so all before it have been accepted
        assert not answers(page)


def test_a_proxy_holds_connections_for_many(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?proxy=127.0.0.1&token_file={token_file}") as page, ExitStack() as stack:
        for _ in range(MOST_OF_ONE_CLIENT):
            stack.enter_context(page.connect())
        assert answers(page)


def test_behind_a_proxy_each_client_is_limited_alone(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?proxy=127.0.0.1&token_file={token_file}") as page:
        wrong = {"authorization": "Bearer wrong"}
        guesses = [page.ask("/metrics", x_forwarded_for="192.168.1.5", **wrong).status for _ in range(6)]
        assert guesses == [401] * 5 + [429]
        assert page.ask("/metrics", x_forwarded_for="192.168.1.6", **wrong).status == 401
        assert page.ask("/metrics", x_forwarded_for="192.168.1.6, 192.168.1.5", **wrong).status == 429


def test_a_cookie_is_secure_behind_a_proxy_that_speaks_tls(make_context: MakeContext, token_file: Path) -> None:
    with open_page(make_context(), f"web:0?proxy=127.0.0.1&token_file={token_file}") as page:
        login = f"/?token={TOKEN}"
        by_tls, plain, no_proxy = (
            page.ask(login, x_forwarded_proto=proto, source=source).headers["Set-Cookie"].split("; ")
            for proto, source in (("https", "127.0.0.1"), ("http", "127.0.0.1"), ("https", "127.0.0.2"))
        )
        assert ["Secure" in cookie for cookie in (by_tls, plain, no_proxy)] == [True, False, False]


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
