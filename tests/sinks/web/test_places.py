"""Zones, lines and masks: what the page asks for reaches the run and the configuration file, comments and all."""

from __future__ import annotations

import json
import logging
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_detector.running.context import ConfigFile
from edge_detector.sinks.web.places_file import edits, with_edits
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import TOKEN, Answer, FakePlaces, Page, open_page

TEXT = """\
confidence = 0.4  # low

# The front door.
[[zones]]
name = "door"  # faces the street
polygon = [
  [0.1, 0.2],  # upper left
  [0.5, 0.2]
  ,
  [0.5, 0.9],
]
dwell = "3s"  # the bell rings then

[[zones]]  # behind the house
name = "yard"
polygon = [[0.6, 0.1], [0.9, 0.1], [0.9, 0.5]]

# The neighbours.
[[masks]]
kind = "privacy"
polygon = [[0, 0], [0.1, 0], [0.1, 1]]

# Not so often.
[class_confidence]
person = 0.6  # the last line
"""
DOOR = {"name": "door", "polygon": [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9]], "dwell": "3s"}
YARD = {"name": "yard", "polygon": [[0.6, 0.1], [0.9, 0.1], [0.9, 0.5]]}
MASK = {"kind": "privacy", "polygon": [[0.0, 0.0], [0.1, 0.0], [0.1, 1.0]]}
GATE = {"name": "gate", "points": [[0.2, 0.5], [0.8, 0.5]]}
BEFORE: dict[str, list[dict[str, Any]]] = {"zones": [DOOR, YARD], "lines": [], "masks": [MASK]}


def changed(**after: list[dict[str, Any]]) -> str:
    """The text with other tables; the change can be read back."""
    text = with_edits(TEXT, edits(BEFORE, {**BEFORE, **after}))
    assert tomllib.loads(text) == {**tomllib.loads(TEXT), **after}
    return text


def test_a_corner_that_moves_changes_its_own_lines_only() -> None:
    moved = [[0.1, 0.2], [0.5, 0.25], [0.5, 0.9]]
    first, last = TEXT.index("polygon = ["), TEXT.index("dwell")
    expected = f"{TEXT[:first]}polygon = {moved}\n{TEXT[last:]}"
    assert changed(zones=[{**DOOR, "polygon": moved}, YARD]) == expected


def test_what_is_left_out_goes_and_what_is_new_comes_at_the_end_of_its_table() -> None:
    text = changed(zones=[{"name": "door", "polygon": DOOR["polygon"], "classes": ["dog"]}, YARD])
    assert text == TEXT.replace('dwell = "3s"  # the bell rings then\n', 'classes = ["dog"]\n')


def test_a_new_name_keeps_the_comments_of_the_table() -> None:
    assert changed(zones=[{**DOOR, "name": "gate"}, YARD]) == TEXT.replace('"door"', '"gate"')


def test_a_moved_mask_keeps_the_comments_of_the_table() -> None:
    text = changed(masks=[{**MASK, "polygon": [[0.0, 0.0], [0.2, 0.0], [0.1, 1.0]]}])
    assert text == TEXT.replace("[[0, 0], [0.1, 0], [0.1, 1]]", "[[0.0, 0.0], [0.2, 0.0], [0.1, 1.0]]")


def test_a_removed_table_leaves_the_comments_around_it() -> None:
    first, last = TEXT.index("[[zones]]  # behind"), TEXT.index("\n# The neighbours")
    assert changed(zones=[DOOR]) == TEXT[:first] + TEXT[last:]


def test_a_new_table_follows_the_last_of_its_kind() -> None:
    new = {"name": "a", "polygon": MASK["polygon"]}
    entry = '\n[[zones]]\nname = "a"\npolygon = [[0.0, 0.0], [0.1, 0.0], [0.1, 1.0]]\n'
    at = TEXT.index("\n# The neighbours")
    assert changed(zones=[DOOR, YARD, new]) == TEXT[:at] + entry + TEXT[at:]


def test_the_first_of_its_kind_comes_at_the_end_of_the_file() -> None:
    assert changed(lines=[GATE]) == f'{TEXT}\n[[lines]]\nname = "gate"\npoints = [[0.2, 0.5], [0.8, 0.5]]\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[[lines]]\nname = "gate"\npoints = [[0.2, 0.5], [0.8, 0.5]]\n'),
        ("fps = 5.0", 'fps = 5.0\n\n[[lines]]\nname = "gate"\npoints = [[0.2, 0.5], [0.8, 0.5]]\n'),
        ("# end\r\n", '# end\r\n\r\n[[lines]]\r\nname = "gate"\r\npoints = [[0.2, 0.5], [0.8, 0.5]]\r\n'),
    ],
)
def test_a_file_without_tables_gets_one(before: str, after: str) -> None:
    nothing: dict[str, list[dict[str, Any]]] = {"zones": [], "lines": [], "masks": []}
    assert with_edits(before, edits(nothing, {**nothing, "lines": [GATE]})) == after


