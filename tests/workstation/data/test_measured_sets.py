"""What a model is measured on: a set of any format, or the part of it that is for that."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.format_table import FORMATS
from edge_detector.workstation.data.measured_sets import read_measured_set
from edge_detector.workstation.data.reading import read_dataset
from edge_detector.workstation.data.writing import write_dataset
from tests.workstation.data.sets import voc_set

CAT = ("cat", 8, 12, 40, 36)
DOG = ("dog", 0.5, 0, 64, 48)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def boxes_of(path: Path) -> dict[str, list[tuple[str, list[float]]]]:
    """What is said of each photograph, by its file name."""
    annotations = read_measured_set(path)
    names = annotations.categories
    return {
        file.name: [(names[each["category_id"]], each["bbox"]) for each in annotations.by_image()[image_id]]
        for image_id, file in annotations.images
    }


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_says_the_same(tmp_path: Path, name: str) -> None:
    write_dataset(read_dataset(voc_set(tmp_path / "set", [[CAT, DOG], []])), tmp_path / "out", name)
    said = boxes_of(tmp_path / "out")
    assert said == {"shot0.png": [("cat", [8, 12, 32, 24]), ("dog", [0.5, 0, 63.5, 48])], "shot1.png": []}


def test_a_json_file_keeps_its_crowd_regions(tmp_path: Path) -> None:
    write_dataset(read_dataset(voc_set(tmp_path / "set", [[CAT]])), tmp_path / "out", "coco")
    file = tmp_path / "out/annotations.json"
    file.write_text(file.read_text().replace('"iscrowd": 0', '"iscrowd": 1'))
    assert [each["iscrowd"] for each in read_measured_set(file).content["annotations"]] == [1]


@pytest.mark.parametrize(
    ("parts", "measured"),
    [(("train", "val", "test"), "test"), (("train", "val"), "val"), (("train",), "train")],
)
def test_of_a_set_with_parts_the_test_part_counts_or_else_the_validation_part(
    tmp_path: Path, parts: tuple[str, ...], measured: str, caplog: pytest.LogCaptureFixture
) -> None:
    for first, part in enumerate(parts):
        voc_set(tmp_path / "set" / part, [[CAT]], first=first, stem=part)
    with caplog.at_level(logging.INFO, logger="edge_detector"):
        assert [Path(name).stem.rstrip("012") for name in boxes_of(tmp_path / "set")] == [measured]
    assert len(caplog.messages) == (len(parts) > 1)


def test_only_classes_with_a_box_wherever_they_are_count(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT, DOG]])
    (folder / "dataset.toml").write_text('exhaustive = ["dog"]\n')
    assert boxes_of(folder) == {"shot0.png": [("dog", [0.5, 0, 63.5, 48])]}
    (folder / "dataset.toml").write_text("exhaustive = []\n")
    with pytest.raises(ConfigError, match=r"none of its classes \(cat, dog\) has a box wherever it is"):
        read_measured_set(folder)
