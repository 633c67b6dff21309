"""Groups of photographs, and sets in parts."""

from __future__ import annotations

import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.fingerprints import fingerprints_of
from edge_detector.workstation.data.grouping import DEFAULT_GROUPINGS, Photographs, groups_of, taken_at
from edge_detector.workstation.data.labelled import Dataset
from edge_detector.workstation.data.reading import read_dataset
from edge_detector.workstation.data.splitting import split, split_by_groups
from tests.workstation.data.sets import picture, voc_set
from tests.workstation.graphs import photograph

CAT = ("cat", 8, 12, 40, 36)
DOG = ("dog", 0, 0, 64, 48)


def groups(paths: list[Path], *names: str) -> list[list[str]]:
    """Those of more than one photograph, by their names."""
    found = groups_of(Photographs(paths, fingerprints_of(paths)), names or DEFAULT_GROUPINGS)
    return [[paths[place].stem for place in group] for group in found if len(group) > 1]


def moved_scene(path: Path, shift: int) -> Path:
    """The same scene, moved by some pixels."""
    big = cv2.resize(photograph(np.random.default_rng(3)), (256, 192), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(path), big[:, shift : shift + 220])
    return path


def test_copies_are_a_group(tmp_path: Path) -> None:
    paths = [picture(tmp_path / f"{name}.png", seed=seed) for seed, name in enumerate("abc")]
    paths.append(Path(shutil.copy(paths[0], tmp_path / "again.png")))
    assert groups(paths, "look") == [["a", "again"]]


def test_numbers_in_names_make_a_burst_only_of_what_looks_alike(tmp_path: Path) -> None:
    burst = [moved_scene(tmp_path / f"IMG_{number}.png", 7 * number) for number in range(3)]
    others = [picture(tmp_path / f"IMG_{number}.png", seed=number) for number in range(3, 6)]
    assert groups([*burst, *others], "burst") == [["IMG_0", "IMG_1", "IMG_2"]]
    assert groups([*burst, *others], "name") == [["IMG_0", "IMG_1", "IMG_2", "IMG_3", "IMG_4", "IMG_5"]]


def test_photographs_of_the_same_seconds_are_a_group(tmp_path: Path) -> None:
    names = ("2026-11-21_14-03-05", "2026-11-21_14-03-12", "2026-11-21_14-03-40", "2026-11-22_14-03-05")
    paths = [picture(tmp_path / f"cam_{name}.png", seed=seed) for seed, name in enumerate(names)]
    assert groups(paths, "time") == [[f"cam_{name}" for name in names[:2]]]


def test_the_time_is_in_the_name_or_in_the_exif_data(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2026:11:21 14:03:05"
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg", exif=exif)
    assert taken_at(tmp_path / "a.jpg") == datetime(2026, 11, 21, 14, 3, 5)
    assert taken_at(picture(tmp_path / "IMG_20261121_140305123.jpg")) is None  # milliseconds: no time we know
    assert taken_at(picture(tmp_path / "IMG_20261121_140305.jpg")) == datetime(2026, 11, 21, 14, 3, 5)
    assert taken_at(picture(tmp_path / "20261399_140305.jpg")) is None


def test_folders_are_groups_where_asked(tmp_path: Path) -> None:
    paths = [picture(tmp_path / name, seed=seed) for seed, name in enumerate(("x/a.png", "x/b.png", "y/c.png"))]
    assert groups(paths, "folder") == [["a", "b"]]
    assert groups(paths) == []


def labelled(tmp_path: Path, cats: int, dogs: int, empty: int) -> Dataset:
    return read_dataset(voc_set(tmp_path / "set", [[CAT]] * cats + [[DOG]] * dogs + [[]] * empty))


def singles(dataset: Dataset) -> list[list[int]]:
    return [[place] for place in range(len(dataset.labelled))]


def test_every_class_and_the_empty_ones_are_in_each_part(tmp_path: Path) -> None:
    dataset = labelled(tmp_path, 20, 10, 10)
    parts = split(dataset, singles(dataset), (0.8, 0.2), seed=0).dataset.labelled
    assert Counter((each.split, each.labels) for each in parts) == {
        ("train", ("cat",)): 16,
        ("train", ("dog",)): 8,
        ("train", ()): 8,
        ("validation", ("cat",)): 4,
        ("validation", ("dog",)): 2,
        ("validation", ()): 2,
    }


def test_the_seed_decides_and_nothing_else(tmp_path: Path) -> None:
    dataset = labelled(tmp_path, 10, 10, 0)
    parts = [
        [each.split for each in split(dataset, singles(dataset), (0.5, 0.3, 0.2), seed=seed).dataset.labelled]
        for seed in (1, 1, 2)
    ]
    assert parts[0] == parts[1] != parts[2]
    assert Counter(parts[0]) == {"train": 10, "validation": 6, "test": 4}


def test_groups_stay_together(tmp_path: Path) -> None:
    dataset = labelled(tmp_path, 12, 0, 0)
    together = [[0, 1, 2, 3], [4, 5], [6, 7], [8], [9], [10], [11]]
    parts = split(dataset, together, (0.7, 0.3), seed=0).dataset.labelled
    assert all(len({parts[place].split for place in group}) == 1 for group in together)
    assert sum(each.split == "train" for each in parts) in (8, 9)


def test_no_part_stays_empty(tmp_path: Path) -> None:
    dataset = labelled(tmp_path, 3, 0, 0)
    parts = split(dataset, singles(dataset), (0.98, 0.01, 0.01), seed=0).dataset
    assert parts.splits == ("train", "validation", "test")
    with pytest.raises(ConfigError, match="groups of photographs: 1, too few for 2 parts"):
        split(dataset, [[0, 1, 2]], (0.5, 0.5), seed=0)


@pytest.mark.parametrize("fractions", [(1.0,), (0.8, 0.1), (0.8, 0.3), (1.2, -0.2), (0.25,) * 4, (float("nan"), 0.5)])
def test_fractions_that_are_not_one_together_are_said(tmp_path: Path, fractions: tuple[float, ...]) -> None:
    dataset = labelled(tmp_path, 4, 0, 0)
    with pytest.raises(ConfigError, match="expected two or three above 0 that are 1 together"):
        split(dataset, singles(dataset), fractions, seed=0)


def test_a_set_is_split_by_its_groups_in_one_call(tmp_path: Path) -> None:
    dataset = labelled(tmp_path, 10, 0, 0)
    shutil.copy(dataset.labelled[0].path, dataset.labelled[7].path)
    parts = split_by_groups(dataset, (0.8, 0.2), seed=0)
    assert (0, 7) in parts.groups
    assert Counter(each.split for each in parts.dataset.labelled) == {"train": 8, "validation": 2}


def test_a_damaged_photograph_stops_a_split(tmp_path: Path) -> None:
    dataset = labelled(tmp_path, 3, 0, 0)
    whole = dataset.labelled[1].path.read_bytes()
    dataset.labelled[1].path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ConfigError, match=r"shot1.png: damaged or cut short"):
        split_by_groups(dataset, (0.5, 0.5), seed=0)
