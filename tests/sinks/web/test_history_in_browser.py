"""The history in a real browser, beside a whole running detector whose database holds visits."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from edge_detector.events.database import Database, FileLink, link_files
from edge_detector.events.index import open_index
from edge_detector.events.record import HERE, Crossing, VisitRecord
from edge_detector.mistakes.store import Store
from edge_detector.sinks.web.history import PAGE_VISITS
from tests.events.visits import record
from tests.mistakes.pictures import jpeg
from tests.sinks.web.pages import Page
from tests.sinks.web.test_browser import (
    CHROMIUM,
    CONFIG,
    DESKTOP,
    PHONE,
    SMALLEST_PHONE,
    chromium,
    expect,
    may_complain,
    playwright,
    running,
    tab,
)
from tests.sinks.web.test_history import DAY, MORNING_S, VIEWER, with_picture

__all__ = ["chromium", "tab"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")

FILM_S = 6
PATH = tuple((float(second), 0.1 + second / 50, 0.5) for second in range(20))
WIDER_THAN_THE_PAGE = """() => [...document.querySelectorAll("main *, dialog[open] *")].filter((each) => {
  const { right, width } = each.getBoundingClientRect();
  return width && right > innerWidth + 1 && !each.closest(".wide-table, svg");
}).map((each) => each.outerHTML.slice(0, 80))"""


def came(number: int, **values: object) -> VisitRecord:
    """A visit that began so many minutes after eight o'clock."""
    began_s = MORNING_S + 60 * number
    return replace(record(number), started_s=began_s, seen_s=began_s + 10, path=PATH, **values)


VISITS = (
    came(1),
    came(2, label="dog", zones={"door": 4.0}, crossings=(Crossing("street", "in", 2.0),)),
    came(70, label="cat", score=0.95),
    came(71, state=HERE),
    replace(came(3, label="cat"), started_s=MORNING_S - 2 * 86400, seen_s=MORNING_S - 2 * 86400 + 5),
)


@contextmanager
def growing_history(folder: Path, *records: VisitRecord, options: str = "") -> Iterator[tuple[Page, Database]]:
    """A detector that runs beside a database with ``records``, which is open, as that of a run is."""
    path = folder / "events.sqlite"
    with ExitStack() as stack:
        database = stack.enter_context(Database(path))
        database.put(records, {each.id: with_picture(path, each.id) for each in records})
        config = replace(CONFIG, sinks=(f"events:{folder}",))
        yield stack.enter_context(running(options=options, config=config)), database


@contextmanager
def history(folder: Path, *records: VisitRecord, options: str = "") -> Iterator[Page]:
    """The same, whose visits stay as they are."""
    with growing_history(folder, *records, options=options) as (page, _):
        yield page


