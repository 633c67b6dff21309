"""The settings in a real browser: detection on and off, what is changed rarely, and the way to another model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edge_detector.running.context import ConfigFile
from edge_detector.running.model_change import ModelChange
from tests.command import started
from tests.sinks.web.pages import TOKEN
from tests.sinks.web.test_browser import (
    CHROMIUM,
    DESKTOP,
    PHONE,
    SMALLEST_PHONE,
    address_of,
    change_detection,
    chromium,
    expect,
    open_live,
    playwright,
    running,
    tab,
)
from tests.sinks.web.test_history import VIEWER

__all__ = ["chromium", "tab"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: apt-get install chromium")


@dataclass
class FakeModels:
    """The way to another model, as a test says; each request is carried out at once."""

    change: ModelChange = field(default_factory=ModelChange)
    asked: int = 0
    to_come: ModelChange = field(default_factory=lambda: ModelChange(reloaded="nothing has changed"))

    def request(self) -> None:
        self.asked += 1
        self.change = replace(self.to_come, reloads=self.asked)


def open_settings(tab: playwright.Page) -> None:
    tab.get_by_text("What is detected", exact=True).click()


def open_more(tab: playwright.Page) -> None:
    if not tab.get_by_role("slider", name="Confidence").is_visible():
        open_settings(tab)
    tab.get_by_text("More", exact=True).click()


def test_detection_goes_off_after_a_question_and_the_page_says_so(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        expect(tab.locator("#detection-off")).to_be_hidden()
        open_settings(tab)
        switch = tab.get_by_role("switch", name="Detection")
        switch.press(" ")
        tab.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        assert page.context.detector.is_on
        switch.press("Enter")
        tab.get_by_role("dialog").get_by_role("button", name="Change for everybody").click()
        tab.locator("#detection-off", has_text="Detection is off").wait_for()
        assert not page.context.detector.is_on
        expect(switch).to_have_attribute("aria-checked", "false")
        tab.locator("#seen-none", has_text="Detection is off").wait_for()
        tab.locator("#chart-fps .value", has_text="Off").wait_for()
        expect(tab.locator("#chart-fps .hint")).to_contain_text("detection is off")
        expect(tab.locator("#detection-now")).to_have_text("Nothing: detection is off")
        expect(tab.locator("#state")).to_have_text("Live")  # the picture is
        tab.get_by_role("button", name="Switch on").click()
        tab.locator("#detection-off").wait_for(state="hidden")
        tab.wait_for_selector("#seen li")
        assert page.context.detector.is_on
        expect(tab.locator("#detecting")).to_be_focused()


def test_somebody_elses_switch_reaches_the_page(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        page.context.detector.is_on = False  # as Home Assistant does
        tab.locator("#detection-off").wait_for()
        page.context.detector.is_on = True
        tab.locator("#detection-off").wait_for(state="hidden")


def test_who_may_only_look_sees_the_state_and_no_way_to_change_it(tab: playwright.Page, tmp_path: Path) -> None:
    for name, token in (("owner", TOKEN), ("viewer", VIEWER)):
        (tmp_path / name).write_text(token)
        (tmp_path / name).chmod(0o600)
    options = f"?token_file={tmp_path / 'owner'}&viewer_token_file={tmp_path / 'viewer'}"
    with running(options=options, models=FakeModels()) as page:
        tab.goto(f"{page.sink.url}?token={VIEWER}")
        tab.wait_for_selector("#state[data-state=live]")
        page.context.detector.is_on = False
        tab.locator("#detection-off", has_text="Detection is off").wait_for()
        expect(tab.get_by_role("button", name="Switch on")).to_be_hidden()
        open_settings(tab)
        expect(tab.get_by_role("switch", name="Detection")).to_be_disabled()
        expect(tab.get_by_role("button", name="Change …")).to_be_hidden()
        tab.locator("#model-running", has_text="fake").wait_for()
        expect(tab.get_by_role("button", name="Take the new model")).to_be_hidden()


def test_overlap_and_number_are_changed_and_saved_alone(tab: playwright.Page, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text("iou = 0.6\n")
    with running(config_file=ConfigFile(file)) as page:
        open_live(tab, page)
        open_more(tab)
        tab.get_by_role("slider", name="Overlap").fill("45")
        tab.get_by_role("spinbutton", name="Objects in a picture").fill("12")
        tab.get_by_role("button", name="Change …").click()
        expect(tab.locator("#confirm-from")).to_have_text(
            "50% or more, all classes; overlap up to 60%; at most 100 objects"
        )
        expect(tab.locator("#confirm-to")).to_have_text(
            "50% or more, all classes; overlap up to 45%; at most 12 objects"
        )
        tab.get_by_role("dialog").get_by_role("button", name="Change for everybody").click()
        tab.get_by_text(f"Changed; saved in {file}.").wait_for()
        thresholds = page.context.detector.thresholds
        assert (thresholds.iou, thresholds.max_detections) == (0.45, 12)
    assert file.read_text() == "iou = 0.45\nmax_detections = 12\n"


def test_only_what_the_user_has_changed_is_sent(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        open_settings(tab)
        tab.get_by_role("slider", name="Confidence").fill("42")
        thresholds = page.context.detector.thresholds
        page.context.detector.thresholds = replace(thresholds, iou=0.4, classes=("square",))  # somebody else, meanwhile
        tab.locator("#detection-now", has_text="square").wait_for()
        tab.get_by_role("button", name="Change …").click()
        expect(tab.locator("#confirm-to")).to_have_text("42% or more, square")
        with tab.expect_request(lambda request: request.method == "PATCH") as sent:
            tab.get_by_role("dialog").get_by_role("button", name="Change for everybody").click()
        assert sent.value.post_data_json == {"confidence": 0.42}
        tab.get_by_text("Changed; ").wait_for()
        assert page.context.detector.thresholds == replace(thresholds, confidence=0.42, iou=0.4, classes=("square",))


def test_what_is_changed_and_changed_back_is_not_sent(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        open_settings(tab)
        for value in ("42", "50"):
            tab.get_by_role("slider", name="Confidence").fill(value)
        tab.get_by_role("button", name="Change …").click()
        tab.locator("#saved", has_text="Nothing to change").wait_for()
        expect(tab.get_by_role("dialog")).to_be_hidden()
        expect(tab.get_by_role("button", name="Change …")).to_be_disabled()


def test_the_headline_names_every_limit(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        now = page.context.detector.thresholds
        page.context.detector.thresholds = replace(now, class_confidence={"square": 0.34}, max_detections=1)
        said = "50% or more, all classes; square 34% or more; at most 1 object"
        tab.wait_for_function("(said) => document.getElementById('detection-now').textContent === said", arg=said)


def test_a_class_gets_a_confidence_of_its_own_and_loses_it(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        open_more(tab)
        change_detection(tab, lambda: add_score(tab, "square", "85"))
        tab.get_by_text("Changed; ").wait_for()
        assert page.context.detector.thresholds.class_confidence == {"square": 0.85}
        change_detection(tab, tab.get_by_role("button", name="Remove square").click)
        tab.wait_for_function("() => document.getElementById('apply').disabled")
        assert not page.context.detector.thresholds.class_confidence


def add_score(tab: playwright.Page, name: str, percent: str) -> None:
    tab.get_by_role("combobox", name="Add a class with a confidence of its own").select_option(name)
    expect(tab.get_by_role("spinbutton", name=name)).to_be_focused()
    tab.get_by_role("spinbutton", name=name).fill(percent)


def test_an_impossible_number_is_not_sent(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        before = page.context.detector.thresholds
        open_more(tab)
        tab.get_by_role("spinbutton", name="Objects in a picture").fill("0")
        tab.get_by_role("button", name="Change …").click()
        expect(tab.get_by_role("dialog")).to_be_hidden()
        tab.get_by_role("button", name="Discard").click()
        expect(tab.get_by_role("spinbutton", name="Objects in a picture")).to_have_value("100")
        assert page.context.detector.thresholds == before


SHADOW = ModelChange("shadow", "cats-2", 12, 50, agreement=0.94, new_ms=31.2, running_ms=30.8, reloads=1)


def test_the_way_to_another_model_is_shown(tab: playwright.Page) -> None:
    models = FakeModels(to_come=ModelChange("loading", "cats-2", 0, 50))
    with running(models=models) as page:
        open_live(tab, page)
        take = tab.get_by_role("button", name="Take the new model")
        take.press("Enter")
        tab.get_by_text("cats-2 is loaded and tried on a grey picture. fake goes on meanwhile.").wait_for()
        expect(take).to_be_disabled()
        assert models.asked == 1
        models.change = SHADOW
        tab.get_by_text("12 of 50 pictures").wait_for()
        tab.get_by_text("They agree in 94% of the boxes. One picture takes 31.2 ms instead of 30.8 ms.").wait_for()
        expect(tab.get_by_role("progressbar")).to_have_js_property("value", 12)
        expect(tab.get_by_role("progressbar")).to_have_js_property("max", 50)
        models.change = replace(SHADOW, phase="trial", frames=3)
        tab.get_by_text("cats-2 works now. The model before it stays in memory").wait_for()
        said = "model cats-2 stays; cats is gone"
        models.change = replace(SHADOW, phase="none", model="", frames=0, wanted_frames=0, said=said, done=1)
        tab.get_by_text(
            "Model cats-2 stays; cats is gone. They agreed in 94% of the boxes. One picture took"
        ).wait_for()
        expect(take).to_be_enabled()
        expect(tab.get_by_role("progressbar")).to_be_hidden()


def test_a_new_model_that_misses_what_the_old_one_finds_is_named_on_the_page(tab: playwright.Page) -> None:
    warned = "cats-2: nothing found in 4 of 49 frames in which fake finds something"
    models = FakeModels(replace(SHADOW, phase="trial", warned=warned))
    with running(models=models) as page:
        open_live(tab, page)
        tab.locator("#model-agreement", has_text=f"Look at what it misses: {warned}.").wait_for()
        said = "model cats-2 stays; cats is gone"
        models.change = replace(models.change, phase="none", model="", said=said, done=1)
        tab.locator("#model-said", has_text=f"Look at what it misses: {warned}.").wait_for()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ModelChange(said="new model cats-2 fails: NaN; back to cats", returned=1),
            "New model cats-2 fails: NaN; back to cats.",
        ),
        (
            ModelChange(said="new model cats-2 is refused: too slow; cats goes on", refused=1),
            "New model cats-2 is refused: too slow; cats goes on.",
        ),
        (
            ModelChange(said="reload: e.toml: not valid TOML; everything stays as it was", refused=1),
            "Reload: e.toml: not valid TOML; everything stays as it was.",
        ),
    ],
)
def test_a_model_that_comes_to_nothing_says_why(tab: playwright.Page, change: ModelChange, said: str) -> None:
    with running(models=FakeModels(to_come=change)) as page:
        open_live(tab, page)
        tab.get_by_role("button", name="Take the new model").click()
        tab.locator("#model-said.complaint", has_text=said).wait_for()
        expect(tab.get_by_role("button", name="Take the new model")).to_be_enabled()


def test_a_run_that_cannot_get_another_model_has_no_card(tab: playwright.Page) -> None:
    with running() as page:
        open_live(tab, page)
        tab.wait_for_function("() => document.getElementById('version').textContent")
        expect(tab.locator("#model-card")).to_be_hidden()


def test_a_reload_from_the_page_of_a_real_run_says_what_has_changed(tab: playwright.Page, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text('source = "synthetic"\nruntime = "fake"\nsinks = ["web:127.0.0.1:0"]\n')
    with started("--config", file) as process:
        tab.goto(address_of(process))
        tab.wait_for_selector("#state[data-state=live]")
        take = tab.get_by_role("button", name="Take the new model")
        take.click()
        tab.get_by_text("There is no other model: nothing has changed.").wait_for()
        file.write_text("confidence = 0.25\n" + file.read_text())
        take.click()
        tab.get_by_text("There is no other model: confidence = 0.25.").wait_for()
        tab.locator("#detection-now", has_text="25% or more").wait_for(state="attached")
        file.write_text("confidence = \n")
        take.click()
        tab.locator("#model-said.complaint", has_text="not valid TOML").wait_for()
    tab.wait_for_selector("#state[data-state=lost]")


@pytest.fixture
def complaints() -> Iterator[object]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python").Axe()
    return lambda tab: [rule["id"] for rule in axe.run(tab).response["violations"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_to_complain_of(
    chromium: playwright.Browser, scheme: str, size: dict[str, int], complaints
) -> None:
    models = FakeModels(SHADOW)
    with running(models=models) as page, chromium.new_context(viewport=size, color_scheme=scheme) as context:
        tab = context.new_page()
        open_live(tab, page)
        open_more(tab)
        add_score(tab, "square", "85")
        tab.get_by_role("progressbar").wait_for()
        assert complaints(tab) == []
        tab.get_by_role("switch", name="Detection").click()
        assert complaints(tab) == []
        tab.get_by_role("dialog").get_by_role("button", name="Change for everybody").click()
        tab.locator("#detection-off").wait_for()
        models.change = ModelChange(said="new model cats-2 fails: NaN; back to cats", returned=1)
        tab.locator("#model-said.complaint").wait_for()
        assert complaints(tab) == []


@pytest.mark.parametrize("size", [SMALLEST_PHONE, PHONE, DESKTOP], ids=lambda size: str(size["width"]))
def test_it_fits_every_screen_and_every_finger(chromium: playwright.Browser, size: dict[str, int]) -> None:
    with running(models=FakeModels(SHADOW)) as page, chromium.new_context(viewport=size) as context:
        tab = context.new_page()
        open_live(tab, page)
        page.context.detector.is_on = False
        open_more(tab)
        add_score(tab, "triangle", "85")
        tab.locator("#detection-off").wait_for()
        assert tab.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
        note, view = (tab.locator(each).bounding_box() for each in ("#detection-off", "#view"))
        assert view["x"] <= note["x"]
        assert note["x"] + note["width"] <= view["x"] + view["width"]
        boxes = [each.bounding_box() for each in tab.locator(".side button:visible, #detection-off button").all()]
        assert min(box["height"] for box in boxes) >= 44
