from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from edge_detector import pipeline
from edge_detector.config import Config, load
from edge_detector.errors import ConfigError
from edge_detector.running.places import Count, LivePlaces
from edge_detector.track.places import Mask, Zone
from edge_detector.track.scene import Scene
from edge_detector.types import Detections, Frame, Result, Timings, VisitChange
from tests.make import result

LABELS = ("cat", "dog")
LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
DOOR = {"name": "door", "polygon": [list(point) for point in LEFT_HALF]}
GATE = {"name": "gate", "points": [[0.5, 0.0], [0.5, 1.0]]}


def places(**options) -> LivePlaces:
    return LivePlaces(Config(**options), lambda: LABELS)


def walk(at: float, sequence: int) -> Result:
    """A cat whose feet are at the fraction ``at`` of the picture's width, ten pictures a second."""
    frame = Frame(np.zeros((100, 200, 3), np.uint8), sequence, sequence * 10**8)
    middle = 200 * at
    box = np.array([[middle - 15, 40, middle + 15, 80]], np.float32)
    found = Detections(box, np.array([0.9], np.float32), np.array([0], np.int32), LABELS)
    return Result(frame, found, Timings(0, 0, 0, 0))


def said(changes: list[VisitChange]) -> list[tuple[str, str, str]]:
    return [(change.kind, change.place, change.direction) for change in changes if change.kind != "updated"]


def test_a_walk_through_the_door_and_over_the_line_is_told_in_order() -> None:
    live = places()
    live.replace({"zones": [DOOR], "lines": [GATE]})
    scene = Scene(lambda: np.full(2, 0.5, np.float32), places=lambda: live.places)
    walked = [walk(0.2 + 0.01 * number, number) for number in range(60)]
    changes = [change for each in scene.follow(walked, live=False) for change in each.visits]
    assert said(changes)[:2] == [("started", "", ""), ("entered", "door", "")]
    # Somebody who looks down the line has the left of the picture at the right hand.
    assert sorted(said(changes)[2:4]) == [("crossed", "gate", "out"), ("left", "door", "")]
    assert said(changes)[-1] == ("ended", "", "")
    assert changes[-1].visit.zones["door"] == pytest.approx(3.0, abs=1.0)


def test_who_is_in_a_zone_at_the_end_leaves_it_before_the_visit_ends() -> None:
    live = places()
    live.replace({"zones": [DOOR]})
    scene = Scene(lambda: np.full(2, 0.5, np.float32), places=lambda: live.places)
    changes = [c for each in scene.follow([walk(0.2, n) for n in range(20)], live=False) for c in each.visits]
    assert said(changes) == [("started", "", ""), ("entered", "door", ""), ("left", "door", ""), ("ended", "", "")]


def test_a_zone_that_is_drawn_while_it_runs_is_used_with_the_next_frame() -> None:
    live = places()
    scene = Scene(lambda: np.full(2, 0.5, np.float32), places=lambda: live.places)
    kinds = []
    for number in range(40):
        if number == 10:
            live.replace({"zones": [DOOR]})
        if number == 30:
            live.replace({})
        kinds += said(list(scene.update(walk(0.2, number)).visits))
    assert kinds == [("started", "", ""), ("entered", "door", ""), ("left", "door", "")]


def test_what_is_read_back_is_what_was_drawn() -> None:
    live = places()
    tables = {"zones": [DOOR], "lines": [GATE], "masks": [{"polygon": DOOR["polygon"], "kind": "privacy"}]}
    live.replace(tables)
    assert json.loads(json.dumps(live.tables())) == tables


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"zone": []}, "unknown kind of place 'zone'"),
        ({"zones": [{"name": "door", "polygon": [[0, 0], [1, 1]]}]}, "has 2 points; expected three or more"),
        ({"zones": [{**DOOR, "classes": ["cow"]}]}, "the model has no such class: unknown class 'cow'"),
    ],
)
def test_what_cannot_be_used_changes_nothing(tables, message) -> None:
    live = places()
    live.replace({"lines": [GATE]})
    before = live.tables()
    with pytest.raises(ConfigError, match=message):
        live.replace(tables)
    assert live.tables() == before


def test_a_class_that_the_model_lacks_is_refused_at_the_start(tmp_path) -> None:
    file = tmp_path / "e.toml"
    file.write_text('[[zones]]\nname = "door"\npolygon = [[0, 0], [1, 0], [1, 1]]\nclasses = ["cow"]\n')
    with pytest.raises(ConfigError, match="zone 'door': the model has no such class"):
        LivePlaces(load(file, {}), lambda: LABELS)


def test_nothing_is_found_in_an_ignore_mask() -> None:
    live = places(masks=(Mask(LEFT_HALF, "ignore"),))
    kept = [len(each.detections) for each in live.without_ignored([walk(0.2, 0), walk(0.8, 1), result()])]
    assert kept[:2] == [0, 1]


def test_a_privacy_mask_that_is_taken_for_an_object_is_not_found() -> None:
    live = places(masks=(Mask(LEFT_HALF, "privacy"),))
    kept = [len(each.detections) for each in live.without_ignored([walk(0.2, 0), walk(0.5, 1), walk(0.8, 2)])]
    assert kept == [0, 1, 1]


