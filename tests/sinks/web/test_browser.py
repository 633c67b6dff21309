"""The page in a real browser, beside a whole running detector: synthetic camera, fake runtime, real threads."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from edge_detector.config import Config
from edge_detector.detect import open_detector
from edge_detector.options import Spec
from edge_detector.pipeline import write_all
from edge_detector.prefetch import Prefetch
from edge_detector.running.context import Context
from edge_detector.running.meter import Meter
from edge_detector.sinks.web import WebSink
from edge_detector.sources import open_source
from tests.sinks.web.pages import TOKEN, Clock, Page

playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")

FLAGS = (
    "--no-sandbox",  # tests may run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP evil.example 127.0.0.1",  # a name whose owner points it at us
)
DEADLINE_MS = 60_000
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
SMALLEST_PHONE = {"width": 320, "height": 568}

# A number that changes with every picture: its pixels, summed up.
PICTURE = """() => {
  const picture = document.getElementById("picture");
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 36 });
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0, 64, 36);
  return context.getImageData(0, 0, 64, 36).data.reduce((sum, value, index) => (sum * 31 + value * index) % 1e9, 0);
}"""
MOVED = f"(before) => ({PICTURE})() !== before"
NO_VIEWERS = "async () => (await (await fetch('/api/status')).json()).viewers === 0"
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@contextmanager
def running(port: int = 0, options: str = "") -> Iterator[Page]:
    """A detector that runs, with a page."""
    config = Config(source="synthetic", runtime="fake", size=(640, 360), fps=20.0)
    with ExitStack() as stack:
        detector = stack.enter_context(open_detector(config))
        source = stack.enter_context(open_source(config, model_size=detector.picture_size(config.size)))
        frames = Prefetch(source, name="capture", live=True)
        results = Prefetch(map(detector.detect, frames), name="inference", live=True)
        context = Context(config, detector, Meter((frames, results)), live=True, stop=results.stop)
        sink = stack.enter_context(WebSink(Spec.parse(f"web:{port}{options}"), context))
        stack.enter_context(frames)
        stack.enter_context(results)
        loop = threading.Thread(target=write_all, args=(results, [sink], context.meter), name="loop")
        loop.start()
        stack.callback(loop.join)
        stack.callback(results.stop)
        stack.callback(frames.stop)
        yield Page(sink, context, Clock())


@pytest.fixture(scope="module")
def chromium() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: playwright.Browser) -> Iterator[playwright.Page]:
    """A phone's browser; what the page complains of fails the test."""
    complaints: list[str] = []
    with chromium.new_context(viewport=PHONE, has_touch=True) as context:
        context.set_default_timeout(DEADLINE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if is_ours(message) else None)
        page.complaints = complaints  # type: ignore[attr-defined]
        yield page
    assert complaints == []


def is_ours(message: playwright.ConsoleMessage) -> bool:
    """Whether the browser complains of the page, and not of a server that the test has closed."""
    return message.type == "error" and not message.text.startswith("Failed to load resource: net::")


def open_live(tab: playwright.Page, page: Page) -> None:
    """Go to the page and wait until it shows something."""
    tab.goto(page.sink.url)
    tab.wait_for_selector("#state[data-state=live]")
    tab.wait_for_selector("#seen li")
    tab.wait_for_function("() => document.getElementById('picture').naturalWidth === 640")


def in_view(tab: playwright.Page) -> set[str]:
    return set(tab.locator("#seen .name").all_text_contents())