def test_without_its_tables_a_file_keeps_its_comments() -> None:
    text = with_edits(TEXT, edits(BEFORE, {"zones": [], "lines": [], "masks": []}))
    assert tomllib.loads(text) == {"confidence": 0.4, "class_confidence": {"person": 0.6}}
    assert [line for line in TEXT.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if line.startswith("#")
    ]


def test_a_zone_that_somebody_has_written_into_the_file_meanwhile_stays() -> None:
    by_hand = TEXT + '\n[[zones]]\nname = "by hand"\npolygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]\n'
    text = with_edits(by_hand, edits(BEFORE, {**BEFORE, "zones": [DOOR]}))
    assert [zone["name"] for zone in tomllib.loads(text)["zones"]] == ["door", "by hand"]


def test_tables_on_one_line_are_an_error_and_not_damaged() -> None:
    with pytest.raises(ValueError, match="not written as tables"):
        with_edits("zones = []\n", edits({**BEFORE, "zones": []}, BEFORE))


def put(page: Page, tables: object, **headers: str) -> Answer:
    body = tables if isinstance(tables, str) else json.dumps(tables)
    return page.ask("/api/places", method="PUT", body=body, **{"content_type": "application/json", **headers})


def test_the_page_changes_the_run_and_its_file(
    make_context: MakeContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text(TEXT)
    places = FakePlaces(BEFORE)
    context = replace(make_context(), config_file=ConfigFile(file), places=places)
    with open_page(context) as page, caplog.at_level(logging.INFO):
        assert page.ask("/api/places").json == {**BEFORE, "editable": True, "kept": f"saved in {file}"}
        answer = put(page, {"lines": [GATE]})
        assert answer.json == {**BEFORE, "lines": [GATE], "editable": True, "kept": f"saved in {file}"}
    assert places.now == {**BEFORE, "lines": [GATE]}
    assert tomllib.loads(file.read_text()) == {**tomllib.loads(TEXT), "lines": [GATE]}
    assert f"web page: 127.0.0.1 sets 2 zones, 1 lines, 1 masks, saved in {file}" in caplog.messages


def test_what_has_not_changed_leaves_the_file_alone(make_context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text(TEXT)
    written_ns = file.stat().st_mtime_ns
    inode = file.stat().st_ino
    with open_page(replace(make_context(), config_file=ConfigFile(file), places=FakePlaces(BEFORE))) as page:
        assert put(page, BEFORE).json["kept"] == f"saved in {file}"
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (written_ns, inode)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"zones": [{"name": "door", "polygon": [[0, 0], [1, 1]]}]}, "its polygon has 2 points"),
        ({"zone": []}, "did you mean 'zones'?"),
        ({"zones": {}}, "zones: expected a list of objects"),
        ({"zones": ["door"]}, "zones: expected a list of objects"),
        ([], "places: expected an object"),
        ('{"zones": [{"name": "a", "polygon": [[NaN, 0]]}]}', "NaN is no number"),
        ("{", "Expecting property name"),
        ("[" * 60_000, "recursion"),
    ],
)
def test_places_that_cannot_be_used_change_nothing(make_context: MakeContext, body: object, complaint: str) -> None:
    places = FakePlaces()
    with open_page(replace(make_context(), places=places)) as page:
        answer = put(page, body)
    assert answer.status == 400
    assert complaint in answer.json["error"]
    assert places == FakePlaces()


def test_a_run_without_places_says_so(make_context: MakeContext) -> None:
    with open_page(make_context()) as page:
        assert page.ask("/api/places").json["editable"] is False
        assert put(page, BEFORE).status == 409


def test_the_rules_of_the_settings_hold_for_places(make_context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o600)
    places = FakePlaces()
    with open_page(replace(make_context(), places=places), f"web:127.0.0.1:0?token_file={file}") as page:
        token = f"Bearer {TOKEN}"
        assert put(page, BEFORE).status == page.ask("/api/places").status == 401
        assert put(page, BEFORE, authorization=token, origin="http://evil.example").status == 403
        assert put(page, BEFORE, authorization=token, content_type="text/plain").status == 415
        assert put(page, {"zones": [{"name": "x" * 70_000}]}, authorization=token).status == 413
        assert places == FakePlaces()
        assert put(page, BEFORE, authorization=token).status == 200
    assert places.now == BEFORE
