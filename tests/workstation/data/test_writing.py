"""Sets written in every format and read again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_detector.errors import ConfigError
from edge_detector.image_files import read_image
from edge_detector.workstation.data.format_table import FORMATS
from edge_detector.workstation.data.reading import read_dataset
from edge_detector.workstation.data.writing import write_dataset
from tests.workstation.data.sets import picture, turned_picture, voc_set, voc_xml

CAT = ("cat", 8, 12, 40, 36)
DOG = ("dog", 0.5, 0, 64, 48)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "set"
    voc_set(folder / "train", [[CAT, DOG], []])
    voc_set(folder / "val", [[DOG]], first=2)
    before = read_dataset(folder)
    write_dataset(before, tmp_path / "out", name)
    after = read_dataset(tmp_path / "out")
    assert (after.format, after.classes, after.splits) == (name, ("cat", "dog"), ("train", "validation"))
    for old, new in zip(before.labelled, after.labelled, strict=True):
        assert (new.labels, new.split, new.size) == (old.labels, old.split, old.size)
        assert np.allclose(new.boxes, old.boxes, atol=0.01)
        assert new.path.read_bytes() == old.path.read_bytes()


@pytest.mark.parametrize("name", FORMATS)
def test_a_set_without_splits_and_with_an_exhaustive_class(tmp_path: Path, name: str) -> None:
    folder = voc_set(tmp_path / "set", [[CAT, DOG]])
    (folder / "dataset.toml").write_text('exhaustive = ["dog"]\n')
    write_dataset(read_dataset(folder), tmp_path / "out", name)
    assert read_dataset(tmp_path / "out").exhaustive == frozenset({"dog"})


@pytest.mark.parametrize("name", FORMATS)
def test_odd_names_of_classes_and_files(tmp_path: Path, name: str) -> None:
    picture(tmp_path / "set/Größe & 猫 1.png")
    classes = ('it\'s a "cat"', "<dog> & co", "no", "3")
    boxes = [(each.replace("&", "&amp;").replace("<", "&lt;"), 8, 12, 40, 36) for each in classes]
    (tmp_path / "set/Größe & 猫 1.xml").write_text(voc_xml(*boxes), encoding="utf-8")
    write_dataset(read_dataset(tmp_path / "set"), tmp_path / "out", name)
    assert read_dataset(tmp_path / "out").labelled[0].labels == classes


def test_turned_photographs_are_stored_upright(tmp_path: Path) -> None:
    path = turned_picture(tmp_path / "set/images/a.jpg", 6)
    (tmp_path / "set/images/a.xml").write_text(voc_xml(("cat", 2, 4, 20, 30), size=(48, 64)))
    done = write_dataset(read_dataset(tmp_path / "set"), tmp_path / "out", "coco")
    (after,) = read_dataset(tmp_path / "out").labelled
    assert (done.turned, after.rotated, after.size) == (1, False, (48, 64))
    difference = read_image(after.path).image.astype(int) - read_image(path).image
    assert abs(difference).mean() < 3  # JPEG


def test_boxes_are_cut_or_left_out_and_counted(tmp_path: Path) -> None:
    boxes = [("cat", 40, 10, 80, 30), ("cat", 5, 5, 5, 9), ("cat", float("nan"), 1, 5, 9)]
    done = write_dataset(read_dataset(voc_set(tmp_path / "set", [boxes])), tmp_path / "out", "voc")
    assert (done.cut, done.left_out) == (1, 2)
    assert read_dataset(tmp_path / "out").labelled[0].boxes.tolist() == [[40, 10, 64, 30]]


def test_two_photographs_of_one_name_are_both_kept(tmp_path: Path) -> None:
    voc_set(tmp_path / "set/monday", [[CAT]])
    voc_set(tmp_path / "set/tuesday", [[DOG]])
    write_dataset(read_dataset(tmp_path / "set"), tmp_path / "out", "yolo")
    after = read_dataset(tmp_path / "out")
    assert [(each.path.name, each.labels) for each in after.labelled] == [
        ("shot0.png", ("cat",)),
        ("shot0_2.png", ("dog",)),
    ]


def test_a_folder_with_files_is_not_written_to(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    with pytest.raises(ConfigError, match="the folder has files already; name a new one"):
        write_dataset(read_dataset(folder), folder, "voc")
