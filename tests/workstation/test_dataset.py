"""The command dataset: what it prints, writes and exits with, and the page in a browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_detector.cli import main
from edge_detector.workstation import dataset, extras
from edge_detector.workstation.data.grouping import DEFAULT_GROUPINGS, GROUPINGS
from tests.workstation.data.sets import voc_set, voc_xml

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CAT = ("cat", 8, 12, 40, 36)
DOG = ("dog", 0, 0, 64, 48)
FLAT = ("dog", 9, 9, 9, 20)


@pytest.fixture
def flawed(tmp_path: Path) -> Path:
    return voc_set(tmp_path / "set", [[CAT], [DOG, CAT], [FLAT], []])


def test_check_prints_a_table_and_fails_for_errors(flawed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "check", str(flawed)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[:8] == [
        f"{flawed}: voc, 4 photographs",
        "",
        "part  photographs  without objects  objects",
        "all   4            1                4",
        "",
        "class  photographs  objects  median side in 320x320  tiny",
        "cat    2            2        160 px                  0",
        "dog    2            2        160 px                  1",
    ]
    assert "ERROR  box without area: 1" in said
    assert said[-1] == "1 error to mend before training, 2 things to know"


def test_check_succeeds_without_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "check", str(voc_set(tmp_path / "set", [[CAT]] * 20))]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "nothing is wrong"


def test_json_has_everything(flawed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "check", str(flawed), "--json", str(tmp_path / "check.json")]) == 1
    content = json.loads((tmp_path / "check.json").read_text())
    assert content["datasets"] == [{"path": str(flawed), "format": "voc", "photographs": 4, "exhaustive": None}]
    assert content["parts"] == {"all": {"photographs": 4, "without_objects": 1, "objects": 4}}
    assert content["failed"] is True
    assert content["problems"][0]["kind"] == "box without area"
    assert {each["name"]: each["objects"] for each in content["classes"]} == {"cat": {"all": 2}, "dog": {"all": 2}}


def test_split_then_check_finds_no_leak(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]] * 5 + [[DOG]] * 5)
    shutil.copy(folder / "images/shot0.png", folder / "images/shot1.png")
    words = ["dataset", "split", str(folder), "--output", str(tmp_path / "parts"), "--fractions", "0.6", "0.4"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "photographs      6      4" in said
    assert "1 group of photographs that belong together:" in said
    assert "shot0.png, shot1.png" in said
    assert main(["dataset", "check", str(tmp_path / "parts")]) == 0


def test_convert_says_what_it_left_out(flawed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "convert", str(flawed), "--format", "yolo", "--output", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out'}: yolo, 4 photographs; boxes without area left out: 1\n"


@pytest.mark.parametrize(
    ("words", "message", "exit_code"),
    [
        ((), "the following arguments are required: ACTION; see edge-detector dataset --help", 2),
        (("chek", "x"), "invalid choice: 'chek'", 2),
        (("check", "no/such"), "no/such: there is no such file or folder", 78),
        (("check", "x", "--image-size", "0"), "--image-size is 0; expected 1 or more", 78),
        (("check", "x", "--pictures", "-1"), "--pictures is -1; expected 0 or more", 78),
        (("split", "x", "--output", "y", "--seed", "-1"), "--seed is -1; expected 0 or more", 78),
        (("split", "x", "--output", "y", "--fractions", "2"), "--fractions 2: expected two or three", 78),
        (("convert", "x", "--format", "vok", "--output", "y"), "invalid choice: 'vok'", 2),
    ],
)
def test_wrong_words_are_one_line(
    words: tuple[str, ...], message: str, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dataset", *words]) == exit_code
    (said,) = capsys.readouterr().err.splitlines()
    assert message in said


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    assert main(["dataset", "check", "x"]) == 78
    assert capsys.readouterr().err.endswith("not installed here: pip install 'edge-detector[workstation]'\n")


def test_the_groupings_of_the_command_are_those_of_the_table() -> None:
    assert [*GROUPINGS, dataset.NOTHING] == list(dataset.GROUPING_NAMES)
    assert list(DEFAULT_GROUPINGS) == list(dataset.DEFAULT_GROUPINGS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    if CHROMIUM is None:
        pytest.skip("needs a browser: apt-get install chromium")
    with playwright.sync_playwright() as driver, driver.chromium.launch(executable_path=CHROMIUM) as browser:
        yield browser


@pytest.fixture
def page(flawed: Path, tmp_path: Path, chromium: Any, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    assert main(["dataset", "check", str(flawed), "--page", str(tmp_path / "check.html")]) == 1
    shown = chromium.new_page(viewport={"width": 390, "height": 844})
    errors: list[Any] = []
    shown.on("pageerror", lambda error: errors.append(error))
    shown.goto((tmp_path / "check.html").as_uri())
    yield shown
    shown.close()
    assert errors == []


def test_the_page_shows_every_picture_those_with_errors_first(page: Any) -> None:
    names = page.locator(".grid figcaption span:first-child").all_text_contents()
    assert names[0] == "shot2.png"
    assert sorted(names) == [f"shot{number}.png" for number in range(4)]
    assert page.locator(".grid figure").first.locator("rect.drawn.bad").count() == 1  # where the box has no area
    assert page.locator("rect.drawn:not(.bad)").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_works_by_keyboard(page: Any) -> None:
    page.locator(".look").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("dialog .about").inner_text().startswith("shot2.png")
    page.keyboard.press("ArrowRight")
    assert not page.locator("dialog .about").inner_text().startswith("shot2.png")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    assert page.evaluate("document.activeElement.closest('figure').dataset.problems") != "0"


def test_the_filters_leave_what_was_asked_for(page: Any) -> None:
    def visible() -> int:
        return int(page.locator(".grid figure:not([hidden])").count())

    page.locator("#of-class").select_option("cat")
    assert (visible(), page.locator("#count").text_content()) == (2, "2 of 4 pictures")
    page.locator("#of-class").select_option(label="without objects")
    assert visible() == 1
    page.locator("#of-class").select_option(label="all")
    page.get_by_label("with something found only").check()
    assert visible() == 1


def test_the_page_is_accessible(page: Any) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    found = axe.Axe().run(page)
    assert [each["id"] for each in found.response["violations"]] == []


def test_names_of_classes_are_text_to_the_page(
    tmp_path: Path, chromium: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    name = '<b onclick=x>it\'s  "2"</b>'
    folder = voc_set(tmp_path / "set", [[CAT], [CAT]])
    (folder / "annotations/shot0.xml").write_text(voc_xml((name.replace("<", "&lt;"), *CAT[1:])))
    assert main(["dataset", "check", str(folder), "--page", str(tmp_path / "check.html")]) == 0
    shown = chromium.new_page()
    shown.goto((tmp_path / "check.html").as_uri())
    shown.locator("#of-class").select_option(name)
    assert shown.locator(".grid figure:not([hidden]) text").text_content() == name
    shown.close()


def test_a_page_without_pictures(flawed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "check", str(flawed), "--page", str(tmp_path / "check.html"), "--pictures", "0"]) == 1
    assert "<figure" not in (tmp_path / "check.html").read_text()
