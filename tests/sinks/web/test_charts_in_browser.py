"""The charts of the run in a real browser: their scale, and reading a value with pointer, finger, keys and table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.sinks.web.pages import Page
from tests.sinks.web.test_browser import (
    CHROMIUM,
    DESKTOP,
    PHONE,
    chromium,
    expect,
    open_live,
    playwright,
    running,
    tab,
)

__all__ = ["chromium", "tab"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")

NOON_S = 1_764_417_600  # 2025-11-29T12:00:00Z
POINTS = 60  # of the two hours before, one a minute
AT_11_40 = 100 / 120  # of the width
BROKEN = range(20, 30)  # the camera was away


def point(number: int) -> dict[str, float | None]:
    """Speed, latency and so on of the minute with that number."""
    return {
        "at_s": NOON_S + 60.0 * (number - POINTS + 1),
        "fps": 10.0 + number,
        "latency_p50_ms": 20.0,
        "latency_p95_ms": 40.5,
        "dropped": 120.0 * number,
        "soc_temperature_c": None,
    }


@contextmanager
def hours(tab: playwright.Page) -> Iterator[Page]:
    """A page with the charts of two hours, which do not change."""
    answer = json.dumps([point(number) for number in range(POINTS) if number not in BROKEN])
    with running() as page:
        tab.route(
            "**/api/history?span=hours", lambda route: route.fulfill(body=answer, content_type="application/json")
        )
        open_live(tab, page)
        tab.get_by_role("combobox", name="Charts of").select_option("hours")
        tab.wait_for_function("() => document.querySelector('#chart-fps .scale').textContent.includes('80')")
        yield page


@pytest.fixture
def utc(chromium: playwright.Browser) -> Iterator[playwright.Page]:
    """A desktop's browser in the time zone of the tests."""
    with chromium.new_context(viewport=DESKTOP, timezone_id="UTC") as context:
        yield context.new_page()


def speed(tab: playwright.Page) -> playwright.Locator:
    return tab.get_by_role("slider", name="Speed, over the last 2 hours")


def says(tab: playwright.Page, text: str) -> None:
    """What a screen reader reads of the speed."""
    expect(speed(tab)).to_have_attribute("aria-valuetext", text)


def shows(tab: playwright.Page, selector: str, *texts: str | re.Pattern[str]) -> None:
    expect(tab.locator(selector)).to_have_text(list(texts))


def test_both_axes_have_round_numbers_and_a_unit(utc: playwright.Page) -> None:
    with hours(utc):
        shows(utc, "#chart-fps .scale span", "0", "20", "40", "60", "80 fps")
        expect(utc.locator("#chart-latency .scale span").last).to_have_text(re.compile(" ms$"))
        # The second one is said where there is no thermometer.
        shows(utc, "#chart-temperature .empty", re.compile("^(Nothing known yet|Not known on this machine)$"))
        shows(utc, "#chart-fps .axis span", "10:30", "11:00", "11:30")


@pytest.mark.parametrize(
    ("throttling", "said"),
    [
        (None, "Not known on this machine"),
        ({"now": "", "earlier": "", "advice": ""}, "Nothing known yet"),
    ],
    ids=["another machine", "a Pi"],
)
def test_a_machine_without_a_temperature_says_that_none_will_come(
    utc: playwright.Page, throttling: object, said: str
) -> None:
    def answer(route: playwright.Route) -> None:
        status = route.fetch().json()
        status["sample"]["soc_temperature_c"] = None
        route.fulfill(json={**status, "soc_temperature_c": None, "throttling": throttling})

    with running() as page:
        utc.route("**/api/status", answer)
        utc.route("**/api/history?span=*", lambda route: route.fulfill(json=[]))
        utc.route("**/api/history", lambda route: route.fulfill(json=[]))
        open_live(utc, page)
        utc.locator("#chart-temperature .empty", has_text=said).wait_for()
        expect(utc.locator("#chart-temperature .hint")).not_to_contain_text("on this machine")


