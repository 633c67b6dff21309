"""The page in a real browser, beside a whole running detector: synthetic camera, fake runtime, real threads."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.colors import class_color
from edge_detector.config import Config
from edge_detector.options import Spec
from edge_detector.pipeline import write_all
from edge_detector.prefetch import Prefetch
from edge_detector.running.context import ConfigFile, Context, EditablePlaces
from edge_detector.running.meter import Meter
from edge_detector.running.model_change import ModelChanges
from edge_detector.running.places import LivePlaces
from edge_detector.sinks.web import WebSink
from edge_detector.sources import open_source
from edge_detector.swap.live_detector import LiveDetector
from edge_detector.types import VisitChange
from tests import make
from tests.command import started
from tests.sinks.web.pages import TOKEN, Clock, FakePlaces, Page

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
expect = playwright.expect  # waits until it is so, as a person would
expect.set_options(timeout=DEADLINE_MS)
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 800}
SMALLEST_PHONE = {"width": 320, "height": 568}
LANDSCAPE = {"width": 844, "height": 390}
LARGE = {"width": 1920, "height": 1080}
CONFIG = Config(source="synthetic", runtime="fake", size=(640, 360), fps=20.0)

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
LABELS = """() => {
  const view = document.getElementById("view").getBoundingClientRect();
  return [...document.querySelectorAll("#boxes .label")].map((label) => {
    const { left, right, top, bottom, height } = label.getBoundingClientRect();
    const inside =
      left >= view.left - 1 && right <= view.right + 1 && top >= view.top - 1 && bottom <= view.bottom + 1;
    return { text: label.textContent, height, inside, font: parseFloat(getComputedStyle(label).fontSize) };
  });
}"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@contextmanager
def running(
    port: int = 0,
    options: str = "",
    *,
    config: Config = CONFIG,
    config_file: ConfigFile | None = None,
    places: EditablePlaces | None = None,
    models: ModelChanges | None = None,
) -> Iterator[Page]:
    """A detector that runs, with a page."""
    with ExitStack() as stack:
        detector = stack.enter_context(LiveDetector.of(config))
        source = stack.enter_context(open_source(config, model_size=detector.picture_size(config.size)))
        frames = Prefetch(source, name="capture", live=True)
        detected = (detector.decode(detector.infer(detector.prepare(frame))) for frame in frames)
        results = Prefetch(detected, name="inference", live=True)
        context = Context(config, detector, Meter((frames, results)), True, results.stop, config_file, places, models)
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
    """A phone's browser; what the page complains of fails the test, but for what it `may_complain` of."""
    complaints: list[str] = []
    expected: list[str] = []
    with chromium.new_context(viewport=PHONE, has_touch=True) as context:
        context.set_default_timeout(DEADLINE_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if is_ours(message) else None)
        page.expected = expected  # type: ignore[attr-defined]
        yield page
    assert [text for text in complaints if not any(part in text for part in expected)] == []


def may_complain(tab: playwright.Page, text: str) -> None:
    """Let the browser tell of something that is part of the test, such as an answer with the ``status of 401``."""
    tab.expected.append(text)  # type: ignore[attr-defined]


def is_ours(message: playwright.ConsoleMessage) -> bool:
    """Whether the browser complains of the page, and not of a server that the test has closed."""
    return message.type == "error" and not message.text.startswith("Failed to load resource: net::")


def open_live(tab: playwright.Page, page: Page) -> None:
    """Go to the page and wait until it shows something."""
    tab.goto(page.sink.url)
    tab.wait_for_selector("#state[data-state=live]")
    tab.wait_for_selector("#seen li")
    tab.wait_for_function("() => document.getElementById('picture').width === 640")


def in_view(tab: playwright.Page) -> set[str]:
    return set(tab.locator("#seen .name").all_text_contents())


