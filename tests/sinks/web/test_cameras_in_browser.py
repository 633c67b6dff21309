"""Several cameras in a real browser, beside a whole running detector: the picture of all, and that of each."""

from __future__ import annotations

import json
import signal
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from edge_detector.mistakes.store import Store
from tests.command import started
from tests.free_port import free_port
from tests.sinks.web.test_browser import (
    CHROMIUM,
    MOVED,
    PHONE,
    PICTURE,
    SMALLEST_PHONE,
    address_of,
    chromium,
    expect,
    playwright,
    tab,
)

__all__ = ["chromium", "tab"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")

TEXT = """\
runtime = "fake"  # no model
fps = 20.0
timeout = "2s"

[[source]]
name = "porch"  # the front
source = "synthetic"
size = "640x360"

[[source]]
name = "yard"
source = "synthetic:?seed=3"
size = "320x240"

[[source.zones]]
name = "gate"
polygon = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]
"""
SIZE = "() => [document.getElementById('picture').width, document.getElementById('picture').height].join('x')"
LIVE = "#state[data-state=live]"


@contextmanager
def two_cameras(tmp_path: Path, text: str = TEXT, *others: str) -> Iterator[tuple[str, Path]]:
    """The address of a page of two cameras, and the configuration file of its run; ``others``: more of its sinks."""
    path = tmp_path / "c.toml"
    path.write_text(text)
    sink = f"web:127.0.0.1:0?mistakes={tmp_path}/mistakes&unsure=0"
    sinks = [word for each in (sink, *others) for word in ("--sink", each)]
    with started("--config", path, *sinks) as process:
        yield address_of(process), path
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def shows(tab: playwright.Page, size: str) -> None:
    """Wait for a live picture of that size."""
    tab.wait_for_function(f"(size) => ({SIZE})() === size", arg=size)
    tab.wait_for_selector(LIVE)


def go_from_all_to_yard(tab: playwright.Page, address: str) -> None:
    """So that Back leads to all."""
    tab.goto(address)
    shows(tab, "1280x720")
    camera_link(tab, "yard").click()
    shows(tab, "320x240")


def camera_link(tab: playwright.Page, name: str) -> playwright.Locator:
    return tab.get_by_role("navigation", name="Cameras").get_by_role("link", name=name)


def status(address: str) -> dict[str, object]:
    with urlopen(f"{address}api/status") as answer:
        return dict(json.load(answer))


def test_a_tile_leads_to_its_camera_and_back_leads_to_all(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        tab.goto(address)
        shows(tab, "1280x720")
        expect(tab.get_by_role("button", name="Edit zones")).to_be_hidden()
        expect(tab.get_by_role("button", name="Mark a mistake")).to_be_hidden()
        tab.get_by_title("Show yard alone").click()
        shows(tab, "320x240")
        expect(tab).to_have_url(f"{address}?camera=yard")
        expect(camera_link(tab, "yard")).to_have_attribute("aria-current", "page")
        tab.wait_for_selector("#places g")  # its zone
        tab.go_back()
        shows(tab, "1280x720")
        expect(tab.locator("#places g")).to_have_count(0)
        tab.go_forward()
        shows(tab, "320x240")
        tab.reload()
        shows(tab, "320x240")
        tab.wait_for_function(MOVED, arg=tab.evaluate(PICTURE))
        assert status(address)["viewers"] == 1


def test_the_history_draws_over_the_frame_of_its_own_camera(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path, TEXT, f"events:{tmp_path}/events") as (address, _):
        tab.goto(address)
        shows(tab, "1280x720")
        tab.wait_for_function("async () => (await (await fetch('/api/visits?camera=yard')).json()).visits?.length > 0")
        tab.goto(f"{address}history?camera=yard")
        tab.get_by_text("Where they were").click()
        tab.wait_for_function("() => document.getElementById('heat-frame').naturalWidth === 320")


def test_cameras_are_chosen_by_keyboard(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        tab.goto(address)
        shows(tab, "1280x720")
        camera_link(tab, "All").focus()
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")
        shows(tab, "640x360")
        expect(tab).to_have_url(f"{address}?camera=porch")
        tab.wait_for_function("() => /^porch \\d+\\.\\d fps$/.test(document.activeElement.textContent)")


def test_a_zone_is_drawn_for_one_camera(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, path):
        tab.goto(f"{address}?camera=porch")
        shows(tab, "640x360")
        tab.get_by_role("button", name="Edit zones").click()
        expect(camera_link(tab, "yard")).to_be_hidden()  # who draws stays there
        tab.get_by_role("button", name="Add zone").click()
        tab.get_by_role("textbox", name="Name").fill("step")
        tab.get_by_role("button", name="Save").click()
        tab.get_by_text(f"Changed; saved in {path}.").wait_for()
        text = path.read_text()
        tab.wait_for_selector("#counts th:has-text('step')")
        camera_link(tab, "yard").click()
        tab.wait_for_selector("#counts th:has-text('gate')")
        expect(tab.locator("#counts th:has-text('step')")).to_have_count(0)
        tab.get_by_role("button", name="Edit zones").click()
        tab.get_by_role("button", name="Delete").click()
        tab.get_by_role("button", name="Save").click()
        tab.get_by_text("Changed; saved").wait_for()
    assert 'name = "porch"  # the front\n' in text
    porch, yard = tomllib.loads(text)["source"]
    assert ([zone["name"] for zone in porch["zones"]], [zone["name"] for zone in yard["zones"]]) == (["step"], ["gate"])
    assert "zones" not in tomllib.loads(path.read_text())["source"][1]


def test_back_asks_before_it_leaves_an_edit_with_changes(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        go_from_all_to_yard(tab, address)
        tab.get_by_role("button", name="Edit zones").click()
        tab.get_by_role("textbox", name="Name").fill("front gate")
        question = tab.get_by_role("dialog", name="Leave without saving?")
        for stay in ("Escape", "Enter"):  # the button that goes on has the focus
            tab.evaluate("() => history.back()")
            question.wait_for()
            expect(tab).to_have_url(f"{address}?camera=yard")
            tab.keyboard.press(stay)
            question.wait_for(state="detached")
            expect(tab.get_by_role("textbox", name="Name")).to_have_value("front gate")
        tab.evaluate("() => history.back()")
        question.get_by_role("button", name="Discard my changes").click()
        shows(tab, "1280x720")
        expect(tab).to_have_url(address)
        expect(tab.locator("#editor")).to_be_hidden()


def test_back_asks_before_it_leaves_a_mark_that_is_not_kept(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        go_from_all_to_yard(tab, address)
        tab.wait_for_selector("#seen li")
        tab.get_by_role("button", name="Mark a mistake").click()
        tab.get_by_role("button", name="Wrong").click()
        question = tab.get_by_role("dialog", name="Leave without keeping it?")
        tab.evaluate("() => history.back()")
        question.wait_for()
        expect(tab).to_have_url(f"{address}?camera=yard")
        tab.keyboard.press("Escape")  # closes the question alone
        question.wait_for(state="detached")
        expect(tab.get_by_role("button", name="Wrong", exact=True)).to_have_attribute("aria-pressed", "true")
        tab.evaluate("() => history.back()")
        question.get_by_role("button", name="Discard my marks").click()
        shows(tab, "1280x720")
        expect(tab).to_have_url(address)
    assert Store(tmp_path / "mistakes").usage().kept == 0


def test_another_camera_is_not_shown_before_the_user_gives_up_an_edit(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        tab.goto(f"{address}?camera=yard")
        shows(tab, "320x240")
        tab.get_by_role("button", name="Edit zones").click()
        tab.get_by_role("textbox", name="Name").fill("front gate")
        question = tab.get_by_role("dialog", name="Leave without saving?")
        for answer, size in (("Go on editing", "320x240"), ("Discard my changes", "640x360")):
            tab.locator("#cameras a[data-camera=porch]").dispatch_event("click")  # hidden, yet in the page
            question.get_by_role("button", name=answer).click()
            shows(tab, size)
        expect(tab).to_have_url(f"{address}?camera=porch")


def test_a_mistake_of_one_camera_is_marked(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        tab.goto(f"{address}?camera=yard")
        shows(tab, "320x240")
        tab.wait_for_selector("#seen li")
        tab.get_by_role("button", name="Mark a mistake").click()
        tab.get_by_role("button", name="Wrong").click()
        tab.get_by_role("button", name="Keep").click()
        tab.get_by_text("Kept. ").wait_for()
    (kept,) = Store(tmp_path / "mistakes").kept()
    assert (kept.source, kept.size) == ("yard", (320, 240))


@contextmanager
def network_camera(port: int) -> Iterator[None]:
    """Another detector, whose page a source opens as it opens any camera that sends motion JPEG."""
    with started("--source", "synthetic", "--size", "640x360", "--runtime", "fake", "--sink", f"web:{port}") as process:
        address_of(process)
        yield


def test_a_lost_camera_says_so_and_comes_back(tab: playwright.Page, tmp_path: Path) -> None:
    port = free_port()
    text = TEXT.replace('"synthetic"', f'"http://127.0.0.1:{port}/stream.mjpg"')
    with ExitStack() as stack:
        with network_camera(port):
            address, _ = stack.enter_context(two_cameras(tmp_path, text))
            tab.goto(f"{address}?camera=porch")
            shows(tab, "640x360")
        tab.wait_for_selector("#state:has-text('Camera lost')")
        notice = tab.locator("#notice")
        expect(notice).to_be_visible()
        expect(notice).to_contain_text("Camera porch is lost: no picture for ")
        expect(camera_link(tab, "porch")).to_contain_text("porch lost for ")
        expect(tab.locator("#cameras-spoken")).to_have_text("porch is lost")
        camera_link(tab, "yard").click()  # the others go on
        shows(tab, "320x240")
        stack.enter_context(network_camera(port))
        camera_link(tab, "porch").click()
        shows(tab, "640x360")


def test_a_camera_that_there_is_not_leads_to_all(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        tab.goto(f"{address}?camera=prch")
        shows(tab, "1280x720")
        expect(tab).to_have_url(address)
        said = tab.locator("#camera-unknown")
        expect(said).to_have_text("Unknown camera 'prch'; did you mean 'porch'? known: porch, yard.")
        expect(said).to_be_visible()
        camera_link(tab, "porch").click()
        shows(tab, "640x360")
        expect(said).to_be_hidden()


def test_without_detection_the_cameras_say_so(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        tab.goto(address)
        tab.wait_for_selector("#cameras-list .hint:has-text('fps')")
        patch = Request(
            f"{address}api/settings", b'{"detecting": false}', {"Content-Type": "application/json"}, method="PATCH"
        )
        urlopen(patch).close()
        tab.wait_for_selector("#cameras-list .hint:has-text('detection off')")
        expect(camera_link(tab, "porch")).to_have_text("porch detection off")
        expect(camera_link(tab, "porch")).to_have_attribute("data-state", "live")


def test_nothing_is_said_of_cameras_whose_detector_is_dead(tab: playwright.Page, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(TEXT)
    with started("--config", path, "--sink", "web:127.0.0.1:0") as process:
        tab.goto(address_of(process))
        tab.wait_for_selector("#cameras-list .hint:has-text('fps')")
        process.kill()
        tab.wait_for_selector("#cameras-list a[data-state=unknown]")
        for name in ("porch", "yard"):
            expect(camera_link(tab, name)).to_have_text(f"{name} \N{EN DASH}")


def test_fast_changes_leave_one_stream(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        tab.goto(address)
        shows(tab, "1280x720")
        for name in ("yard", "porch", "All") * 7:
            camera_link(tab, name).click()
        camera_link(tab, "yard").click()
        shows(tab, "320x240")
        tab.wait_for_selector("#places g")
        tab.wait_for_function("async () => (await (await fetch('/api/status')).json()).viewers === 1")


def test_all_fits_on_the_smallest_phone(tab: playwright.Page, tmp_path: Path) -> None:
    with two_cameras(tmp_path) as (address, _):
        tab.set_viewport_size(SMALLEST_PHONE)
        tab.goto(address)
        shows(tab, "1280x720")
        tab.wait_for_selector("#cameras-list .hint:has-text('fps')")
        assert tab.evaluate("document.documentElement.scrollWidth") <= SMALLEST_PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(chromium: playwright.Browser, tmp_path: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    port = free_port()
    text = TEXT.replace('"synthetic"', f'"http://127.0.0.1:{port}/stream.mjpg"')
    with ExitStack() as stack:
        tab = stack.enter_context(chromium.new_context(viewport=PHONE, color_scheme=scheme)).new_page()
        with network_camera(port):
            address, _ = stack.enter_context(two_cameras(tmp_path, text))
            tab.goto(address)
            shows(tab, "1280x720")
            assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
            camera_link(tab, "porch").click()
            shows(tab, "640x360")
            assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        tab.wait_for_selector("#state:has-text('Camera lost')")
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        tab.get_by_role("button", name="Edit zones").click()
        tab.get_by_role("button", name="Add zone").click()
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