def test_the_keys_read_each_value_and_its_time(utc: playwright.Page) -> None:
    with hours(utc):
        speed(utc).focus()
        says(utc, "12:00, 69.0 fps")
        for key, text in (
            ("ArrowLeft", "11:59, 68.0 fps"),
            ("PageDown", "11:49, 58.0 fps"),
            ("Home", "11:01, 10.0 fps"),
            ("ArrowLeft", "11:01, 10.0 fps"),  # there is nothing before it
            ("End", "12:00, 69.0 fps"),
        ):
            utc.keyboard.press(key)
            says(utc, text)
        shows(utc, "#chart-fps .bubble", "12:00, 69.0 fps")
        shows(utc, "#chart-latency .bubble", "12:00, 20.0 ms, 95% within 40.5 ms")  # the same moment
        shows(utc, "#chart-drops .bubble", "12:00, 2.0 /s")
        shows(utc, "#chart-temperature .bubble", "12:00, not known")
        utc.keyboard.press("Escape")
        expect(utc.locator("#chart-fps .bubble")).to_be_hidden()
        expect(utc.locator("#chart-drops .cursor")).to_be_hidden()


def test_the_pointer_reads_the_nearest_value(utc: playwright.Page) -> None:
    with hours(utc):
        area = speed(utc)
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        utc.mouse.move(box["x"] + AT_11_40 * box["width"], box["y"] + 20)
        shows(utc, "#chart-fps .bubble", "11:40, 49.0 fps")
        dot, line = (utc.locator(f"#chart-fps {each}").bounding_box() for each in (".dot", ".line"))
        assert dot["x"] + dot["width"] / 2 == pytest.approx(box["x"] + AT_11_40 * box["width"], abs=2)
        assert line["y"] < dot["y"] + dot["height"] / 2 < line["y"] + line["height"]
        for share in (0.01, 0.99):
            utc.mouse.move(box["x"] + share * box["width"], box["y"] + 20)
            bubble = utc.locator("#chart-fps .bubble").bounding_box()
            assert box["x"] - 1 <= bubble["x"]
            assert bubble["x"] + bubble["width"] <= box["x"] + box["width"] + 1
        utc.mouse.move(0, 0)
        expect(utc.locator("#chart-fps .bubble")).to_be_hidden()


def test_a_finger_reads_a_value_that_stays(tab: playwright.Page) -> None:
    with hours(tab):
        area = speed(tab)
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        tab.touchscreen.tap(box["x"] + AT_11_40 * box["width"], box["y"] + 20)
        tab.locator("#chart-fps .bubble", has_text="49.0 fps").wait_for()
        tab.touchscreen.tap(box["x"] + 0.998 * box["width"], box["y"] + 20)
        tab.locator("#chart-fps .bubble", has_text="69.0 fps").wait_for()


def test_a_time_without_samples_breaks_the_line(utc: playwright.Page) -> None:
    with hours(utc):
        drawn = utc.locator("#chart-fps .line").get_attribute("d")
        stretches = [len(stretch.split("L")) for stretch in drawn.split("M")[1:]]
        assert stretches == [20, 30]


def test_the_table_says_the_same_in_numbers(utc: playwright.Page) -> None:
    with hours(utc):
        utc.get_by_text("As a table", exact=True).click()
        rows = utc.locator("#charts-rows tr")
        rows.first.wait_for()  # the browser says a moment later that it is open
        expect(rows).to_have_count(POINTS - len(BROKEN))
        expect(rows.first.locator("th, td")).to_have_text(["12:00", "69.0", "20.0", "40.5", "2.0", "\N{EN DASH}"])
        utc.get_by_role("combobox", name="Charts of").select_option("minutes")
        utc.wait_for_function("() => document.querySelector('#charts-rows th')?.textContent.length === 8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_to_complain_of(chromium: playwright.Browser, scheme: str, size: dict[str, int]) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    with chromium.new_context(viewport=size, color_scheme=scheme) as context:
        tab = context.new_page()
        with hours(tab):
            speed(tab).focus()
            tab.get_by_text("As a table", exact=True).click()
            speed(tab).focus()
            assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
            assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