def film(folder: Path, visit_id: str) -> Path:
    """A clip of a visit that a browser can play: `FILM_S` seconds that become lighter."""
    av = pytest.importorskip("av", reason="needs PyAV")
    path = folder / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for shade in range(10 * FILM_S):
            image = np.full((240, 320, 3), 4 * shade, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    link_files(folder / "events.sqlite", [FileLink(visit_id, "clip", path)])
    return path


def open_history(tab: playwright.Page, page: Page, question: str = "") -> None:
    """Go to the page and wait until its counts are there."""
    tab.goto(f"{page.sink.url}history{question}")
    tab.get_by_text("visit").first.wait_for()
    tab.wait_for_function("() => document.getElementById('said').textContent !== 'Loading'")


def cards(tab: playwright.Page) -> list[str]:
    """Class and time of each card."""
    names = tab.locator(".visit strong").all_text_contents()
    times = tab.locator(".visit .when").all_text_contents()
    return [f"{name} {time[:5]}" for name, time in zip(names, times, strict=True)]


def wait_for_cards(tab: playwright.Page, *wanted: str) -> None:
    pairs = [each.rsplit(" ", 1) for each in wanted]
    expect(tab.locator(".visit strong")).to_have_text([name for name, _ in pairs])
    expect(tab.locator(".visit .when")).to_have_text([re.compile(f"^{time}") for _, time in pairs])


def said(tab: playwright.Page, text: str) -> None:
    tab.locator("#said", has_text=text).wait_for()


def test_a_detector_without_an_events_sink_says_which_one_to_add(tab: playwright.Page) -> None:
    with running() as page:
        tab.goto(page.sink.url)
        tab.get_by_role("link", name="History").click()
        tab.get_by_text("the sink events:FOLDER makes it keep them, such as --sink events:.").wait_for()


def test_the_newest_day_is_shown_in_hours_with_pictures(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        open_history(tab, page)
        said(tab, "4 visits on Sunday, 29 November 2026")
        wait_for_cards(tab, "person 09:11", "cat 09:10", "dog 08:02", "person 08:01")
        expect(tab.locator("#hour-groups h2")).to_have_text(["09:00", "08:00"])
        tab.wait_for_function(
            "() => [...document.querySelectorAll('.thumb img')].every((each) => each.naturalWidth === 8)"
        )
        expect(tab.get_by_label("Day", exact=True).locator("visible=true").last).to_have_value(DAY.isoformat())


def test_filters_stand_in_the_address_so_that_back_and_reload_work(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        open_history(tab, page)
        said(tab, "4 visits")
        tab.get_by_label("Class").select_option("dog")
        wait_for_cards(tab, "dog 08:02")
        tab.get_by_label("Zone").select_option("door")
        said(tab, "1 visit on")
        assert tab.evaluate("() => location.search") == "?class=dog&zone=door"
        tab.reload()
        wait_for_cards(tab, "dog 08:02")
        expect(tab.get_by_label("Class")).to_have_value("dog")
        expect(tab.get_by_label("Zone")).to_have_value("door")
        tab.go_back()
        tab.go_back()
        wait_for_cards(tab, "person 09:11", "cat 09:10", "dog 08:02", "person 08:01")
        expect(tab.get_by_label("Class")).to_have_value("")
        tab.get_by_label("Score").select_option("0.9")
        wait_for_cards(tab, "cat 09:10")
        tab.get_by_label("Class").select_option("dog")
        tab.get_by_text("No visit on this day is like that.").wait_for()
        tab.get_by_role("button", name="All visits of this day").click()
        said(tab, "4 visits")


def test_days_without_visits_are_skipped(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        open_history(tab, page)
        said(tab, "4 visits")
        expect(tab.get_by_role("button", name="Later day with visits")).to_be_disabled()
        tab.get_by_role("button", name="Earlier day with visits").click()
        said(tab, "1 visit on Friday, 27 November 2026")
        expect(tab.get_by_role("button", name="Earlier day with visits")).to_be_disabled()
        tab.locator("#day").fill("2026-11-28")
        tab.get_by_text("No visits on this day.").wait_for()
        tab.get_by_role("button", name="Later day with visits").click()
        said(tab, "4 visits")


def test_counts_are_bars_and_a_table_and_a_bar_chooses_its_hour(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        open_history(tab, page)
        said(tab, "4 visits")
        expect(tab.locator("#hours")).to_have_attribute("aria-label", re.compile("most, 2, from 08:00"))
        tab.get_by_text("As a table").click()
        for number, cells in enumerate(
            (["Hour", "person", "cat", "dog", "All"], ["08:00", "1", "0", "1", "2"], ["09:00", "1", "1", "0", "2"])
        ):
            expect(tab.locator("#hours-table tr").nth(number).locator("th, td")).to_have_text(cells)
        expect(tab.locator("#hours-table tr")).to_have_count(3)
        tab.locator("#hours .bar").nth(9).click()
        said(tab, "2 visits on Sunday, 29 November 2026, 09:00 to 10:00")
        wait_for_cards(tab, "person 09:11", "cat 09:10")
        expect(tab.locator("#hour")).to_have_value("9")


def test_the_hours_stand_below_the_bars_that_begin_there(chromium: playwright.Browser, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page, chromium.new_context(viewport=DESKTOP) as context:
        tab = context.new_page()
        open_history(tab, page)
        said(tab, "4 visits")
        slots = [each.bounding_box() for each in tab.locator("#hours .slot").all()]
        labels = {each.text_content(): each.bounding_box() for each in tab.locator(".hours-scale span").all()}
        begins = {str(hour): slots[hour]["x"] for hour in range(0, 24, 6)} | {"24": slots[-1]["x"] + slots[-1]["width"]}
        middles = {name: box["x"] + box["width"] / 2 for name, box in labels.items()}
        assert middles == pytest.approx(begins, abs=1)
        card = tab.locator("#hours-card").bounding_box()
        assert all(card["x"] <= box["x"] <= card["x"] + card["width"] - box["width"] for box in labels.values())


@pytest.mark.parametrize("sources", [("0",), ("porch", "yard")], ids=["one camera", "two cameras"])
@pytest.mark.parametrize("width", [960, 1280])
def test_all_filters_stand_in_one_row(
    chromium: playwright.Browser, tmp_path: Path, sources: tuple[str, ...], width: int
) -> None:
    visits = [came(number, source=source) for number, source in enumerate(sources)]
    viewport = {"width": width, "height": 720}
    with history(tmp_path, *visits) as page, chromium.new_context(viewport=viewport) as context:
        tab = context.new_page()
        open_history(tab, page)
        said(tab, f"{len(visits)} visit")
        row = tab.locator("#filters .day, #filters label:visible").evaluate_all(
            "(all) => all.map((each) => Math.round(each.getBoundingClientRect().bottom))"
        )
        assert len(row) == 5 + len(sources)
        assert len(set(row)) == 1
        assert tab.evaluate(WIDER_THAN_THE_PAGE) == []


def test_who_is_here_was_found_within_a_minute_and_who_was_not_was_last_seen(
    tab: playwright.Page, tmp_path: Path
) -> None:
    now_s = time.time()
    here, waited_for = (
        replace(record(number), started_s=now_s - 300, seen_s=now_s - ago_s, state=HERE)
        for number, ago_s in ((1, -600), (2, 120))  # the first one is found again and again, as long as the test lasts
    )
    short = replace(record(3), started_s=now_s - 301, seen_s=now_s - 300.6, crossings=(Crossing("street", "in", 0.2),))
    with history(tmp_path, here, waited_for, short) as page:
        open_history(tab, page)
        said(tab, "3 visits")
        stays = {text.split(" · ")[1] for text in tab.locator(".visit .when").all_text_contents()}
        assert stays == {"here now", f"last seen {datetime.fromtimestamp(waited_for.seen_s):%H:%M}", "under 1 s"}
        tab.get_by_role("link", name="last seen").click()
        tab.locator("#facts", has_text=f"Last seen at {datetime.fromtimestamp(waited_for.seen_s):%H:%M:%S}").wait_for()
        tab.get_by_role("button", name="Close").click()
        tab.get_by_role("link", name="here now").click()
        tab.locator("#facts", has_text="It is here now").wait_for()
        tab.locator("#delete-hint", has_text="It goes on. Delete it when it has ended.").wait_for()
        tab.get_by_role("button", name="Close").click()
        tab.get_by_role("link", name="under 1 s").click()
        tab.locator("#facts", has_text="street: in within 1 s").wait_for()
        expect(tab.locator("#delete-hint")).to_have_text("")
        expect(tab.get_by_role("button", name="Delete …")).to_be_enabled()


def test_the_heat_map_is_asked_for_when_it_is_opened(tab: playwright.Page, tmp_path: Path) -> None:
    asked: list[str] = []
    with history(tmp_path, *VISITS) as page:
        tab.on("request", lambda request: asked.append(request.url) if "visit-heat" in request.url else None)
        open_history(tab, page)
        said(tab, "4 visits")
        assert asked == []
        tab.get_by_text("Where they were").click()
        tab.get_by_text("The ways of the newest 4 visits").wait_for()
        drawn = "() => { const c = document.getElementById('heat'); const d = c.getContext('2d')"
        drawn += ".getImageData(0, 0, c.width, c.height).data; return d.filter((v, i) => i % 4 === 3 && v).length }"
        assert 15 < tab.evaluate(drawn) < 60  # one way across the picture, one cell high
        expect(tab.locator("#heat")).to_have_attribute("aria-label", re.compile("most at the middle"))


def test_a_clip_is_played_sought_and_sped_up(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        film(tmp_path, VISITS[0].id)
        open_history(tab, page)
        tab.get_by_role("link", name="person 80% 08:01:00").click()
        dialog = tab.get_by_role("dialog", name="person · 08:01:00")
        dialog.wait_for()
        tab.wait_for_function(f"() => Math.abs(document.getElementById('film').duration - {FILM_S}) < 0.2")
        dialog.get_by_label("Speed").select_option("4")
        assert tab.evaluate("() => document.getElementById('film').playbackRate") == 4
        tab.evaluate("() => { const film = document.getElementById('film'); film.muted = true; film.currentTime = 4; }")
        tab.wait_for_function("() => !document.getElementById('film').seeking")
        tab.evaluate("() => document.getElementById('film').play()")
        tab.wait_for_function("() => document.getElementById('film').ended")
        expect(dialog.get_by_text("The boxes are part of the clip.")).to_be_visible()
        with tab.expect_download() as download:
            dialog.get_by_role("link", name="Download clip").click()
        assert download.value.suggested_filename == "person-2026-11-29-08-01-00-clip.mp4"
        tab.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        assert tab.evaluate("() => document.getElementById('film').hasAttribute('src')") is False


def test_a_view_tells_all_and_is_a_step_in_the_browsers_history(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        open_history(tab, page)
        said(tab, "4 visits")
        tab.get_by_role("link", name="dog 80%").press("Enter")
        dialog = tab.get_by_role("dialog", name="dog · 08:02:00")
        dialog.wait_for()
        facts = dict(zip(*(dialog.locator(each).all_text_contents() for each in ("dt", "dd")), strict=True))
        assert (facts["Stayed"], facts["Zones"]) == ("10 s", "door (4 s)")
        assert facts["Crossed"] == "street: in after 2 s"
        way = re.compile("^Its way: from the middle left to the ")
        expect(tab.locator("#way-path")).to_have_attribute("aria-label", way)
        tab.reload()
        dialog.wait_for()
        said(tab, "4 visits")
        dialog.get_by_role("button", name="Close").click()
        dialog.wait_for(state="hidden")
        tab.go_back()
        dialog.wait_for()
        tab.go_forward()
        dialog.wait_for(state="hidden")
        expect(tab).not_to_have_url(re.compile("visit="))


def test_the_views_of_neighbours_are_one_press_away(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        open_history(tab, page)
        tab.get_by_role("link", name="cat 95%").click()
        tab.get_by_role("dialog", name="cat · 09:10:00").wait_for()
        tab.get_by_role("button", name="Older visit").click()
        tab.get_by_role("dialog", name="dog · 08:02:00").wait_for()
        tab.get_by_role("button", name="Older visit").click()
        tab.get_by_role("dialog", name="person · 08:01:00").wait_for()
        expect(tab.get_by_role("button", name="Older visit")).to_be_disabled()
        tab.get_by_role("button", name="Close").click()
        expect(tab.locator(f"[data-id='{VISITS[0].id}']")).to_be_focused()  # the reader keeps the place


def test_a_visit_is_kept_and_deleted_after_a_question(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        open_history(tab, page)
        said(tab, "4 visits")
        tab.get_by_role("link", name="cat 95%").click()
        dialog = tab.get_by_role("dialog", name="cat · 09:10:00")
        dialog.get_by_role("button", name="Keep", exact=True).click()
        dialog.get_by_role("button", name="Kept", pressed=True).wait_for()
        dialog.get_by_role("button", name="Delete …").click()
        tab.get_by_role("dialog", name="Delete this visit?").get_by_role("button", name="Cancel").click()
        tab.get_by_role("dialog", name="Delete this visit?").wait_for(state="hidden")
        expect(dialog).to_be_visible()
        with open_index(tmp_path / "events.sqlite") as index:
            assert [each.label for each in index.visits() if each.kept] == ["cat"]
        dialog.get_by_role("button", name="Delete …").click()
        tab.get_by_role("dialog", name="Delete this visit?").get_by_role("button", name="Delete").click()
        dialog.wait_for(state="hidden")
        said(tab, "3 visits")
        wait_for_cards(tab, "person 09:11", "dog 08:02", "person 08:01")
        with open_index(tmp_path / "events.sqlite") as index:
            assert index.visit(VISITS[2].id) is None
        tab.get_by_role("link", name="person 80% 09:11").click()
        expect(tab.get_by_role("button", name="Delete …")).to_be_disabled()  # it goes on
        tab.locator("#delete-hint", has_text="It has not ended: what stands still is waited for").wait_for()


def test_who_may_only_look_sees_no_way_to_change(tab: playwright.Page, tmp_path: Path) -> None:
    for name, secret in (("owner", "correct-horse-battery-staple"), ("viewer", VIEWER)):
        (tmp_path / name).write_text(secret)
        (tmp_path / name).chmod(0o600)
    options = f"?token_file={tmp_path / 'owner'}&viewer_token_file={tmp_path / 'viewer'}"
    with history(tmp_path, *VISITS, options=options) as page:
        may_complain(tab, "status of 401")  # with the form
        tab.goto(page.sink.url)
        tab.get_by_label("Token").fill(VIEWER)
        tab.get_by_role("button", name="Open").click()
        tab.wait_for_selector("#state[data-state=live]")
        tab.get_by_text("What is detected", exact=True).click()
        expect(tab.get_by_role("slider", name="Confidence")).to_be_disabled()
        expect(tab.get_by_text("You may look at everything, and change nothing.")).to_be_visible()
        expect(tab.get_by_role("button", name="Change …")).to_be_hidden()
        tab.get_by_role("link", name="History").click()
        tab.get_by_role("link", name="cat 95%").click()
        tab.get_by_role("dialog", name="cat · 09:10:00").wait_for()
        tab.get_by_role("link", name="Download picture").wait_for()
        for name in ("Keep", "Delete …"):
            expect(tab.get_by_role("button", name=name)).to_be_hidden()


def test_visits_of_one_camera(tab: playwright.Page, tmp_path: Path) -> None:
    visits = came(1, source="porch"), came(2, source="yard", label="dog")
    with history(tmp_path, *visits) as page:
        open_history(tab, page)
        said(tab, "2 visits")
        expect(tab.locator(".from-camera:visible")).to_have_text(["yard", "porch"])
        tab.get_by_text("Where they were").click()
        tab.get_by_text("Choose a camera: each has a picture of its own.").wait_for()
        tab.get_by_role("combobox", name="Camera").select_option("yard")
        wait_for_cards(tab, "dog 08:02")
        expect(tab).to_have_url(f"{page.sink.url}history?camera=yard")
        tab.get_by_text("The ways of the newest 1 visit").wait_for()
        expect(tab.get_by_role("img", name="Where they were")).to_be_visible()
        tab.go_back()
        wait_for_cards(tab, "dog 08:02", "person 08:01")


def test_of_one_camera_there_is_no_choice(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS) as page:
        open_history(tab, page)
        said(tab, "4 visits")
        expect(tab.get_by_role("combobox", name="Camera")).to_be_hidden()
        expect(tab.locator(".from-camera:visible")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(chromium: playwright.Browser, tmp_path: Path, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    with history(tmp_path, *VISITS) as page, chromium.new_context(viewport=PHONE, color_scheme=scheme) as context:
        film(tmp_path, VISITS[1].id)
        tab = context.new_page()
        open_history(tab, page)
        said(tab, "4 visits")
        tab.get_by_text("As a table").click()
        tab.get_by_text("Where they were").click()
        tab.get_by_text("The ways of the newest 4 visits").wait_for()
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        tab.get_by_role("link", name="dog 80%").click()
        tab.get_by_role("dialog", name="dog · 08:02:00").wait_for()
        tab.get_by_role("button", name="Keep", exact=True).click()
        tab.get_by_role("button", name="Kept").wait_for()
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        tab.get_by_role("button", name="Delete …").click()
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
        tab.goto(f"{page.sink.url}history?class=horse")
        tab.get_by_text("No visit on this day is like that.").wait_for()
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []


@pytest.mark.parametrize("viewport", [SMALLEST_PHONE, PHONE, DESKTOP])
def test_nothing_is_wider_than_the_screen(
    chromium: playwright.Browser, tmp_path: Path, viewport: dict[str, int]
) -> None:
    with history(tmp_path, *VISITS) as page, chromium.new_context(viewport=viewport) as context:
        film(tmp_path, VISITS[1].id)
        tab = context.new_page()
        open_history(tab, page)
        said(tab, "4 visits")
        assert tab.evaluate(WIDER_THAN_THE_PAGE) == []
        assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        tab.get_by_role("link", name="dog 80%").click()
        tab.get_by_role("dialog", name="dog · 08:02:00").wait_for()
        assert tab.evaluate(WIDER_THAN_THE_PAGE) == []


def test_ten_thousand_visits_are_there_at_once_and_come_as_one_scrolls(tab: playwright.Page, tmp_path: Path) -> None:
    many = [
        replace(record(number), started_s=MORNING_S + number, seen_s=MORNING_S + number + 5) for number in range(10_000)
    ]
    with history(tmp_path, *many) as page:
        open_history(tab, page)
        said(tab, "10,000 visits")
        expect(tab.locator(".visit")).to_have_count(PAGE_VISITS)
        tab.locator(".visit").last.scroll_into_view_if_needed()
        tab.wait_for_function(f"() => document.querySelectorAll('.visit').length === {2 * PAGE_VISITS}")
        ids = tab.evaluate("() => [...document.querySelectorAll('.visit')].map((each) => each.dataset.id)")
        assert ids == [f"3f9a1c2e-{number}" for number in range(9_999, 9_999 - 2 * PAGE_VISITS, -1)]


def test_the_frame_of_a_past_visit_is_marked(tab: playwright.Page, tmp_path: Path) -> None:
    with history(tmp_path, *VISITS, options=f"?mistakes={tmp_path / 'mistakes'}&unsure=0") as page:
        stem = "2026-11-29_08-02-00.000Z_dog"
        found = {"time": "2026-11-29T08:02:01+00:00", "width": 320, "height": 240}
        row = {"label": "square", "score": 0.9, "box": [10.0, 20.0, 110.0, 220.0]}
        (tmp_path / f"{stem}.json").write_text(json.dumps({**found, "detections": [row]}))
        for suffix in (".jpg", ".clean.jpg"):
            (tmp_path / f"{stem}{suffix}").write_bytes(jpeg())
        link_files(tmp_path / "events.sqlite", [FileLink(VISITS[1].id, "snapshot", tmp_path / f"{stem}.jpg")])
        open_history(tab, page)
        tab.get_by_role("link", name="dog 80%").click()
        tab.get_by_role("link", name="Mark a mistake").click()
        tab.get_by_role("region", name="What is wrong here?").wait_for()
        tab.get_by_role("button", name="Wrong", exact=True).click()
        tab.get_by_role("button", name="Keep").click()
        tab.get_by_text("Kept. 1 picture is marked").wait_for()
        tab.get_by_role("link", name="Back to the visit").click()
        tab.get_by_role("dialog", name="dog · 08:02:00").wait_for()
    (kept,) = Store(tmp_path / "mistakes").kept()
    assert [(mark.verdict, mark.label) for mark in kept.marks] == [("wrong", "square")]


def test_new_visits_are_offered_and_the_list_moves_only_when_asked(tab: playwright.Page, tmp_path: Path) -> None:
    tab.clock.install()
    with growing_history(tmp_path, *VISITS) as (page, database):
        open_history(tab, page)
        said(tab, "4 visits")
        before = cards(tab)
        button = tab.locator("#new-visits")
        tab.clock.run_for(15_000)
        expect(button).to_be_hidden()
        database.put([came(80, label="dog"), came(81, label="cat")], {})
        tab.clock.run_for(15_000)
        button.filter(has_text="2 new visits").wait_for()
        assert cards(tab) == before
        button.press("Enter")
        wait_for_cards(tab, "cat 09:21", "dog 09:20", *before)
        said(tab, "6 visits")
        expect(button).to_be_hidden()
        expect(tab.locator(".visit:focus")).to_have_count(1)


def test_new_visits_that_the_filters_leave_out_are_not_offered(tab: playwright.Page, tmp_path: Path) -> None:
    tab.clock.install()
    with growing_history(tmp_path, *VISITS) as (page, database):
        open_history(tab, page, "?class=dog")
        said(tab, "1 visit on")
        database.put([came(80, label="cat")], {})
        tab.clock.run_for(15_000)
        database.put([came(81, label="dog")], {})
        tab.clock.run_for(15_000)
        tab.get_by_role("button", name="1 new visit", exact=True).wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of_where_new_visits_are_offered(
    chromium: playwright.Browser, tmp_path: Path, scheme: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    with (
        growing_history(tmp_path, *VISITS) as (page, database),
        chromium.new_context(viewport=PHONE, color_scheme=scheme) as context,
    ):
        tab = context.new_page()
        open_history(tab, page)
        said(tab, "4 visits")
        database.put([came(80, label="dog")], {})
        tab.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")  # who comes back sees them at once
        tab.get_by_role("button", name="1 new visit", exact=True).wait_for()
        assert [rule["id"] for rule in axe.run(tab).response["violations"]] == []
