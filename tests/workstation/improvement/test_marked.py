"""What people have said of pictures, read as the device exports it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL", reason="needs the extra [workstation]")

from edge_detector.errors import ConfigError
from edge_detector.mistakes.export import export
from edge_detector.mistakes.judging import judged
from edge_detector.mistakes.store import Store
from edge_detector.types import Detections
from edge_detector.workstation.data.labelled import TEST, TRAIN, VALIDATION
from edge_detector.workstation.improvement.marked import Mark, groups_of_moments, read_marked
from tests.mistakes.pictures import SAID, jpeg, offer
from tests.workstation.improvement.pictures import scenes, write_set

BOX = (10.0, 10.0, 50.0, 50.0)


def found(*names: str, box=BOX) -> Detections:
    labels = ("cat", "dog", "person")
    ids = np.array([labels.index(name) for name in names], np.int32)
    return Detections(np.float32([box] * len(names)).reshape(-1, 4), np.full(len(names), 0.9, np.float32), ids, labels)


@pytest.mark.parametrize(
    ("mark", "detections", "is_met"),
    [
        (Mark("wrong", "dog", BOX, "dog"), found(), True),
        (Mark("wrong", "dog", BOX, "dog"), found("cat"), True),
        (Mark("wrong", "dog", BOX, "dog"), found("dog"), False),
        (Mark("relabelled", "cat", BOX, "dog"), found("cat"), True),
        (Mark("relabelled", "cat", BOX, "dog"), found("cat", "dog"), False),
        (Mark("relabelled", "cat", BOX, "dog"), found(), False),
        (Mark("missed", "cat", BOX), found("cat"), True),
        (Mark("missed", "cat", BOX), found("cat", box=(60.0, 60.0, 90.0, 90.0)), False),
        (Mark("right", "cat", BOX, "cat"), found("dog"), False),
    ],
)
def test_a_mark_is_met_by_what_a_person_would_call_right(mark, detections, is_met) -> None:
    assert mark.is_met(detections) == is_met


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three judged pictures, taken hours apart, of different looks."""
    store = Store(tmp_path / "mistakes")
    store.tidy()
    for number in range(3):
        picture = offer(taken_s=1e9 + 10_000 * number)
        store.add(judged(picture, SAID), jpeg())  # of a camera that does not move: they look alike
    return store


def test_what_the_device_exports_is_read_folder_or_zip(store: Store, tmp_path: Path) -> None:
    export(store, tmp_path / "out")
    export(store, tmp_path / "out.zip")
    for path in (tmp_path / "out", tmp_path / "out.zip"):
        marked = read_marked(path, tmp_path / "unpacked", seed=0)
        first = marked.photographs[0]
        assert [(mark.verdict, mark.label, mark.was) for mark in first.marks] == [
            ("relabelled", "cat", "dog"),
            ("wrong", "dog", "dog"),
            ("missed", "cat", ""),
        ]
        assert first.exhaustive == {"cat", "dog"}
        assert first.labelled.labels == ("cat", "cat")


def test_pictures_of_one_camera_and_minute_are_one_moment(tmp_path: Path) -> None:
    named = [(scene, "dog") for color in ("red", "green", "blue") for scene in scenes(color, 2, seed=1)]
    folder = write_set(tmp_path / "set", named, ("dog",), source="porch")
    content = json.loads((folder / "annotations.json").read_text())
    for number, image in enumerate(content["images"]):
        image["date_captured"] = f"2026-11-29T12:{10 * (number // 2):02}:{30 * (number % 2):02}+00:00"
    (folder / "annotations.json").write_text(json.dumps(content))
    marked = read_marked(folder, tmp_path, seed=0)
    groups = groups_of_moments(marked.photographs)
    assert all({0, 1} <= set(group) or not {0, 1} & set(group) for group in groups)
    parts = [each.labelled.split for each in marked.photographs]
    assert [parts[number] == parts[number + 1] for number in (0, 2, 4)] == [True] * 3
    assert set(parts) <= {TRAIN, VALIDATION, TEST}


def test_a_set_of_another_tool_is_to_be_found_as_it_is(tmp_path: Path) -> None:
    named = [(scene, "dog") for color in ("red", "green", "blue") for scene in scenes(color, 4, seed=1)]
    marked = read_marked(write_set(tmp_path / "set", named, ("dog",)), tmp_path, seed=0)
    assert {mark.verdict for each in marked.photographs for mark in each.marks} == {"missed"}
    assert marked.photographs[0].exhaustive == {"dog"}


def test_one_moment_alone_cannot_be_judged_by(tmp_path: Path) -> None:
    (scene,) = scenes("red", 1, seed=1)
    folder = write_set(tmp_path / "set", [(scene, "dog"), (scene, "dog")], ("dog",))
    with pytest.raises(ConfigError, match="its 2 pictures show one moment"):
        read_marked(folder, tmp_path, seed=0)


def test_a_zip_that_was_cut_short_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "out.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("annotations.json", "{}" * 100)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ConfigError, match=r"out\.zip: cannot be unpacked: .*was it cut short in a copy"):
        read_marked(path, tmp_path / "unpacked", seed=0)
