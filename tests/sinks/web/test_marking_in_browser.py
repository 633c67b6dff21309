"""Marking mistakes and reviewing pictures in a real browser, beside a whole running detector."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.mistakes.record import Marked
from edge_detector.mistakes.store import Store
from tests.mistakes.pictures import jpeg, offer
from tests.sinks.web.pages import Page
from tests.sinks.web.test_browser import (
    CHROMIUM,
    CONFIG,
    DESKTOP,
    LANDSCAPE,
    PHONE,
    PICTURE,
    SMALLEST_PHONE,
    chromium,
    drag_from,
    expect,
    may_complain,
    open_live,
    playwright,
    running,
    tab,
)

__all__ = ["chromium", "tab"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")

COLORS = {"circle": (0, 0, 255), "square": (0, 255, 0), "triangle": (255, 0, 0)}  # BGR, of the synthetic shapes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mistakes"


@contextmanager
def keeping(folder: Path) -> Iterator[Page]:
    """A detector that runs and keeps mistakes in ``folder``."""
    with running(options=f"?mistakes={folder}&unsure=0") as page:
        yield page


def start_marking(tab: playwright.Page, page: Page) -> None:
    open_live(tab, page)
    tab.get_by_role("button", name="Mark a mistake").click()
    tab.get_by_role("region", name="What is wrong here?").wait_for()


def choose(tab: playwright.Page, label: str) -> None:
    which = tab.get_by_role("combobox", name="Which one")
    option = which.locator("option", has_text=label).first.text_content()
    which.select_option(label=option)


def keep(tab: playwright.Page) -> None:
    tab.get_by_role("button", name="Keep").click()
    tab.get_by_text("Kept. ").wait_for()


def only_kept(folder: Path) -> Marked:
    (kept,) = Store(folder).kept()
    return kept


def said(kept: Marked) -> list[tuple[str, str]]:
    return [(mark.verdict, mark.label) for mark in kept.marks]


def test_the_marked_picture_is_the_one_that_stands_still(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        frozen = tab.evaluate(PICTURE)
        results = page.ask("/api/status").json["results"]
        tab.wait_for_function(
            "async (least) => (await (await fetch('/api/status')).json()).results > least", arg=results + 10
        )
        assert tab.evaluate(PICTURE) == frozen
        choose(tab, "square")
        tab.get_by_role("button", name="Wrong").click()
        keep(tab)
        tab.wait_for_function(f"(before) => ({PICTURE})() !== before", arg=frozen)
    kept = only_kept(folder)
    assert said(kept) == [("wrong", "square")]
    assert kept.exhaustive == ("square",)
    data = Store(folder).jpeg(kept.id)
    assert data is not None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    for label, _, box in kept.found:
        x, y = round((box[0] + box[2]) / 2), round((box[1] + box[3]) / 2)
        np.testing.assert_allclose(image[y, x], COLORS[label], atol=60)


def test_a_new_name_is_typed_and_a_missed_one_is_drawn_with_the_mouse(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        choose(tab, "circle")
        tab.get_by_role("button", name="It is a …").click()
        tab.get_by_label("It is a", exact=True).fill(" ball ")
        tab.locator("#view").scroll_into_view_if_needed()
        drag_from(tab, (0.1, 0.85), 0.3, -0.4)
        tab.get_by_label("It is a", exact=True).fill("person")
        tab.get_by_role("checkbox", name="person").uncheck()
        keep(tab)
        tab.get_by_text("1 picture is marked").first.wait_for()
        assert page.metric("mistakes_kept") == 1
    kept = only_kept(folder)
    assert said(kept) == [("relabelled", "ball"), ("missed", "person")]
    assert kept.exhaustive == ("ball", "circle")
    assert kept.marks[1].box == pytest.approx((64, 0.45 * 360, 256, 0.85 * 360), abs=4)


def test_a_finger_draws_a_box(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        tab.locator("#view").scroll_into_view_if_needed()
        view = tab.locator("#view").bounding_box()
        touch = tab.context.new_cdp_session(tab)
        for kind, spots in (("touchStart", [0.2]), ("touchMove", [0.3, 0.4, 0.5])):
            for spot in spots:
                finger = {"x": view["x"] + spot * view["width"], "y": view["y"] + spot * view["height"]}
                touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [finger]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        tab.get_by_label("It is a", exact=True).fill("person")
        keep(tab)
    assert only_kept(folder).marks[0].box == pytest.approx((128, 72, 320, 180), abs=6)


def test_a_mistake_is_marked_with_the_keys_alone(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        open_live(tab, page)
        tab.get_by_role("button", name="Mark a mistake").press("Enter")
        tab.get_by_role("region", name="What is wrong here?").wait_for()
        expect(tab.locator("#which-mark")).to_be_focused()
        tab.get_by_role("button", name="Missed one").press("Enter")
        for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowUp", "Tab", "Tab"):
            tab.keyboard.press(key)
        tab.get_by_role("button", name="Corner 2 of 2").press("ArrowRight")
        tab.get_by_label("It is a", exact=True).press_sequentially("cat")
        box = tab.locator("#mark-boxes button").first
        box.press("Enter")
        expect(box).to_have_attribute("aria-pressed", "true")
        tab.get_by_role("button", name="Right", exact=True).press("Enter")
        tab.get_by_role("button", name="Keep").press("Enter")
        tab.get_by_text("Kept. ").wait_for()
        expect(tab.locator("#start-marking")).to_be_focused()
    kept = only_kept(folder)
    assert [mark.verdict for mark in kept.marks] == ["right", "missed"]
    assert kept.marks[1].box == pytest.approx((0.39 * 640, 0.389 * 360, 0.6 * 640, 0.589 * 360), abs=0.2)


def test_escape_cancels_undo_takes_back_and_delete_removes(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        boxes = tab.locator("#mark-boxes .mark")
        count = boxes.count()
        tab.get_by_role("button", name="Missed one").click()
        expect(boxes).to_have_count(count + 1)
        tab.keyboard.press("Control+z")
        expect(boxes).to_have_count(count)
        tab.get_by_role("button", name="Missed one").click()
        tab.get_by_role("button", name="Delete", exact=True).click()
        expect(boxes).to_have_count(count)
        expect(tab.get_by_role("button", name="Keep")).to_be_disabled()
        tab.keyboard.press("Escape")
        tab.locator("#marks").wait_for(state="hidden")
        tab.wait_for_function(f"(before) => ({PICTURE})() !== before", arg=tab.evaluate(PICTURE))
    assert Store(folder).usage().kept == 0


def test_the_header_does_not_say_live_while_the_picture_stands_still(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        tab.get_by_text("Picture paused", exact=True).first.wait_for()
        expect(tab.locator("#state")).to_have_attribute("data-state", "paused")
        expect(tab.locator("#notice")).to_be_hidden()
        tab.keyboard.press("Escape")
        tab.wait_for_selector("#state[data-state=live]")


@pytest.mark.parametrize("at", ["which-mark", "add-mark", "mark-label", "the new box"])
def test_escape_leads_back_to_the_live_picture_wherever_the_focus_is(
    tab: playwright.Page, folder: Path, at: str
) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        tab.get_by_role("button", name="Missed one").click()  # the new box has the focus
        if at != "the new box":
            tab.locator(f"#{at}").focus()
        if at == "mark-label":
            tab.keyboard.type("cat")
            tab.keyboard.press("Escape")  # out of the field: what was typed stays
            expect(tab.locator("#mark-label")).to_have_value("cat")
        tab.keyboard.press("Escape")
        tab.locator("#marks").wait_for(state="hidden")
        expect(tab.get_by_role("button", name="Mark a mistake")).to_be_visible()
        expect(tab.locator("#start-marking")).to_be_focused()


def test_closing_a_tab_with_marks_that_are_not_kept_asks(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        tab.get_by_role("button", name="Wrong").click()
        tab.once("dialog", lambda dialog: dialog.dismiss())
        with tab.expect_event("dialog") as asked:
            tab.close(run_before_unload=True)
        assert asked.value.type == "beforeunload"
        keep(tab)
        with tab.expect_event("close"):  # nothing is lost
            tab.close(run_before_unload=True)
    assert len(Store(folder).kept()) == 1


CAPTIONS_ARE_APART = """() => {
  const boxes = [...document.querySelectorAll("#mark-boxes .mark span")].map((each) => each.getBoundingClientRect());
  const view = document.getElementById("view").getBoundingClientRect();
  const inside = boxes.every((a) => a.left >= view.left - 1 && a.right <= view.right + 1 && a.top >= view.top - 1);
  const across = (a, b) => a.left < b.right - 1 && b.left < a.right - 1;
  const overlap = (a, b) => across(a, b) && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return boxes.length >= 4 && inside && !boxes.some((a, i) => boxes.slice(i + 1).some((b) => overlap(a, b)));
}"""


def test_captions_do_not_cover_each_other_while_marking(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        for _ in range(3):  # all in the middle, one over the other
            tab.get_by_role("button", name="Missed one").click()
        for size in (PHONE, DESKTOP):  # a picture of another size, too
            tab.set_viewport_size(size)
            tab.wait_for_function(CAPTIONS_ARE_APART)


def test_what_has_no_name_is_asked_for(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        start_marking(tab, page)
        tab.get_by_role("button", name="Missed one").click()
        choose(tab, "square")
        tab.get_by_role("button", name="Keep").click()
        tab.get_by_text("Say what it is.").wait_for()
        expect(tab.locator("#mark-label")).to_be_focused()
        tab.keyboard.type("cat")
        keep(tab)
    assert said(only_kept(folder)) == [("missed", "cat")]


def test_what_cannot_be_kept_is_said_and_nothing_is_lost(tab: playwright.Page, folder: Path) -> None:
    with keeping(folder) as page:
        may_complain(tab, "status of 507")
        start_marking(tab, page)
        tab.get_by_role("button", name="Wrong").click()
        folder.rmdir()
        folder.write_text("")  # no folder can be made there
        tab.get_by_role("button", name="Keep").click()
        tab.get_by_text("cannot keep this picture").wait_for()
        folder.unlink()
        keep(tab)
    assert len(Store(folder).kept()) == 1


def test_without_the_option_there_is_no_button(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        tab.wait_for_function("() => document.getElementById('version').textContent")
        expect(tab.get_by_role("button", name="Mark a mistake")).to_be_hidden()
        expect(tab.locator("#mistakes-card")).to_be_hidden()


def offers(folder: Path, count: int) -> None:
    store = Store(folder)
    for number in range(count):
        store.add(replace(offer("low score"), taken_s=1e9 + number), jpeg(40 * number))


def start_review(tab: playwright.Page, page: Page) -> None:
    tab.goto(f"{page.sink.url}review")
    tab.get_by_role("region", name="Picture 1 of").wait_for()


def test_pictures_are_reviewed_one_after_the_other(tab: playwright.Page, folder: Path) -> None:
    offers(folder, 3)
    with keeping(folder) as page:
        open_live(tab, page)
        tab.get_by_role("link", name="Review 3 pictures").click()
        tab.get_by_role("region", name="Picture 1 of 3").wait_for()
        tab.get_by_text("a score just above the threshold").wait_for()
        tab.get_by_role("button", name="All right").click()
        tab.get_by_role("region", name="Picture 2 of 3").wait_for()
        choose(tab, "person")
        tab.get_by_role("button", name="It is a …").click()
        tab.get_by_label("It is a", exact=True).fill("cat")
        tab.keyboard.press("Escape")  # removes nothing here
        tab.get_by_role("button", name="Keep").click()
        tab.get_by_role("region", name="Picture 3 of 3").wait_for()
        tab.get_by_role("button", name="Skip").click()
        tab.get_by_text("Nothing is left to review.").wait_for()
        expect(tab.locator("#to-live")).to_be_focused()
    second, first = Store(folder).kept()  # the newest was shown first, and skipped last is the oldest
    assert said(first) == [("right", "dog"), ("right", "person"), ("right", "dog")]
    assert said(second) == [("relabelled", "cat")]
    assert (first.taken_s, second.taken_s) == (1e9 + 2, 1e9 + 1)
    assert Store(folder).usage().offers == 0


def test_a_picture_that_is_gone_is_passed_over(tab: playwright.Page, folder: Path) -> None:
    offers(folder, 2)
    store = Store(folder)
    may_complain(tab, "status of 404")
    with keeping(folder) as page:
        start_review(tab, page)
        store.remove(store.offers()[0].id)
        tab.get_by_role("button", name="Skip").click()
        tab.get_by_text("Nothing is left to review.").wait_for()


def test_a_review_without_the_option_says_so(tab: playwright.Page) -> None:
    with running() as page:
        tab.goto(f"{page.sink.url}review")
        tab.get_by_text("This detector keeps no mistakes").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(chromium: playwright.Browser, scheme: str, folder: Path) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    offers(folder, 1)

    def complaints() -> list[str]:
        return [rule["id"] for rule in axe.run(tab).response["violations"]]

    with keeping(folder) as page, chromium.new_context(viewport=PHONE, color_scheme=scheme) as context:
        tab = context.new_page()
        start_marking(tab, page)
        assert complaints() == []
        tab.get_by_role("button", name="It is a …").click()
        tab.get_by_role("button", name="Missed one").click()
        assert complaints() == []
        tab.get_by_role("button", name="Keep").click()
        tab.get_by_text("Say what it is.").wait_for()
        assert complaints() == []
        start_review(tab, page)
        assert complaints() == []
        tab.get_by_role("button", name="All right").click()
        tab.get_by_text("Nothing is left to review.").wait_for()
        assert complaints() == []


def test_an_upright_picture_leaves_room_for_what_is_said_of_it_on_a_phone(tab: playwright.Page, folder: Path) -> None:
    upright = replace(CONFIG, size=(360, 640))
    with running(options=f"?mistakes={folder}&unsure=0", config=upright) as page:
        tab.goto(page.sink.url)
        tab.wait_for_selector("#seen li")
        tab.get_by_role("button", name="Mark a mistake").click()
        expect(tab.get_by_role("button", name="Wrong")).to_be_in_viewport(ratio=1)
        expect(tab.locator("#view")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("size", [SMALLEST_PHONE, PHONE, LANDSCAPE, DESKTOP], ids=lambda size: str(size["width"]))
def test_it_fits_every_screen(chromium: playwright.Browser, size: dict[str, int], folder: Path) -> None:
    offers(folder, 1)
    with keeping(folder) as page, chromium.new_context(viewport=size) as context:
        tab = context.new_page()
        start_marking(tab, page)
        tab.get_by_role("button", name="Missed one").click()
        assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        start_review(tab, page)
        assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