def test_the_picture_moves(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        for _ in range(3):
            tab.wait_for_function(MOVED, arg=tab.evaluate(PICTURE))
        assert tab.locator("#model").text_content() == page.context.detector.name


def test_a_picture_is_shown_before_the_next_one_comes(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        page.context.stop()  # not another result from here on
        newest = "() => document.getElementById('picture').naturalWidth === 640"
        tab.reload()
        tab.wait_for_function(newest)


def test_the_slider_changes_what_is_detected(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        slider = tab.get_by_role("slider", name="Confidence")
        slider.fill("100")
        tab.wait_for_selector("#seen-none:visible")
        assert page.context.detector.thresholds.confidence == 1.0
        slider.fill("30")
        tab.wait_for_selector("#seen li")
        assert page.context.detector.thresholds.confidence == 0.3
        assert tab.locator("#confidence-value").text_content() == "30%"


def test_the_chips_choose_classes(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        tab.get_by_role("button", name="square", exact=True).click()
        tab.wait_for_function(
            "() => [...document.querySelectorAll('#seen .name')].every((e) => e.textContent === 'square')"
        )
        assert in_view(tab) <= {"square"}
        assert page.context.detector.thresholds.classes == ("square",)
        tab.get_by_role("button", name="All", exact=True).click()
        tab.wait_for_function(
            "() => [...document.querySelectorAll('#seen .name')].some((e) => e.textContent !== 'square')"
        )
        assert page.context.detector.thresholds.classes == ()


def test_one_viewers_settings_reach_the_other(tab: playwright.Page, chromium: playwright.Browser) -> None:
    with running() as page, chromium.new_context(viewport=DESKTOP) as context:
        open_live(tab, page)
        other = context.new_page()
        open_live(other, page)
        tab.get_by_role("slider", name="Confidence").fill("42")
        other.wait_for_function("() => document.getElementById('confidence').value === '42'")


def test_a_class_is_found_by_typing(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        tab.get_by_role("searchbox", name="Find a class").fill("TRI")
        assert tab.locator(".chip:visible").all_text_contents() == ["All", "triangle"]


def test_the_charts_draw(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        lines = "() => [...document.querySelectorAll('#chart-fps .line, #chart-latency .line')]"
        tab.wait_for_function(f"() => ({lines})().every((line) => line.getAttribute('d')?.split('L').length > 3)")
        assert tab.locator("#chart-fps .value").text_content().endswith(" fps")
        assert tab.locator("#chart-fps .line").bounding_box()["width"] > 0
        assert "95% within" in tab.locator("#chart-latency .hint").text_content()


def test_a_stalled_viewer_harms_nobody(tab: playwright.Page) -> None:
    with running() as page, page.viewer(receive_bytes=4096):  # and never reads a picture
        open_live(tab, page)
        for _ in range(5):
            tab.wait_for_function(MOVED, arg=tab.evaluate(PICTURE))


def test_a_page_that_nobody_sees_asks_for_nothing(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        assert page.metric("web_viewers") == 1
        tab.evaluate(HIDE, True)
        tab.wait_for_function(NO_VIEWERS, polling=100)
        tab.evaluate(HIDE, False)
        tab.wait_for_function("() => document.getElementById('picture').naturalWidth === 640")
        tab.wait_for_function(MOVED, arg=tab.evaluate(PICTURE))


def test_a_snapshot_is_saved_under_the_time(tab: playwright.Page, tmp_path: Path) -> None:
    with running() as page:
        open_live(tab, page)
        with tab.expect_download() as download:
            tab.get_by_role("link", name="Save a snapshot").click()
        download.value.save_as(tmp_path / "snapshot.jpg")
        assert download.value.suggested_filename.startswith("snapshot-2")
        assert (tmp_path / "snapshot.jpg").read_bytes().startswith(b"\xff\xd8")


def test_the_page_comes_back_with_the_detector(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
    tab.wait_for_selector("#state[data-state=lost]")
    assert "cannot be reached" in tab.locator("#notice").text_content()
    with running(page.port):
        tab.wait_for_selector("#state[data-state=live]")
        tab.wait_for_function("() => document.getElementById('picture').naturalWidth === 640")
        tab.wait_for_function(MOVED, arg=tab.evaluate(PICTURE))


def test_the_form_lets_in_who_has_the_token(tab: playwright.Page, tmp_path: Path) -> None:
    token_file = tmp_path / "web-token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    with running(options=f"?token_file={token_file}") as page:
        tab.goto(page.sink.url)
        tab.get_by_label("Token").fill("wrong")
        tab.get_by_role("button", name="Open").click()
        tab.get_by_text("That is not the token.").wait_for()
        tab.get_by_label("Token").fill(TOKEN)
        tab.get_by_role("button", name="Open").click()
        tab.wait_for_selector("#state[data-state=live]")
        tab.reload()
        tab.wait_for_selector("#state[data-state=live]")
        assert tab.evaluate("() => document.cookie") == ""  # no script can read it
    tab.complaints.clear()  # the browser's own, of the answers 401


def test_the_address_with_the_token_leads_to_the_page(tab: playwright.Page, tmp_path: Path) -> None:
    token_file = tmp_path / "web-token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    with running(options=f"?token_file={token_file}") as page:
        tab.goto(f"{page.sink.url}?token={TOKEN}")
        tab.wait_for_selector("#state[data-state=live]")
        assert tab.url == page.sink.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [SMALLEST_PHONE, PHONE, DESKTOP], ids=["small", "phone", "desktop"])
def test_it_fits_every_screen(chromium: playwright.Browser, size: dict[str, int], scheme: str) -> None:
    with running() as page, chromium.new_context(viewport=size, color_scheme=scheme) as context:
        tab = context.new_page()
        open_live(tab, page)
        assert tab.evaluate("() => document.documentElement.scrollWidth") <= size["width"]
        assert tab.locator("#picture").bounding_box()["y"] < size["height"] / 4
        light = tab.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 247)"
        assert light == (scheme == "light")


class EvilSite(http.server.BaseHTTPRequestHandler):
    """Another site on this machine that would like to see the camera and to change the settings."""

    port = 0

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(
            f"""<img src="http://127.0.0.1:{self.port}/snapshot.jpg" onload="seen=true" onerror="seen=false">
            <script>
              const page = "http://127.0.0.1:{self.port}";
              const change = {{ method: "PATCH", body: '{{"confidence": 0.01}}' }};
              const json = {{ headers: {{ "Content-Type": "application/json" }} }};
              window.tries = Promise.allSettled([
                fetch(page + "/api/status"),
                fetch(page + "/api/settings", {{ ...change, ...json }}),
                fetch(page + "/api/settings", {{ ...change, method: "POST", mode: "no-cors" }}),
                fetch(page + "/snapshot.jpg", {{ mode: "no-cors" }}),
              ]).then((all) => all.map(({{ status, value }}) => value?.type === "opaque" ? "unread" : status));
            </script>""".encode()
        )

    def log_message(self, *args: object) -> None:
        """Keep quiet."""


def test_another_site_in_the_same_browser_gets_nothing(chromium: playwright.Browser) -> None:
    with (
        running() as page,
        http.server.HTTPServer(("127.0.0.1", 0), EvilSite) as site,
        chromium.new_context() as context,
    ):
        EvilSite.port = page.port
        serving = threading.Thread(target=site.serve_forever, name="evil site")
        serving.start()
        tab = context.new_page()
        open_live(tab, page)
        before = page.context.detector.thresholds
        tab.goto(f"http://127.0.0.1:{site.server_port}/")
        tab.wait_for_function("() => typeof seen === 'boolean'")
        outcome = tab.evaluate("() => window.tries")
        site.shutdown()
        serving.join()
        assert tab.evaluate("() => seen") is False
        assert outcome[:2] == ["rejected", "rejected"]
        assert set(outcome[2:]) <= {"rejected", "unread"}
        assert page.context.detector.thresholds == before


def test_a_name_pointed_at_us_gets_nothing(chromium: playwright.Browser) -> None:
    with running() as page, chromium.new_context() as context:
        tab = context.new_page()
        answer = tab.goto(f"http://evil.example:{page.port}/api/status")
        assert answer.status == 421