def test_the_picture_moves(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        for _ in range(3):
            tab.wait_for_function(MOVED, arg=tab.evaluate(PICTURE))
        expect(tab.locator("#model")).to_have_text(page.context.detector.name)


def test_a_picture_is_shown_before_the_next_one_comes(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        page.context.stop()  # not another result from here on
        newest = "() => document.getElementById('picture').width === 640"
        tab.reload()
        tab.wait_for_function(newest)


def change_detection(tab: playwright.Page, change: Callable[[], None], *, answer: str = "Change for everybody") -> None:
    """Open the detector's settings, make a change there and answer the question that comes."""
    if not tab.get_by_role("slider", name="Confidence").is_visible():
        tab.get_by_text("What is detected", exact=True).click()
    change()
    tab.get_by_role("button", name="Change …").click()
    tab.get_by_role("dialog").get_by_role("button", name=answer).click()
    tab.get_by_role("dialog").wait_for(state="hidden")


def test_the_slider_changes_what_is_detected(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        slider = tab.get_by_role("slider", name="Confidence")
        change_detection(tab, lambda: slider.fill("100"))
        tab.wait_for_selector("#seen-none:visible")
        assert page.context.detector.thresholds.confidence == 1.0
        change_detection(tab, lambda: slider.fill("30"))
        tab.wait_for_selector("#seen li")
        assert page.context.detector.thresholds.confidence == 0.3
        expect(tab.locator("#confidence-value")).to_have_text("30%")
        expect(tab.locator("#saved")).to_contain_text("until the next start or reload")


def test_nothing_changes_for_everybody_before_it_is_confirmed(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        before = page.context.detector.thresholds
        change_detection(tab, lambda: tab.get_by_role("slider", name="Confidence").fill("90"), answer="Cancel")
        expect(tab.locator("#confirm-from")).to_have_text("50% or more, all classes")
        expect(tab.locator("#confirm-to")).to_have_text("90% or more, all classes")
        tab.get_by_role("button", name="Discard").click()
        expect(tab.locator("#confidence-value")).to_have_text("50%")
        assert page.context.detector.thresholds == before


def test_the_classes_to_detect_are_saved_in_the_configuration_file(tab: playwright.Page, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text("classes = []  # all\n")
    with running(config_file=ConfigFile(file)) as page:
        open_live(tab, page)
        square = tab.get_by_role("listbox", name="Classes").get_by_role("option", name="square")
        change_detection(tab, square.click)
        tab.get_by_text(f"Changed; saved in {file}.").wait_for()
        assert page.context.detector.thresholds.classes == ("square",)
        assert file.read_text() == 'classes = ["square"]  # all\n'  # and no confidence, which nobody has changed


def test_the_chips_choose_what_this_browser_shows_and_nothing_else(
    tab: playwright.Page, chromium: playwright.Browser
) -> None:
    with running() as page, chromium.new_context(viewport=DESKTOP) as context:
        open_live(tab, page)
        before = page.context.detector.thresholds
        seen = tab.get_by_role("listbox", name="What I see")
        seen.get_by_role("option", name="square").click()
        tab.wait_for_function(
            "() => [...document.querySelectorAll('#seen .name')].every((e) => e.textContent === 'square')"
        )
        assert in_view(tab) <= {"square"}
        assert {text.split()[0] for text in tab.locator("#boxes .label").all_text_contents()} <= {"square"}
        other = context.new_page()
        open_live(other, page)
        other.wait_for_function(
            "() => [...document.querySelectorAll('#seen .name')].some((e) => e.textContent !== 'square')"
        )
        tab.reload()
        open_live(tab, page)
        expect(seen.get_by_role("option", selected=True)).to_have_text(["square"])
        seen.get_by_role("option", name="All").click()
        tab.wait_for_function(
            "() => [...document.querySelectorAll('#seen .name')].some((e) => e.textContent !== 'square')"
        )
        assert page.context.detector.thresholds == before


def test_new_labels_of_the_detector_reach_the_page(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        page.context.detector.relabel(("Kreis", "Quadrat", "Dreieck"), page.context.detector.thresholds)
        tab.locator("#seen .name", has_text="Quadrat").wait_for()
        seen = tab.get_by_role("listbox", name="What I see")
        expect(seen.get_by_role("option")).to_have_text(["All", "Kreis", "Quadrat", "Dreieck"])


def test_one_viewers_settings_reach_the_other(tab: playwright.Page, chromium: playwright.Browser) -> None:
    with running() as page, chromium.new_context(viewport=DESKTOP) as context:
        open_live(tab, page)
        other = context.new_page()
        open_live(other, page)
        change_detection(tab, lambda: tab.get_by_role("slider", name="Confidence").fill("42"))
        other.wait_for_function("() => document.getElementById('confidence').value === '42'")


def test_a_list_of_classes_is_one_tab_stop_with_arrow_keys(tab: playwright.Page) -> None:
    focused = "() => document.activeElement.textContent"
    with running() as page:
        open_live(tab, page)
        tab.get_by_role("searchbox", name="Find a class to see").focus()
        tab.keyboard.press("Tab")
        assert tab.evaluate(focused) == "All"
        tab.keyboard.press("ArrowRight")
        tab.keyboard.press("ArrowDown")
        assert tab.evaluate(focused) == "square"
        tab.keyboard.press(" ")
        tab.keyboard.press("End")
        tab.keyboard.press("Enter")
        seen = tab.get_by_role("listbox", name="What I see")
        expect(seen.get_by_role("option", selected=True)).to_have_text(["square", "triangle"])
        tab.keyboard.press("ArrowRight")  # there is nothing behind the last one
        assert tab.evaluate(focused) == "triangle"
        tab.keyboard.press("Home")
        assert tab.evaluate(focused) == "All"
        tab.keyboard.press("Tab")
        assert tab.evaluate("() => document.activeElement.tagName") == "SUMMARY"


def test_a_class_is_found_by_typing(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        search = tab.get_by_role("searchbox", name="Find a class to see")
        search.fill("TRI")
        expect(tab.locator(".chip:visible")).to_have_text(["All", "triangle"])
        search.press("ArrowDown")
        assert tab.evaluate("() => document.activeElement.textContent") == "All"


def test_the_charts_draw(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        lines = "() => [...document.querySelectorAll('#chart-fps .line, #chart-latency .line')]"
        tab.wait_for_function(f"() => ({lines})().every((line) => line.getAttribute('d')?.split('L').length > 3)")
        expect(tab.locator("#chart-fps .value")).to_have_text(re.compile(" fps$"))
        assert tab.locator("#chart-fps .line").bounding_box()["width"] > 0
        expect(tab.locator("#chart-latency .hint")).to_contain_text("95% within")


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
        tab.wait_for_function("() => document.getElementById('picture').width === 640")
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
    expect(tab.locator("#notice")).to_contain_text("cannot be reached")
    expect(tab.locator("#state")).to_have_text("Connection lost, trying again")
    assert_nothing_old_is_shown(tab)
    with running(page.port):
        tab.wait_for_selector("#state[data-state=live]")
        tab.wait_for_function("() => document.getElementById('picture').width === 640")
        tab.wait_for_function(MOVED, arg=tab.evaluate(PICTURE))


def test_a_frozen_detector_is_not_live(tab: playwright.Page) -> None:
    with started("--source", "synthetic", "--runtime", "fake", "--sink", "web:127.0.0.1:0") as process:
        tab.goto(address_of(process))
        tab.wait_for_selector("#state[data-state=live]")
        tab.wait_for_selector("#seen li")
        process.send_signal(signal.SIGSTOP)
        tab.wait_for_selector("#state[data-state=stalled]")
        expect(tab.locator("#state")).to_have_text(re.compile(r"^No picture for \d+ s$"))
        assert_nothing_old_is_shown(tab)
        tab.get_by_text("No picture for 8 s").first.wait_for()  # it goes on counting, whatever requests do
        expect(tab.locator("#state-spoken")).to_have_text("No new picture")  # said once, and not every second
        process.send_signal(signal.SIGCONT)
        tab.wait_for_selector("#state[data-state=live]")
        tab.wait_for_selector("#seen li")
        tab.wait_for_function("() => document.querySelector('#chart-fps .value').textContent.endsWith(' fps')")
    tab.wait_for_selector("#state[data-state=lost]")


def judge(tab: playwright.Page, steps: str) -> list[object]:
    """What a `Liveness` that begins at 0 ms says after each of the steps, which ``note`` something."""
    return tab.evaluate(
        f"""async () => {{
          const {{ Liveness }} = await import("/liveness.js");
          const live = new Liveness(0);
          const noted = [];
          const note = (value) => noted.push(value);
          const status = (frame_age_s, pace_s = 0.1) => ({{ results: 9, frame_age_s, pace_s }});
          {steps}
          return noted;
        }}"""
    )


def test_liveness_is_judged_by_the_age_of_picture_and_status(tab: playwright.Page) -> None:
    with running() as page:
        tab.goto(page.sink.url)
        texts = judge(
            tab,
            """
            note(live.state(100).text);
            live.answer({ results: 0, frame_age_s: null, pace_s: 0 }, 200); note(live.state(300).text);
            note(live.state(5200).text);
            live.answer(status(0.1), 5300); note(live.state(5300).name);
            live.picture(5400); note(live.state(5400).text);
            note(live.state(17400).text);
            live.answer(status(0.1, 5), 17400); note(live.state(17500).text);  // the model takes 5 s for each
            live.answer(status(200), 20400); note(live.state(20400).text);
            live.noConnection(); note(live.state(20500).text);
            """,
        )
    assert texts == [
        "Connecting",
        "Starting",
        "No answer for 5 s",
        "stalled",  # frames are new, and no picture has come for five seconds
        "Live",
        "No picture for 12 s",
        "Live",
        "No picture for 3 min",
        "Connection lost, trying again",
    ]


def test_a_dead_stream_is_opened_again_and_a_frozen_detectors_is_not(tab: playwright.Page) -> None:
    with running() as page:
        tab.goto(page.sink.url)
        dead = judge(
            tab,
            """
            live.picture(1000);
            live.answer(status(0.1), 6000); note(live.streamIsDead(6500));
            live.answer(status(0.1), 8000); note(live.streamIsDead(8500));
            note(live.streamIsDead(12000));  // no status either: the detector is frozen
            live.answer(status(7), 12000); note(live.streamIsDead(12000));  // its camera is
            """,
        )
    assert dead == [False, True, False, False]


def address_of(process: subprocess.Popen[str]) -> str:
    """Where a started detector says that its page is."""
    assert process.stderr
    return next(line.rsplit(" ", 1)[1].strip() for line in process.stderr if "web page: " in line)


def assert_nothing_old_is_shown(tab: playwright.Page) -> None:
    expect(tab.locator("#seen li")).to_have_count(0)
    expect(tab.locator("#seen-none")).to_have_text("Not known while no picture comes")
    expect(tab.locator(".charts .value")).to_have_text(["\N{EN DASH}"] * 4)


def test_a_camera_that_gives_nothing_new_is_not_live(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        page.context.stop()  # the page still answers
        tab.wait_for_selector("#state[data-state=stalled]")
        tab.reload()  # the last picture comes at once, and is old
        tab.wait_for_function("() => document.getElementById('picture').width === 640")
        tab.wait_for_selector("#state[data-state=stalled]")
        assert_nothing_old_is_shown(tab)


def test_a_box_is_drawn_on_its_own_picture(chromium: playwright.Browser) -> None:
    config = replace(CONFIG, source="synthetic:?objects=2&seed=5")
    with running(config=config) as page, chromium.new_context(viewport=DESKTOP) as context:
        tab = context.new_page()
        open_live(tab, page)
        tab.evaluate("() => document.querySelector('.tools').remove()")
        lefts = []
        for _ in range(8):
            blob, box = blob_and_box(tab)
            assert np.abs(np.subtract(blob, box)).max() <= TOLERANCE_PX, (blob, box)
            lefts.append(blob[0])
        assert max(np.abs(np.diff(lefts))) > 3 * TOLERANCE_PX  # it moves, so that another picture's box would be seen


TOLERANCE_PX = 6  # of the screenshot: the fake runtime looks at a picture of 320x180, enlarged 2.75 times here
SQUARE = (0, 255, 0)  # BGR


def blob_and_box(tab: playwright.Page) -> tuple[list[int], list[int]]:
    """The left and right edge of the green square and of the box around it, on one screenshot of the picture."""
    data = np.frombuffer(tab.locator("#view").screenshot(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR).astype(int)
    return [extent(image, color) for color in (SQUARE, class_color(1))]  # type: ignore[return-value]


def extent(image: NDArray[np.int_], color: tuple[int, int, int]) -> list[int]:
    """The first and last column with many pixels of this colour."""
    columns = np.flatnonzero((np.abs(image - color).max(axis=2) < 40).sum(axis=0) > 40)
    return [int(columns[0]), int(columns[-1])]


@pytest.mark.parametrize("size", [SMALLEST_PHONE, LANDSCAPE, LARGE], ids=["small", "landscape", "large"])
def test_labels_are_large_enough_and_inside_the_picture(chromium: playwright.Browser, size: dict[str, int]) -> None:
    with running() as page, chromium.new_context(viewport=size) as context:
        tab = context.new_page()
        open_live(tab, page)
        for _ in range(5):
            tab.wait_for_function(MOVED, arg=tab.evaluate(PICTURE))
            for label in tab.evaluate(LABELS):
                assert re.fullmatch(r"(circle|square|triangle) \d+%", label["text"])
                assert label["font"] >= 12
                assert label["font"] <= label["height"] < 2 * label["font"]  # one line
                assert label["inside"]


def test_a_long_label_is_cut_to_the_width_of_the_picture(tab: playwright.Page) -> None:
    detections = [{"label": "a very long name " * 9, "score": 0.5, "box": [600, 300, 640, 360]}]
    with running() as page:
        open_live(tab, page)
        (label,) = tab.evaluate(
            f"""async (detections) => {{
              const {{ drawBoxes }} = await import("/boxes.js");
              const colors = new Map([[detections[0].label, {{ fill: "red", text: "black" }}]]);
              drawBoxes(document.getElementById("boxes"), {{ width: 640, height: 360, detections }}, colors);
              return ({LABELS})();
            }}""",
            detections,
        )
        assert label["inside"]
        assert label["height"] < 2 * label["font"]
        assert label["text"].endswith(" 50%")


def test_labels_do_not_cover_each_other(tab: playwright.Page) -> None:
    boxes = [[100, 100, 300, 300], [110, 102, 310, 300], [100, 98, 200, 200], [100, 355, 200, 360], [90, 356, 200, 360]]
    detections = [{"label": "cup", "score": 0.9 - 0.1 * row, "box": box} for row, box in enumerate(boxes)]
    with running() as page:
        open_live(tab, page)
        tops = draw_alone(tab, detections, "each.getBoundingClientRect().top")
        heights = draw_alone(tab, detections, "each.getBoundingClientRect().height")
    assert min(np.diff(sorted(tops[:3]))) >= heights[0] - 1
    assert tops[0] < min(tops[1:3])  # the surest stays at its box


def draw_alone(tab: playwright.Page, detections: list[dict[str, object]], value: str) -> list[float]:
    """Draw only these detections, and ask for a ``value`` of each label, the surest first."""
    script = f"""async (detections) => {{
      const {{ drawBoxes }} = await import("/boxes.js");
      const colors = new Map(detections.map(({{ label }}) => [label, {{ fill: "red", text: "black" }}]));
      drawBoxes(document.getElementById("boxes"), {{ width: 640, height: 360, detections }}, colors);
      return [...document.querySelectorAll("#boxes .label")].reverse().map((each) => {value});
    }}"""
    return tab.evaluate(script, detections)


def test_without_javascript_the_picture_is_shown_with_its_boxes(chromium: playwright.Browser) -> None:
    with running() as page, chromium.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        tab.goto(page.sink.url, wait_until="commit")  # the stream never ends, so the page is never loaded
        image = tab.get_by_role("img", name="The camera's live picture")
        image.wait_for()
        while page.metric("web_pictures_total") < 3:
            pass
        assert image.bounding_box()["width"] > 500


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(chromium: playwright.Browser, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    with running() as page, chromium.new_context(viewport=PHONE, color_scheme=scheme) as context:
        tab = context.new_page()
        open_live(tab, page)
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        tab.get_by_text("What is detected", exact=True).click()
        tab.get_by_role("slider", name="Confidence").fill("20")
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        tab.get_by_role("button", name="Change …").click()
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        tab.get_by_role("button", name="Cancel").click()
        page.context.stop()
        tab.wait_for_selector("#state[data-state=stalled]")
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []


def test_the_form_lets_in_who_has_the_token(tab: playwright.Page, tmp_path: Path) -> None:
    token_file = tmp_path / "web-token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    may_complain(tab, "status of 401")
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


def test_the_button_logs_out(tab: playwright.Page, tmp_path: Path) -> None:
    token_file = tmp_path / "web-token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    may_complain(tab, "status of 401")
    with running(options=f"?token_file={token_file}") as page:
        tab.goto(f"{page.sink.url}?token={TOKEN}")
        tab.wait_for_selector("#state[data-state=live]")
        tab.get_by_role("button", name="Log out").click()
        tab.get_by_label("Token").wait_for()
        assert tab.context.cookies() == []
        assert tab.evaluate("async () => (await fetch('/api/status')).status") == 401


def test_the_address_with_the_token_leads_to_the_page(tab: playwright.Page, tmp_path: Path) -> None:
    token_file = tmp_path / "web-token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    with running(options=f"?token_file={token_file}") as page:
        tab.goto(f"{page.sink.url}?token={TOKEN}")
        tab.wait_for_selector("#state[data-state=live]")
        expect(tab).to_have_url(page.sink.url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "size",
    [SMALLEST_PHONE, PHONE, LANDSCAPE, DESKTOP, LARGE],
    ids=["small", "phone", "landscape", "desktop", "large"],
)
def test_it_fits_every_screen(chromium: playwright.Browser, size: dict[str, int], scheme: str) -> None:
    with running() as page, chromium.new_context(viewport=size, color_scheme=scheme) as context:
        tab = context.new_page()
        open_live(tab, page)
        assert tab.evaluate("() => document.documentElement.scrollWidth") <= size["width"]
        picture, stage = (tab.locator(each).bounding_box() for each in ("#picture", "#stage"))
        assert picture["y"] < size["height"] / 4
        assert picture["y"] + picture["height"] <= size["height"]
        assert picture["width"] / picture["height"] == pytest.approx(640 / 360, abs=0.01)
        if size["width"] < 960:
            assert (stage["x"], stage["width"]) == (0, size["width"])
        else:
            assert picture["width"] > 0.68 * size["width"]
        light = tab.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 247)"
        assert light == (scheme == "light")


@pytest.mark.parametrize("size", [SMALLEST_PHONE, PHONE], ids=["small", "phone"])
def test_all_of_the_header_fits_a_phone_in_the_worst_case(
    chromium: playwright.Browser, size: dict[str, int], tmp_path: Path
) -> None:
    token_file = tmp_path / "web-token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    with chromium.new_context(viewport=size) as context:
        tab = context.new_page()
        with running(options=f"?token_file={token_file}") as page:
            tab.goto(f"{page.sink.url}?token={TOKEN}")
            tab.wait_for_selector("#state[data-state=live]")
        tab.wait_for_selector("#state[data-state=lost]")
        boxes = [tab.locator(each).bounding_box() for each in ("#state", ".to-history", "header button")]
        assert all(box["x"] >= 0 and box["x"] + box["width"] <= size["width"] for box in boxes), boxes


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


DOOR = {"name": "door", "polygon": [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]}
GATE = {"name": "gate", "points": [[0.6, 0.6], [0.9, 0.6]]}
CORNERS = "() => [...document.querySelectorAll('#corners .corner')].map((each) => each.getAttribute('aria-label'))"


def places() -> FakePlaces:
    return FakePlaces({"zones": [DOOR], "lines": [GATE], "masks": []})


def start_editing(tab: playwright.Page) -> None:
    tab.get_by_role("button", name="Edit zones").click()
    tab.get_by_role("button", name="Add zone").wait_for()


def save(tab: playwright.Page) -> None:
    tab.get_by_role("button", name="Save", exact=True).click()
    tab.get_by_text("Changed; ").wait_for()


def drag(tab: playwright.Page, button: playwright.Locator, right: float, down: float) -> None:
    """By so many of the picture's widths and heights."""
    box, view = button.bounding_box(), tab.locator("#view").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    drag_from(tab, ((x - view["x"]) / view["width"], (y - view["y"]) / view["height"]), right, down)


def drag_from(tab: playwright.Page, spot: tuple[float, float], right: float, down: float) -> None:
    """From there by so many of the picture's widths and heights."""
    view = tab.locator("#view").bounding_box()
    x, y = view["x"] + spot[0] * view["width"], view["y"] + spot[1] * view["height"]
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + right * view["width"] / 2, y + down * view["height"] / 2)
    tab.mouse.move(x + right * view["width"], y + down * view["height"])
    tab.mouse.up()


def test_a_corner_is_dragged_with_the_mouse_and_saved(tab: playwright.Page, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text('[[zones]]  # mine\nname = "door"\npolygon = [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]\n')
    running_places = FakePlaces({"zones": [DOOR], "lines": [], "masks": []})
    with running(config_file=ConfigFile(file), places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        drag(tab, tab.locator("#corners .corner").nth(1), 0.2, 0.1)
        save(tab)
    (zone,) = running_places.now["zones"]
    assert zone["polygon"][0::2] == DOOR["polygon"][0::2]
    assert zone["polygon"][1] == pytest.approx([0.7, 0.3], abs=0.005)
    assert file.read_text() == f'[[zones]]  # mine\nname = "door"\npolygon = {zone["polygon"]}\n'


def test_a_finger_drags_a_dot_between_two_corners_to_a_new_corner(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        tab.locator("#view").scroll_into_view_if_needed()
        box, view = (tab.locator(each).first.bounding_box() for each in ("#corners .between", "#view"))
        finger = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        touch = tab.context.new_cdp_session(tab)
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [finger]})
        for _ in range(2):
            finger = {**finger, "y": finger["y"] - 0.05 * view["height"]}
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [finger]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        tab.wait_for_function(f"() => ({CORNERS})()[1]?.includes('30 % from the left')")
        save(tab)
    polygon = running_places.now["zones"][0]["polygon"]
    assert len(polygon) == 4
    assert polygon[1] == pytest.approx([0.3, 0.1], abs=0.005)


def live_places() -> LivePlaces:
    """A door and a gate that refuse what the detector refuses."""
    made = LivePlaces(Config(), lambda: ("circle", "square", "triangle"))
    made.replace({"zones": [DOOR], "lines": [GATE]})
    return made


def moved(points: list[list[float]], right: float, down: float) -> list[object]:
    return [pytest.approx([x + right, y + down], abs=0.006) for x, y in points]


def test_a_shape_is_dragged_as_a_whole_with_the_mouse_as_far_as_the_picture_goes(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        drag_from(tab, (0.43, 0.6), right=0.2, down=0.05)  # inside the door, beside the buttons
        drag(tab, tab.locator("#corners .whole"), right=-0.1, down=0.9)
        tab.get_by_role("button", name="Undo").click()  # a drag is undone in one step
        tab.locator("#view").scroll_into_view_if_needed()
        drag(tab, tab.locator("#corners .whole"), right=-0.1, down=0.9)
        save(tab)
    assert running_places.now["zones"][0]["polygon"] == moved(DOOR["polygon"], 0.1, 0.1)


def test_a_press_on_a_shape_chooses_it_and_moves_nothing(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        drag_from(tab, (0.65, 0.6), right=0.002, down=0.002)  # a hand is not steady
        expect(tab.locator("#place option:checked")).to_have_text("line gate")
        assert tab.evaluate("() => document.activeElement.getAttribute('aria-label')") == (
            "All of line gate: 60 % to 90 % from the left, 60 % to 60 % from the top"
        )
        expect(tab.get_by_role("button", name="Undo")).to_be_disabled()
        save(tab)
    assert running_places == places()


def test_a_finger_drags_a_shape_as_a_whole(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        tab.locator("#view").scroll_into_view_if_needed()
        view = tab.locator("#view").bounding_box()
        spots = [(0.43, 0.6), (0.48, 0.62), (0.53, 0.64)]
        fingers = [{"x": view["x"] + x * view["width"], "y": view["y"] + y * view["height"]} for x, y in spots]
        touch = tab.context.new_cdp_session(tab)
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": fingers[:1]})
        for finger in fingers[1:]:
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [finger]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        tab.wait_for_function(f"() => !({CORNERS})()[0].includes(': 10 % from the left')")
        save(tab)
    assert running_places.now["zones"][0]["polygon"] == moved(DOOR["polygon"], 0.1, 0.04)


def test_a_shape_is_moved_as_a_whole_with_the_keys(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        tab.get_by_role("button", name="All of zone door").focus()
        for key in ("ArrowLeft", *["ArrowDown"] * 12, "Shift+ArrowUp", "Delete", "Enter"):
            tab.keyboard.press(key)  # the last two are a corner's
        save(tab)
    assert running_places.now["zones"][0]["polygon"] == [[0.09, 0.299], [0.49, 0.299], [0.49, 0.999]]


def field(tab: playwright.Page, name: str) -> playwright.Locator:
    return tab.locator("#editor").get_by_label(name, exact=True)


def test_the_fields_of_a_zone_and_of_a_line_are_changed_and_saved(tab: playwright.Page, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text(
        '[[zones]]\nname = "door"\npolygon = [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]]\ndwell = "1s"  # short\n\n'
        '[[lines]]\nname = "gate"\npoints = [[0.6, 0.6], [0.9, 0.6]]\n'
    )
    running_places = live_places()
    running_places.replace({"zones": [{**DOOR, "dwell": 1.0}], "lines": [GATE]})
    with running(config_file=ConfigFile(file), places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        expect(field(tab, "Tell who stays for")).to_have_value("1s")
        field(tab, "Tell who stays for").fill("2m")
        field(tab, "Only at these hours").fill("22:00-06:00")
        field(tab, "Least height, of the picture's").fill("0.1")
        tab.get_by_role("combobox", name="Which one").select_option("line gate")
        expect(field(tab, "Tell who stays for")).to_be_hidden()
        tab.get_by_role("combobox", name="What counts").select_option("only “out”")
        field(tab, "With the arrow").fill("east")
        field(tab, "Against the arrow").fill("west")
        expect(tab.locator(".place-name.lines")).to_have_text(["gate", "east"])
        save(tab)
        start_editing(tab)
        expect(field(tab, "Tell who stays for")).to_have_value("120s")
        field(tab, "Only at these hours").fill("")
        save(tab)
    assert running_places.tables() == {
        "zones": [{"name": "door", "polygon": points(DOOR), "min_size": 0.1, "dwell": 120.0}],
        "lines": [{"name": "gate", "points": points(GATE), "directions": ("east", "west"), "only": "west"}],
        "masks": [],
    }
    assert "dwell = 120.0  # short\nmin_size = 0.1\n" in file.read_text()
    assert 'directions = ["east", "west"]\nonly = "west"\n' in file.read_text()


def points(table: dict[str, object]) -> tuple[tuple[float, float], ...]:
    return tuple(tuple(point) for point in table.get("polygon", table.get("points")))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("place", "name", "value", "words"),
    [
        ("zone door", "Name", "", "expected a word or two on one line"),
        ("zone door", "Tell who stays for", "3 parsecs", "expected a duration such as 90, 1.5s, 10m, 2h or 7d"),
        ("zone door", "Only at these hours", "22", "expected two different times of the day, such as 22:00-06:00"),
        ("line gate", "Least height, of the picture's", "3", "expected a share of the picture's height from 0 to 1"),
        ("line gate", "With the arrow", "out", "directions is out, out; expected two different words"),
        ("line gate", "Name", "door", "zone 'door' and line 'door' have one name"),
    ],
)
def test_what_is_refused_is_said_beside_its_field(
    tab: playwright.Page, place: str, name: str, value: str, words: str
) -> None:
    running_places = live_places()
    may_complain(tab, "status of 400")
    with running(places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        tab.get_by_role("combobox", name="Which one").select_option(place)
        before = field(tab, name).input_value()
        field(tab, name).fill(value)
        if place == "line gate":  # the place to blame is chosen, whichever one was
            tab.get_by_role("combobox", name="Which one").select_option("zone door")
        tab.get_by_role("button", name="Save", exact=True).click()
        said = tab.locator(".complaint:visible", has_text=words)
        said.wait_for()
        box, below = (each.bounding_box() for each in (field(tab, name), said))
        assert 0 <= below["y"] - box["y"] - box["height"] < 16
        expect(field(tab, name)).to_have_attribute("aria-invalid", "true")
        expect(field(tab, name)).to_have_attribute("aria-describedby", said.get_attribute("id"))
        expect(field(tab, name)).to_be_focused()
        tab.keyboard.press("Control+a")
        tab.keyboard.type(before or "5")  # what is typed takes the complaint away
        if before:
            expect(said).to_be_hidden()
            save(tab)


REFUSE_AFTER_CANCEL = """() => {
  const real = window.fetch;
  window.fetch = async (address, options) => {
    if (options?.method !== "PUT") return real(address, options);
    document.getElementById("cancel-places").click();
    return new Response(JSON.stringify({ error: "too late", kind: "zones", index: 0, field: "name" }), { status: 400 });
  };
}"""


def test_a_refusal_that_comes_after_cancel_is_said_without_the_editor(tab: playwright.Page) -> None:
    with running(places=places()) as page:
        open_live(tab, page)
        tab.evaluate(REFUSE_AFTER_CANCEL)
        start_editing(tab)
        tab.get_by_role("button", name="Save", exact=True).click()
        tab.get_by_text("too late").wait_for()
        expect(tab.locator("#editor")).to_be_hidden()


SLOW_ANSWER = """() => {
  const real = window.fetch;
  window.fetch = async (address, options) => {
    if (options?.method === "PUT") await new Promise((done) => (window.answer = done));
    return real(address, options);
  };
}"""


def test_a_change_made_while_the_save_is_awaited_stays(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        tab.evaluate(SLOW_ANSWER)
        start_editing(tab)
        field(tab, "Name").fill("front door")
        tab.get_by_role("button", name="Save", exact=True).click()
        tab.wait_for_function("() => window.answer")
        field(tab, "Name").fill("back door")
        tab.evaluate("() => window.answer()")
        tab.get_by_text("Your later changes are not saved yet.").wait_for()
        assert running_places.now["zones"][0]["name"] == "front door"
        expect(field(tab, "Name")).to_have_value("back door")
        tab.evaluate("() => (window.answer = null)")
        tab.get_by_role("button", name="Save", exact=True).click()
        tab.wait_for_function("() => window.answer")
        tab.evaluate("() => window.answer()")
        tab.locator("#editor").wait_for(state="hidden")
    assert running_places.now["zones"][0]["name"] == "back door"


def save_after_others(tab: playwright.Page, page: Page) -> None:
    """Give the door a least height, and save that when somebody else has added a zone."""
    may_complain(tab, "status of 412")
    start_editing(tab)
    field(tab, "Least height, of the picture's").fill("0.1")
    theirs = {"zones": [DOOR, {**DOOR, "name": "theirs"}]}
    answer = page.ask("/api/places", method="PUT", body=json.dumps(theirs), content_type="application/json")
    assert answer.status == 200
    tab.get_by_role("button", name="Save", exact=True).click()
    question = tab.get_by_role("dialog", name="Changed elsewhere meanwhile")
    question.get_by_text("Since you began: zone theirs is added. If you save all the same, that change").wait_for()


def names(places: LivePlaces) -> list[tuple[str, float]]:
    return [(zone.name, zone.min_size) for zone in places.places.zones]


def test_what_others_have_saved_meanwhile_is_not_lost_without_a_question(tab: playwright.Page) -> None:
    running_places = live_places()
    with running(places=running_places) as page:
        open_live(tab, page)
        save_after_others(tab, page)
        tab.keyboard.press("Escape")  # goes on editing
        tab.get_by_role("dialog").wait_for(state="detached")
        assert names(running_places) == [("door", 0.0), ("theirs", 0.0)]
        expect(field(tab, "Least height, of the picture's")).to_have_value("0.1")
        said = tab.locator("#places-refused")
        expect(said).to_have_text("Not saved. Changed elsewhere since you began: zone theirs is added.")
        tab.get_by_role("button", name="Save", exact=True).click()
        tab.get_by_role("button", name="Load what is there now").click()
        expect(tab.locator("#place option")).to_have_text(["zone door", "zone theirs", "line gate"])
        expect(field(tab, "Least height, of the picture's")).to_have_value("")
        field(tab, "Least height, of the picture's").fill("0.2")
        save(tab)
    assert names(running_places) == [("door", 0.2), ("theirs", 0.0)]


def test_who_saves_all_the_same_replaces_what_others_have_saved(tab: playwright.Page) -> None:
    running_places = live_places()
    with running(places=running_places) as page:
        open_live(tab, page)
        save_after_others(tab, page)
        tab.get_by_role("button", name="Save mine all the same").click()
        tab.get_by_text("Changed; ").wait_for()
    assert names(running_places) == [("door", 0.1)]


def test_closing_a_tab_with_changes_that_are_not_saved_asks(tab: playwright.Page) -> None:
    asked: list[str] = []

    def stay(dialog: playwright.Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    with running(places=live_places()) as page:
        open_live(tab, page)
        start_editing(tab)
        field(tab, "Name").fill("front door")
        tab.once("dialog", stay)
        with tab.expect_event("dialog"):
            tab.close(run_before_unload=True)
        expect(field(tab, "Name")).to_have_value("front door")
        tab.get_by_role("button", name="Undo").click()
        with tab.expect_event("close"):  # nothing is lost
            tab.close(run_before_unload=True)
    assert asked == ["beforeunload"]


def overlap(first: dict[str, float], second: dict[str, float]) -> bool:
    return all(
        first[start] < second[start] + second[size] and second[start] < first[start] + first[size]
        for start, size in (("x", "width"), ("y", "height"))
    )


HANDLE = """(button) => {
  const [{ x, y, width, height }, size] = [button.getBoundingClientRect(), getComputedStyle(button, "::before").width];
  const round = parseFloat(size);
  return { x: x + (width - round) / 2, y: y + (height - round) / 2, width: round, height: round };
}"""


@pytest.mark.parametrize("corner", [[0.1, 0.1], [0.0, 0.0], [0.9, 0.1], [0.9, 0.7]])
def test_the_name_of_the_chosen_place_stands_beside_its_corner(tab: playwright.Page, corner: list[float]) -> None:
    zone = {"name": "zone 1", "polygon": [corner, [0.5, 0.95], [0.6, 0.95]]}
    with running(places=FakePlaces({"zones": [zone], "lines": [], "masks": []})) as page:
        open_live(tab, page)
        start_editing(tab)
        expect(tab.locator("#place option")).to_have_text(["zone 1"])
        handle = tab.locator("#corners .corner").first.evaluate(HANDLE)
        assert handle["width"] >= 16
        assert not overlap(handle, tab.locator(".place-name").bounding_box())


def test_the_tab_key_passes_the_editor_in_the_order_in_which_it_is_read(tab: playwright.Page) -> None:
    with running(places=live_places()) as page:
        open_live(tab, page)
        start_editing(tab)
        tab.get_by_role("button", name="Add mask").focus()
        stops = []
        for _ in range(7):
            tab.keyboard.press("Tab")
            stops.append(tab.evaluate("() => (document.activeElement.labels?.[0] ?? document.activeElement).innerText"))
    assert [stop.splitlines()[0].strip() for stop in stops] == [
        "Which one",
        "Name",
        "Tell who stays for",
        "Only at these hours",
        "Least height, of the picture's",
        "Classes: all",
        "Delete",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of_in_the_editor(chromium: playwright.Browser, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    with running(places=counting()) as page, chromium.new_context(viewport=PHONE, color_scheme=scheme) as context:
        tab = context.new_page()
        open_live(tab, page)
        tab.locator("#counts tbody").first.wait_for()
        start_editing(tab)
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        field(tab, "Tell who stays for").fill("3 parsecs")
        tab.get_by_role("button", name="Save", exact=True).click()
        tab.get_by_text("expected a duration").wait_for()
        tab.locator("#classes-field summary").click()
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        for place in ("line gate", None):
            if place:
                tab.get_by_role("combobox", name="Which one").select_option(place)
            else:
                tab.get_by_role("button", name="Add mask").click()
            assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []


def counting() -> LivePlaces:
    """A door that nobody has entered, and a gate that a square has crossed three times, a circle once."""
    made = live_places()
    square, circle = (replace(make.visit(), label=label) for label in ("square", "circle"))
    changes = [VisitChange("crossed", square, "gate", "in")] * 2 + [VisitChange("crossed", square, "gate", "out")]
    count(made, *changes, VisitChange("crossed", circle, "gate", "out"))
    return made


def count(places: LivePlaces, *changes: VisitChange) -> None:
    for _ in places.counted([replace(make.result(), visits=changes)]):
        pass


def test_what_was_counted_stands_in_a_table_and_grows(tab: playwright.Page) -> None:
    running_places = counting()
    with running(places=running_places) as page:
        open_live(tab, page)
        tab.get_by_role("heading", name="Counted").wait_for()
        words = ["door", "\N{EN DASH}", "none yet", "gate", "circle", "0 in, 1 out", "square", "2 in, 1 out"]
        expect(tab.locator("#counts tbody").locator("th, td")).to_have_text(words)
        visit = replace(make.visit(), label="square")
        count(running_places, VisitChange("entered", visit, "door"))
        tab.get_by_text("1 visit", exact=True).wait_for()
        count(running_places, VisitChange("entered", visit, "door"))
        tab.get_by_text("2 visits", exact=True).wait_for()
        running_places.replace({})
        tab.locator("#counts-card").wait_for(state="hidden")


def test_a_zone_is_changed_with_the_keys_alone(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        tab.get_by_role("button", name="Edit zones").press("Enter")
        tab.get_by_role("button", name="Corner 1 of 3, zone door").focus()
        for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown", "Tab", "ArrowLeft", "Enter", "ArrowUp"):
            tab.keyboard.press(key)
        assert tab.evaluate("() => document.activeElement.getAttribute('aria-label')") == (
            "Corner 3 of 4, zone door: 49.5 % from the left, 54 % from the top"
        )
        for key in ("Tab", "Delete", "Control+z", "Tab", "Delete"):
            tab.keyboard.press(key)
        save(tab)
        expect(tab.locator("#edit-places")).to_be_focused()
    assert running_places.now["zones"][0]["polygon"] == [[0.12, 0.201], [0.49, 0.2], [0.495, 0.54]]


def test_escape_cancels_and_undo_takes_back(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        before = tab.evaluate(CORNERS)
        tab.locator("#corners .corner").first.focus()
        for key in ("ArrowRight", "ArrowRight"):
            tab.keyboard.press(key)
        tab.get_by_role("button", name="Undo").click()
        assert tab.evaluate(CORNERS) == before
        tab.get_by_role("button", name="Add mask").click()
        tab.keyboard.press("Escape")
        expect(tab.get_by_role("button", name="Add zone")).to_be_hidden()
        start_editing(tab)
        expect(tab.locator("#place option")).to_have_text(["zone door", "line gate"])
        tab.keyboard.press("Escape")  # where the editor begins: at the choice of a place
        expect(tab.get_by_role("button", name="Add zone")).to_be_hidden()
    assert running_places == places()


def test_a_line_and_a_mask_are_added_named_and_given_classes(tab: playwright.Page) -> None:
    running_places = places()
    with running(places=running_places) as page:
        open_live(tab, page)
        start_editing(tab)
        tab.get_by_role("button", name="Add line").click()
        tab.get_by_role("textbox", name="Name").fill("drive")
        tab.locator("#classes-field summary").click()
        tab.get_by_role("listbox", name="Classes").get_by_role("option", name="square").click()
        tab.get_by_role("button", name="Swap").click()
        tab.get_by_role("button", name="Add mask").click()
        tab.get_by_role("combobox", name="Kind").select_option("privacy")
        tab.get_by_role("combobox", name="Which one").select_option("zone door")
        tab.get_by_role("button", name="Delete", exact=True).click()
        save(tab)
        expect(tab.locator(".place-name")).to_have_text(["gate", "in", "drive", "in", "privacy mask 1"])
    assert running_places.now["zones"] == []
    assert running_places.now["lines"][1] == {
        "name": "drive",
        "points": [[0.8, 0.5], [0.2, 0.5]],
        "classes": ["square"],
    }
    assert running_places.now["masks"][0]["kind"] == "privacy"


def test_what_the_detector_refuses_is_said_and_can_be_mended(tab: playwright.Page) -> None:
    refusing = FakePlaces({"zones": [{"name": "door", "polygon": [[0.1, 0.1], [0.2, 0.2]]}], "lines": [], "masks": []})
    may_complain(tab, "status of 400")
    with running(places=refusing) as page:
        open_live(tab, page)
        start_editing(tab)
        tab.get_by_role("button", name="Save", exact=True).click()
        tab.get_by_text("its polygon has 2 points; expected three or more").wait_for()
        expect(tab.get_by_role("button", name="Add zone")).to_be_visible()


def test_zones_can_be_hidden_and_a_run_without_them_has_no_button(tab: playwright.Page) -> None:
    with running(places=places()) as page:
        open_live(tab, page)
        expect(tab.locator("#places .place")).to_have_count(2)
        tab.get_by_role("button", name="Draw zones over the picture").click()
        expect(tab.locator("#places .place")).to_have_count(0)
    with running() as page:
        open_live(tab, page)
        expect(tab.get_by_role("button", name="Edit zones")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_the_editor_fits_the_screen(chromium: playwright.Browser, width: int) -> None:
    with running(places=places()) as page, chromium.new_context(viewport={"width": width, "height": 740}) as context:
        tab = context.new_page()
        open_live(tab, page)
        start_editing(tab)
        assert tab.evaluate("() => document.documentElement.scrollWidth") <= width
        small = [box for box in (each.bounding_box() for each in tab.locator("#editor button").all()) if box]
        assert min(box["height"] for box in small) >= 44


def test_a_box_has_the_colour_of_its_track_and_a_held_one_is_dashed(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        rows = tab.evaluate("""async () => {
          const { drawBoxes } = await import("/boxes.js");
          const layer = document.createElement("div");
          document.getElementById("view").append(layer);
          const row = { label: "square", score: 0.9, box: [0, 0, 50, 50] };
          const [first, second] = [{ ...row, track_id: 1 }, { ...row, track_id: 2, held: true }];
          const colors = new Map([["square", { fill: "red", text: "#fff" }]]);
          drawBoxes(layer, { width: 100, height: 100, detections: [first, second, first, row] }, colors);
          return [...layer.querySelectorAll(":scope > div")].reverse().map((e) => [e.style.borderColor, e.className]);
        }""")
        colors, names = zip(*rows, strict=True)
        assert names == ("box", "box held", "box", "box")
        assert colors[0] == colors[2]
        assert len(set(colors)) == 3
        assert colors[3] == "red"


def test_the_charts_show_hours_too(tab: playwright.Page) -> None:
    values = {"latency_p50_ms": 5.0, "latency_p95_ms": 9.0, "dropped": 1.0}
    points = [{"at_s": 1e9 + 60 * n, "fps": float(n % 9), **values} for n in range(90)]
    answer = json.dumps([{**point, "soc_temperature_c": None} for point in points])
    with running() as page:
        tab.route(
            "**/api/history?span=hours", lambda route: route.fulfill(body=answer, content_type="application/json")
        )
        open_live(tab, page)
        tab.get_by_role("combobox", name="Charts of").select_option("hours")
        drawn = "() => document.querySelector('#chart-fps .line').getAttribute('d').split('L').length"
        tab.wait_for_function(f"() => ({drawn})() === 90")
        tab.get_by_role("combobox", name="Charts of").select_option("minutes")
        tab.wait_for_function(f"() => ({drawn})() < 90")


def shown_rows(tab: playwright.Page, *steps: list[tuple[str, float]]) -> list[dict[str, object]]:
    """The rows of what is in view after each step, and whether all of them are seen in full.

    A step: detections, the surest first, as (label, score).
    """
    rows = [[{"label": label, "score": score} for label, score in step] for step in steps]
    return tab.evaluate(
        """async (steps) => {
          const { SeenList } = await import("/seen_list.js");
          const list = new SeenList();
          const colors = new Map(steps.flat().map(({ label }) => [label, { fill: "red" }]));
          return steps.map((detections) => {
            list.show(detections, colors, "Nothing");
            const text = (row) => row.querySelector(".name")?.textContent ?? row.textContent;
            const rows = [...document.querySelectorAll("#seen li")];
            const { height, bottom } = rows.at(-1).getBoundingClientRect();
            const card = document.getElementById("seen").getBoundingClientRect();
            return { texts: rows.map(text), inside: height > 0 && bottom <= card.bottom + 1 };
          });
        }""",
        rows,
    )


def test_the_surest_stand_first_and_rows_do_not_jump(tab: playwright.Page) -> None:
    with running() as page:
        tab.goto(page.sink.url)
        rows = shown_rows(
            tab,
            [("zebra", 0.9), ("ant", 0.5)],
            [("ant", 0.55), ("zebra", 0.5)],  # hardly more sure: it stays below
            [("ant", 0.8), ("zebra", 0.5)],
            [("bird", 0.95), ("ant", 0.8), ("zebra", 0.5)],
        )
    assert [step["texts"] for step in rows] == [
        ["zebra", "ant"],
        ["zebra", "ant"],
        ["ant", "zebra"],
        ["bird", "ant", "zebra"],
    ]


def test_what_has_no_row_is_named_all_the_same(tab: playwright.Page) -> None:
    seen = [("zebra", 0.9), ("ant", 0.8), ("bee", 0.7), ("ant", 0.6), ("cow", 0.5)]
    with running() as page:
        tab.goto(page.sink.url)
        (rows,) = shown_rows(tab, seen)
        assert rows == {"texts": ["zebra", "ant", "+ 2: bee 70%, cow 50%"], "inside": True}
        assert tab.locator("#seen").evaluate("(each) => getComputedStyle(each).maskImage") == "none"


def test_a_phone_shows_no_help_for_keys(chromium: playwright.Browser) -> None:
    for is_mobile in (True, False):
        with (
            running(places=places()) as page,
            chromium.new_context(viewport=PHONE, is_mobile=is_mobile, has_touch=is_mobile) as context,
        ):
            tab = context.new_page()
            open_live(tab, page)
            start_editing(tab)
            expect(tab.locator("#editor-keys")).to_be_visible()
            expect(tab.locator("#editor-keys .keys")).to_be_visible(visible=not is_mobile)


def test_after_the_login_the_page_that_was_asked_for_comes(tab: playwright.Page, tmp_path: Path) -> None:
    token_file = tmp_path / "web-token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    may_complain(tab, "status of 401")
    with running(options=f"?token_file={token_file}") as page:
        tab.goto(f"{page.sink.url}history?class=square")
        tab.get_by_label("Token").fill("wrong")
        tab.get_by_role("button", name="Open").click()
        tab.get_by_text("That is not the token.").wait_for()
        tab.get_by_label("Token").fill(TOKEN)
        tab.get_by_role("button", name="Open").click()
        tab.get_by_role("heading", name="History").wait_for()
        expect(tab).to_have_url(f"{page.sink.url}history?class=square")
