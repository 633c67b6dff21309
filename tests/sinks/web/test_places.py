"""Zones, lines and masks: what the page asks for reaches the run and the configuration file, comments and all."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_detector.config import Config
from edge_detector.running.context import ConfigFile
from edge_detector.running.places import LivePlaces
from edge_detector.sinks.web.places import complaint, version
from edge_detector.sinks.web.places_file import edits, with_edits
from edge_detector.types import Result, VisitChange
from tests import make
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import TOKEN, Answer, FakePlaces, Page, open_page

PROMTOOL = shutil.which("promtool")
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
    assert f"web page: 127.0.0.1 sets 2 zones, 1 line, 1 mask, saved in {file}" in caplog.messages


def test_what_has_not_changed_leaves_the_file_alone(make_context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text(TEXT)
    written_ns = file.stat().st_mtime_ns
    inode = file.stat().st_ino
    with open_page(replace(make_context(), config_file=ConfigFile(file), places=FakePlaces(BEFORE))) as page:
        assert put(page, BEFORE).json["kept"] == f"saved in {file}"
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (written_ns, inode)


def test_what_others_have_changed_since_it_was_read_is_not_replaced(make_context: MakeContext, tmp_path: Path) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text(TEXT)
    places = FakePlaces(BEFORE)
    with open_page(replace(make_context(), config_file=ConfigFile(file), places=places)) as page:
        read = page.ask("/api/places").headers["ETag"]
        theirs = put(page, {"lines": [GATE]}, If_Match=read)
        assert (theirs.status, theirs.headers["ETag"]) == (200, page.ask("/api/places").headers["ETag"])
        text = file.read_text()
        refused = put(page, {"zones": [DOOR]}, If_Match=read)
        assert (refused.status, refused.json) == (
            412,
            {
                "error": "not saved: the zones, lines and masks have changed since they were read; "
                "read them again, or send no If-Match to replace them all the same"
            },
        )
        assert (places.now, file.read_text()) == ({**BEFORE, "lines": [GATE]}, text)
        assert put(page, {"zones": [DOOR]}, If_Match=theirs.headers["ETag"]).status == 200
    assert places.now == {**BEFORE, "zones": [DOOR], "lines": [GATE]}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 200),
        ({"If_Match": "*"}, 200),
        ({"If_Match": '"other", {}'}, 200),
        ({"If_Match": "W/{}"}, 200),  # a proxy that compresses answers makes it weak
        ({"If_Match": '"other"'}, 412),
        ({"If_Match": "no quotes"}, 412),
    ],
)
def test_who_sends_no_version_replaces_what_is_there(
    make_context: MakeContext, sent: dict[str, str], status: int
) -> None:
    with open_page(replace(make_context(), places=FakePlaces(BEFORE))) as page:
        read = page.ask("/api/places").headers["ETag"]
        headers = {name: value.format(read) for name, value in sent.items()}
        assert put(page, {"lines": [GATE]}, **headers).status == status


def test_tables_have_one_version_each() -> None:
    assert version({**BEFORE, "editable": True}) == version(json.loads(json.dumps(BEFORE)))
    others = [{**BEFORE, "zones": [DOOR]}, {**BEFORE, "lines": [GATE]}, {**BEFORE, "zones": [YARD, DOOR]}]
    assert len({version(each) for each in (BEFORE, *others)}) == 4


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


POLYGON = MASK["polygon"]
LINE = GATE["points"]


@pytest.mark.parametrize(
    ("kind", "table", "field", "words"),
    [
        ("zones", {"name": "", "polygon": POLYGON}, "name", "expected a word or two on one line"),
        ("zones", {"name": "door", "polygon": POLYGON}, "name", "zone 'door' and zone 'door' have one name"),
        ("lines", {"name": "yard", "points": LINE}, "name", "zone 'yard' and line 'yard' have one name"),
        ("zones", {"name": "a", "polygon": POLYGON, "dwell": "3 parsecs"}, "dwell", "expected a duration such as"),
        ("zones", {"name": "a", "polygon": POLYGON, "hours": "22"}, "hours", "such as 22:00-06:00"),
        ("zones", {"name": "a", "polygon": POLYGON, "min_size": "3"}, "min_size", "expected a share of the picture's"),
        ("zones", {"name": "a", "polygon": POLYGON, "classes": ["cow"]}, "classes", "the model has no such class"),
        ("zones", {"name": "a", "polygon": [[0, 0], [1, 1], [2, 2]]}, "polygon", "point 3 is [2, 2], outside"),
        ("lines", {"name": "a", "points": [[0, 0], [0, 0]]}, "points", "it has no length"),
        (
            "lines",
            {"name": "a", "points": LINE, "directions": ["in", ""]},
            "directions",
            "expected two different words",
        ),
        ("lines", {"name": "a", "points": LINE, "directions": ["w", "e"], "only": "in"}, "only", "unknown direction"),
        ("masks", {"kind": "black", "polygon": POLYGON}, "kind", "unknown kind of mask 'black'"),
    ],
)
def test_an_answer_names_the_value_that_is_to_blame(
    make_context: MakeContext, kind: str, table: dict[str, Any], field: str, words: str
) -> None:
    places = LivePlaces(Config(), lambda: ("person", "dog"))
    places.replace(BEFORE)
    with open_page(replace(make_context(), places=places)) as page:
        answer = put(page, {kind: [*BEFORE[kind], table, {"later": "wrong, too"}]})
    error = answer.json.pop("error")
    assert words in error
    assert answer.json == {"error": error, "kind": kind, "index": len(BEFORE[kind]), "field": field}
    assert [zone.name for zone in places.places.zones] == ["door", "yard"]


def test_a_value_that_is_missing_has_no_field(make_context: MakeContext) -> None:
    places = LivePlaces(Config(), lambda: ("person", "dog"))
    with open_page(replace(make_context(), places=places)) as page:
        answer = put(page, {"zones": [{"polygon": POLYGON}]})
    assert answer.json == {"error": "zones 1: name is missing", "kind": "zones", "index": 0}


def test_of_many_places_the_wrong_one_is_found(make_context: MakeContext) -> None:
    zones = [{"name": f"zone {number}", "polygon": POLYGON} for number in range(300)]
    places = LivePlaces(Config(), lambda: ("person", "dog"))
    for index in (0, 1, 150, 298, 299):
        wrong = [*zones[:index], {**zones[index], "min_size": 7}, *zones[index + 1 :]]
        assert complaint({"zones": wrong}, places)["index"] == index
    assert complaint({"zones": zones}, places) == {}


# Counts.


def at_places(number: int, *changes: VisitChange) -> Result:
    return replace(make.result(number), visits=changes)


@pytest.fixture
def counted() -> LivePlaces:
    """A door and a gate: three persons have come in, and two dogs have gone out."""
    places = LivePlaces(Config(), lambda: make.LABELS)
    places.replace({"zones": [DOOR, {**YARD, "classes": ["cat"]}], "lines": [GATE]})
    person, dog = make.visit(label="person"), make.visit(label="dog")
    changes = [VisitChange("entered", person, "door"), VisitChange("crossed", person, "gate", "in")] * 3
    changes += [VisitChange("crossed", dog, "gate", "out")] * 2 + [VisitChange("left", person, "door")]
    assert len(list(places.counted([at_places(0, *changes)]))) == 1
    return places


def test_the_status_tells_what_was_counted(make_context: MakeContext, counted: LivePlaces) -> None:
    with open_page(replace(make_context(), places=counted)) as page:
        assert page.ask("/api/status").json["counts"] == [
            {"kind": "zone", "name": "door", "entered": {"person": 3}},
            {"kind": "zone", "name": "yard", "entered": {}},
            {"kind": "line", "name": "gate", "crossed": {"in": {"person": 3}, "out": {"dog": 2}}},
        ]
    with open_page(make_context()) as page:
        assert page.ask("/api/status").json["counts"] == []


def counters(page: Page) -> list[str]:
    lines = page.ask("/metrics").text.splitlines()
    places = (line for line in lines if "zone_visits_total{" in line or "_crossings_" in line)
    return [line.removeprefix("edge_detector_") for line in places]


def test_the_metrics_count_by_class_and_direction_from_zero(make_context: MakeContext, counted: LivePlaces) -> None:
    with open_page(replace(make_context(), places=counted)) as page:
        page.sink.write(make.result(1, ((0.0, 0.0, 9.0, 9.0), 0.9, 1)))  # a dog
        text = page.ask("/metrics").text
        assert [line for line in counters(page) if not line.startswith("#")] == [
            'zone_visits_total{label="dog",zone="door"} 0.0',
            'zone_visits_total{label="person",zone="door"} 3.0',
            'zone_visits_total{label="cat",zone="yard"} 0.0',
            'line_crossings_total{direction="in",label="dog",line="gate"} 0.0',
            'line_crossings_total{direction="out",label="dog",line="gate"} 2.0',
            'line_crossings_total{direction="in",label="person",line="gate"} 3.0',
        ]
    assert "# TYPE edge_detector_zone_visits_total counter\n" in text
    assert "# TYPE edge_detector_line_crossings_total counter\n" in text


@pytest.mark.skipif(PROMTOOL is None, reason="needs promtool: apt-get install prometheus")
def test_promtool_finds_nothing_to_complain_of_in_the_counts(make_context: MakeContext, counted: LivePlaces) -> None:
    with open_page(replace(make_context(), places=counted)) as page:
        metrics = page.ask("/metrics").body
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=metrics, capture_output=True, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_page_that_moves_a_place_keeps_its_counts(make_context: MakeContext, counted: LivePlaces) -> None:
    with open_page(replace(make_context(), places=counted)) as page:
        put(page, {"zones": [{**DOOR, "polygon": YARD["polygon"]}], "lines": []})
        assert page.ask("/api/status").json["counts"] == [{"kind": "zone", "name": "door", "entered": {"person": 3}}]
