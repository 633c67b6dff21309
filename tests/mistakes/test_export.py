"""The data set for the workstation: its own readers take it, and it says what is vouched for."""

from __future__ import annotations

import json
import os
import shutil
import tomllib
import zipfile
from pathlib import Path

import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.image_files import read_image
from edge_detector.mistakes.export import export
from edge_detector.mistakes.judging import judged
from edge_detector.mistakes.store import Store
from tests.mistakes.pictures import SAID, jpeg, offer


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "mistakes")
    store.add(judged(offer(), SAID), jpeg())
    store.add(offer("renamed"), jpeg())
    store.add(judged(offer("renamed"), {"objects": [{"found": 1, "verdict": "right"}]}), jpeg())
    return store


def test_the_set_has_objects_and_the_classes_that_are_vouched_for(store: Store, tmp_path: Path) -> None:
    assert export(store, tmp_path / "out" / "set") == 2
    content = json.loads((tmp_path / "out" / "set" / "annotations.json").read_text())
    names = {each["id"]: each["name"] for each in content["categories"]}
    assert [(each["image_id"], names[each["category_id"]], each["bbox"]) for each in content["annotations"]] == [
        (1, "cat", [10, 20, 100, 200]),
        (1, "cat", [5, 5, 55, 45]),
        (2, "person", [150, 20, 50, 100]),
    ]
    assert [each["exhaustive"] for each in content["images"]] == [["cat", "dog"], []]
    assert tomllib.loads((tmp_path / "out" / "set" / "dataset.toml").read_text()) == {"exhaustive": []}
    assert content["images"][0]["mistakes"] == [
        {"verdict": "relabelled", "label": "cat", "bbox": [10, 20, 100, 200], "was": "dog", "score": 0.9},
        {"verdict": "wrong", "label": "dog", "bbox": [210, 20, 90, 100], "was": "dog", "score": 0.5},
        {"verdict": "missed", "label": "cat", "bbox": [5, 5, 55, 45]},
    ]


def test_a_class_that_every_picture_vouches_for_is_one_of_the_set(store: Store, tmp_path: Path) -> None:
    store.change(judged(store.kept()[1], {"objects": [], "exhaustive": ["person", "dog"]}))
    export(store, tmp_path / "set")
    assert tomllib.loads((tmp_path / "set" / "dataset.toml").read_text()) == {"exhaustive": ["dog"]}


def test_the_workstations_reader_takes_it(store: Store, tmp_path: Path) -> None:
    reader = pytest.importorskip("edge_detector.workstation.data.coco", reason="needs the workstation's packages")
    export(store, tmp_path / "set")
    annotations = reader.load_annotations(tmp_path / "set" / "annotations.json")
    assert sorted(annotations.categories.values()) == ["cat", "dog", "person"]
    assert [read_image(file).size for _, file in annotations.images] == [(320, 240)] * 2


def test_a_zip_has_the_same(store: Store, tmp_path: Path) -> None:
    assert export(store, tmp_path / "set.zip") == 2
    export(store, tmp_path / "set")
    with zipfile.ZipFile(tmp_path / "set.zip") as archive:
        there = {name: archive.read(name) for name in archive.namelist()}
    assert there == {file.name: file.read_bytes() for file in (tmp_path / "set").iterdir()}


def test_a_zip_can_be_made_while_the_clock_is_wrong(store: Store, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "copyfile", lambda source, target: copied_in_1970(source, target))
        assert export(store, tmp_path / "set.zip") == 2


def copied_in_1970(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())
    os.utime(target, (0, 0))


def test_nothing_is_overwritten_and_nothing_is_half_there(store: Store, tmp_path: Path) -> None:
    (tmp_path / "old.zip").write_bytes(b"mine")
    with pytest.raises(ConfigError, match="is there already; give the name of a new folder"):
        export(store, tmp_path / "old.zip")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SinkError, match="file/set: cannot be written: "):
        export(store, tmp_path / "file" / "set")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "mistakes", "old.zip"]


def test_a_folder_without_judged_pictures_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no picture is marked yet"):
        export(Store(tmp_path), tmp_path / "set")
