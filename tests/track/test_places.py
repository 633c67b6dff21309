"""Zones, lines and masks as they are written in the file, and what is said of mistakes in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector import polygon
from edge_detector.config import Config, dump, load
from edge_detector.errors import ConfigError
from edge_detector.hours import Hours
from edge_detector.options import build
from edge_detector.track.places import Line, Mask, Places, Zone, check_classes, to_table

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "zones.md"
TRIANGLE = ((0.1, 0.2), (0.9, 0.2), (0.5, 0.8))
ACROSS = ((0.0, 0.5), (1.0, 0.5))
DOOR, GATE = Zone("door", TRIANGLE), Line("gate", ACROSS)

WHOLE = """
confidence = 0.4
[[zones]]
name = "door"
polygon = [
  [0.1, 0.2], [0.9, 0.2],
  [0.5, 0.8],
]
classes = ["person"]
min_size = 0.05
dwell = "3s"
hours = "22:00-06:00"
[[zones]]
name = "bed"
polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]
[[lines]]
name = "gate"
points = [[0.0, 0.5], [1.0, 0.5]]
directions = ["north", "south"]
only = "south"
[[masks]]
polygon = [[0.1, 0.2], [0.9, 0.2], [0.5, 0.8]]
kind = "privacy"
"""
READ = Config(
    confidence=0.4,
    zones=(
        Zone("door", TRIANGLE, ("person",), min_size=0.05, dwell=3.0, hours=Hours(22 * 60, 6 * 60)),
        Zone("bed", ((0, 0), (1, 0), (1, 1), (0, 1))),
    ),
    lines=(Line("gate", ACROSS, directions=("north", "south"), only="south"),),
    masks=(Mask(TRIANGLE, "privacy"),),
)


def test_the_tables_of_the_file_are_read(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(WHOLE)
    assert load(path, {}) == READ


def test_the_example_of_the_documentation_is_read(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(DOCUMENTATION.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0])
    config = load(path, {})
    assert [each.name for each in config.places] == ["door", "gate"]
    assert [each.kind for each in config.masks] == ["privacy", "ignore"]


def test_the_tables_are_written_last_and_read_back(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(dump(READ))
    assert load(path, {}) == READ
    assert path.read_text().count("[[zones]]\n") == 2


def test_tables_can_be_added_to_a_file_that_has_none(tmp_path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(dump(Config()) + '[[masks]]\nkind = "ignore"\npolygon = [[0, 0], [1, 0], [1, 1]]\n')
    assert load(path, {}) == Config(masks=(Mask(((0, 0), (1, 0), (1, 1)), "ignore"),))


def test_a_table_holds_what_is_not_the_default() -> None:
    assert to_table(DOOR) == {"name": "door", "polygon": TRIANGLE}
    assert to_table(replace(DOOR, hours=Hours(0, 90)))["hours"] == "00:00-01:30"
    assert to_table(READ.masks[0]) == {"polygon": TRIANGLE, "kind": "privacy"}


def test_python_gives_places_or_tables_of_them() -> None:
    table = {"name": "gate", "points": [[0.0, 0.5], [1.0, 0.5]]}
    config = build(Config, {"zones": [DOOR], "lines": [table]}, where="watch")
    assert (config.zones, config.lines) == ((DOOR,), (GATE,))


def zone(values: str) -> str:
    return f'[[zones]]\nname = "door"\n{values}\n'


SQUARE = "polygon = [[0, 0], [1, 0], [1, 1], [0, 1]]"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zone("polygon = [[0, 0], [1, 1]]"),
         "zones 1: zone 'door': its polygon has 2 points; expected three or more"),
        (zone("polygon = [[0, 0], [1.5, 0], [1, 1]]"),
         "zones 1: zone 'door': point 2 is [1.5, 0], outside the picture; "
         "expected fractions of its width and height, from 0 to 1"),
        (zone("polygon = [[0, 0], [0.5, 0.5], [1, 1]]"),
         "zones 1: zone 'door': its polygon has no area: all points lie on one line; move one away from it"),
        (zone("polygon = [[0, 0], [1, 1], [1, 0], [0, 1]]"),
         "zones 1: zone 'door': its polygon crosses itself: the edge from [0, 0] to [1, 1] meets "
         "the edge from [1, 0] to [0, 1]; list the corners in order"),
        (zone("polygon = [[0, 0], [1, 0], [1, 1], [0, 0]]"),
         "zones 1: zone 'door': points 1 and 4 are both [0, 0]; "
         "write each corner once: the last is joined to the first"),
        (zone('polygon = "left"'), "zones 1: polygon = 'left': expected points such as "),
        (zone(f'{SQUARE}\nhours = "22-6"'),
         "zones 1: hours = '22-6': expected two different times of the day, such as 22:00-06:00"),
        (zone(f'{SQUARE}\nhours = "07:00-07:00"'), "zones 1: hours = '07:00-07:00': expected two different times"),
        (zone(f'{SQUARE}\ndwell = "long"'), "zones 1: dwell = 'long': expected a duration such as 90, 1.5s"),
        (zone(f"{SQUARE}\nmin_size = 5"),
         "zones 1: zone 'door': min_size is 5; expected a share of the picture's height from 0 to 1"),
        (zone("poligon = 1"), "zones 1: unknown option 'poligon'; did you mean 'polygon'?"),
        (zone(""), "zones 1: polygon is missing"),
        (f'[[zones]]\nname = ""\n{SQUARE}\n', "zones 1: a zone has the name ''; expected a word or two"),
        ("zones = 'door'\n", "zones = 'door': expected tables, each below a line [[zones]]"),
        (zone(SQUARE) + '[[lines]]\nname = "door"\npoints = [[0, 0], [1, 1]]\n',
         "zone 'door' and line 'door' have one name; "
         "events call them by it, so each zone and line needs a name of its own: rename one"),
        (zone(SQUARE) * 2, "zone 'door' and zone 'door' have one name; "),
        ('[[lines]]\nname = "gate"\npoints = [[0.5, 0.5], [0.5, 0.5]]\n',
         "lines 1: line 'gate': it has no length: both points are [0.5, 0.5]; move one of them"),
        ('[[lines]]\nname = "gate"\npoints = [[0.5, 0.5]]\n', "lines 1: line 'gate': it has 1 point; expected two"),
        ('[[lines]]\nname = "gate"\npoints = [[0, 0], [1, 1]]\ndirections = ["in", "in"]\n',
         "lines 1: line 'gate': directions is in, in; expected two different words"),
        ('[[lines]]\nname = "gate"\npoints = [[0, 0], [1, 1]]\nonly = "inn"\n',
         "lines 1: line 'gate': only: unknown direction 'inn'; did you mean 'in'? known: in, out"),
        ('[[masks]]\nkind = "black"\npolygon = [[0, 0], [1, 0], [1, 1]]\n',
         "masks 1: unknown kind of mask 'black'; known: ignore, privacy"),
        ('[[masks]]\nkind = "ignore"\npolygon = [[0, 0], [1, 0]]\n', "masks 1: ignore mask: its polygon has 2 points"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_the_file_and_the_place(tmp_path, content, message) -> None:
    path = tmp_path / "c.toml"
    path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 78


def test_a_class_that_the_model_lacks_is_said_with_the_nearest() -> None:
    places = Places((replace(DOOR, classes=("person",)),), (replace(GATE, classes=("dogg",)),))
    check_classes(places, ("person", "dogg"))
    with pytest.raises(ConfigError, match=r"^line 'gate': the model has no such class: .*did you mean 'dog'\?"):
        check_classes(places, ("person", "dog"))


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "21:59", "12:00"]),
        ("9:00-17:30", ["09:00", "17:29"], ["08:59", "17:30", "00:00"]),
        ("12:00-24:00", ["12:00", "23:59"], ["00:00", "11:59"]),
    ],
)
def test_hours_may_pass_midnight(text, inside, outside) -> None:
    hours = Hours.parse(text)
    assert [hours.include(datetime.strptime(time, "%H:%M")) for time in inside] == [True] * len(inside)
    assert [hours.include(datetime.strptime(time, "%H:%M")) for time in outside] == [False] * len(outside)
    assert Hours.parse(str(hours)) == hours


# Geometry.


@pytest.mark.parametrize(
    ("corners", "crossing"),
    [
        ([(0, 0), (4, 0), (4, 4), (0, 4)], None),
        ([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], None),  # a notch
        ([(0, 0), (4, 0), (4, 4), (2, -1), (0, 4)], (0, 2)),  # a notch too deep
        ([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4)], (0, 2)),  # it touches
        ([(1, 0), (4, 0), (0, 0), (0, 4)], (0, 1)),  # it turns back
        ([(0, 0), (4, 0), (0, 3)], None),
    ],
)
def test_edges_that_cross_are_found(corners, crossing) -> None:
    assert polygon.crossing_edges(np.array(corners, float)) == crossing


@given(st.floats(0, 2 * np.pi), st.floats(0, 2))
def test_a_point_is_inside_a_round_polygon_by_its_distance_from_the_middle(angle, radius) -> None:
    corners = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    outline = np.stack([np.cos(corners), np.sin(corners)], axis=1)
    point = np.array([[radius * np.cos(angle), radius * np.sin(angle)]])
    if radius < np.cos(np.pi / 12) - 1e-9:
        assert polygon.contains(outline, point).tolist() == [True]
    if radius > 1 + 1e-9:
        assert polygon.contains(outline, point).tolist() == [False]
        assert polygon.distances(outline, point)[0] >= radius - 1 - 1e-9


def test_the_right_side_of_a_line_that_points_up_is_right_in_the_picture() -> None:
    up = np.array([5.0, 9.0]), np.array([5.0, 1.0])
    assert np.sign(polygon.sides(*up, np.array([[7.0, 5.0], [3.0, 5.0], [5.0, 0.0]]))).tolist() == [1, -1, 0]