def test_a_privacy_mask_is_black_in_all_that_is_written(tmp_path) -> None:
    """The left half: in films, clips, pictures of visits, and what a sink of one's own is given."""
    pipeline.run(
        Config(
            source="synthetic:?live=false&frames=40",
            runtime="fake",
            masks=(Mask(LEFT_HALF, "privacy"),),
            sinks=(
                f"video:{tmp_path}/film.mp4",
                f"clips:{tmp_path}/clips",
                f"snapshots:{tmp_path}/snapshots?clean=true",
            ),
        )
    )
    pictures = [*_film(tmp_path / "film.mp4"), *_film(next((tmp_path / "clips").glob("*.mp4")))]
    pictures += [cv2.imread(str(path)) for path in (tmp_path / "snapshots").glob("*.jpg")]
    clean = [cv2.imread(str(path)) for path in (tmp_path / "snapshots").glob("*.clean.jpg")]
    assert len(pictures) > 40
    assert clean
    for picture in clean:
        assert picture[:, : picture.shape[1] // 2 - 8].max() < 10
    for picture in pictures:  # the line of numbers and the borders of boxes may be drawn over it
        height, width = picture.shape[:2]
        hidden = picture[: height // 2, : width // 2 - 16]
        assert np.median(hidden) < 10
        assert np.median(picture[: height // 2, width // 2 + 16 :]) > 10


# Counts.

RIGHTWARD = [0.2] * 5 + [0.2 + 0.01 * number for number in range(60)] + [0.8] * 5
GATE_IN = {**GATE, "points": GATE["points"][::-1]}  # who walks to the right comes in


def walked(live: LivePlaces, steps: Iterable[float], *, start: int = 0) -> None:
    """A cat walks there, ten steps a second; its visit ends with the last one."""
    scene = Scene(lambda: np.full(2, 0.5, np.float32), places=lambda: live.places)
    looks = [walk(at, number) for number, at in enumerate(steps, start=start)]
    for _ in live.counted(scene.follow(looks, live=False)):
        pass


def counted(live: LivePlaces) -> dict[Count, int]:
    return {count: number for each in live.counts() for count, number in each.numbers.items()}


def test_entries_and_crossings_are_counted_by_class_and_direction() -> None:
    live = places()
    live.replace({"zones": [DOOR], "lines": [GATE_IN]})
    walked(live, [*RIGHTWARD, *RIGHTWARD[::-1]])
    assert counted(live) == {
        Count("door", "cat"): 2,
        Count("gate", "cat", "in"): 1,
        Count("gate", "cat", "out"): 1,
    }


def test_a_run_counts() -> None:
    live = places()
    live.replace({"lines": [GATE_IN]})
    detector = SimpleNamespace(lowest=np.full(2, 0.5, np.float32), model=None)
    looks = [walk(at, number) for number, at in enumerate(RIGHTWARD)]
    assert len(list(pipeline.followed(looks, Config(), detector, live, live=True))) == len(looks)
    assert counted(live) == {Count("gate", "cat", "in"): 1}


def test_places_are_counted_in_their_order_also_those_where_nothing_was() -> None:
    live = places()
    live.replace({"lines": [{**GATE, "only": "out"}], "zones": [{**DOOR, "name": "yard"}, DOOR]})
    assert [(str(each.place), each.numbers, each.directions) for each in live.counts()] == [
        ("zone 'yard'", {}, ("",)),
        ("zone 'door'", {}, ("",)),
        ("line 'gate'", {}, ("out",)),
    ]


@pytest.mark.parametrize("at", [1, 7, 30])
def test_one_flicker_never_counts(at) -> None:
    live = places()
    live.replace({"zones": [DOOR], "lines": [GATE_IN]})
    walked(live, [0.45 if number == at else 0.55 for number in range(60)])
    assert counted(live) == {}
    live.replace({"lines": [GATE_IN]})
    walked(live, [0.55 if number == at else 0.45 for number in range(60)])
    assert counted(live) == {}


def test_counts_are_kept_while_the_name_stays_and_its_directions_too() -> None:
    live = places()
    live.replace({"zones": [DOOR], "lines": [GATE_IN]})
    walked(live, RIGHTWARD)
    moved = {**DOOR, "polygon": [[0, 0], [0.4, 0], [0.4, 1]], "dwell": 3.0}
    live.replace({"zones": [moved], "lines": [{**GATE_IN, "directions": ["out", "in"]}]})
    assert counted(live) == {Count("door", "cat"): 1, Count("gate", "cat", "in"): 1}
    live.replace({"zones": [{**moved, "name": "mat"}], "lines": [{**GATE_IN, "directions": ["west", "east"]}]})
    assert counted(live) == {}


def test_a_line_that_takes_the_name_of_a_zone_does_not_take_its_counts() -> None:
    live = places()
    live.replace({"zones": [DOOR]})
    walked(live, RIGHTWARD)
    live.replace({"lines": [{**GATE_IN, "name": "door"}]})
    assert counted(live) == {}


# From the configuration, while it runs.


def test_the_places_of_another_configuration_are_used_and_said() -> None:
    live = places(zones=(Zone("yard", LEFT_HALF),))
    other = Config(zones=(Zone("door", LEFT_HALF),), masks=(Mask(LEFT_HALF, "privacy"), Mask(LEFT_HALF, "ignore")))
    assert live.use(other) == "1 zone, no lines, 2 masks"
    assert live.tables()["zones"] == [{"name": "door", "polygon": LEFT_HALF}]
    assert live.use(other) == ""


def test_a_class_is_compared_with_the_labels_of_now() -> None:
    labels = ["cat"]
    live = LivePlaces(Config(), lambda: tuple(labels))
    labels[:] = ["Katze"]
    live.use(Config(zones=(Zone("door", LEFT_HALF, classes=("Katze",)),)))
    with pytest.raises(ConfigError, match="unknown class 'cat'"):
        live.use(Config(zones=(Zone("door", LEFT_HALF, classes=("cat",)),)))
    assert live.places.zones[0].classes == ("Katze",)


def _film(path: Path) -> list[np.ndarray]:
    film, pictures = cv2.VideoCapture(str(path)), []
    while (picture := film.read()[1]) is not None:
        pictures.append(picture)
    return pictures
