"""Label files as they are found, against the number of classes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "labels.txt"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "count", "labels"),
    [
        ("person\ndog\n", 2, ("person", "dog")),
        ("person\ndog\n", None, ("person", "dog")),
        ("???\nperson\ndog\n", 2, ("person", "dog")),
        ("???\nperson\ndog\n", None, ("person", "dog")),
        ("???\nperson\n???\ndog\n", 3, ("person", "???", "dog")),
        ("background\nperson\n", 1, ("person",)),
        ("0 person\n1 dog\n", 2, ("person", "dog")),
        ("0: person\n1: dog\n", 2, ("person", "dog")),
        ("0  person\n2  dog\n", 4, ("person", "???", "dog", "???")),
        ("1 person\n2 dog\n", 2, ("person", "dog")),
        ("0 background\n1 person\n2 dog\n", 2, ("person", "dog")),
        ("\ufeffperson\r\ntraffic light\r\n\r\n", 2, ("person", "traffic light")),
        ("7 of hearts\nace\n", 2, ("7 of hearts", "ace")),
    ],
)
def test_labels_are_counted_from_zero_whatever_the_file_does(tmp_path, text, count, labels) -> None:
    assert read_labels(written(tmp_path, text), class_count=count) == labels


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [
        ("person\ndog\ncat\n", 2, "3 labels but the model has 2 classes"),
        ("???\nperson\ndog\n", 3 + 1, "3 labels but the model has 4 classes"),
        ("person\n" * 80, 90, "80 labels but the model has 90 classes"),
        ("???\n" + "person\n" * 90, 91 + 1, r"is the '\?\?\?' line meant as a class"),
        ("1 person\n2 dog\n", 3, "does the first class have 0 or 1. Say --label-base"),
        ("person\n\ndog\n", 3, "line 2 is empty"),
        ("", 2, "0 labels but the model has 2 classes"),
        ("", None, "no labels"),
    ],
)
def test_a_file_that_does_not_fit_is_an_error_never_an_off_by_one(tmp_path, text, count, message) -> None:
    with pytest.raises(ConfigError, match=message):
        read_labels(written(tmp_path, text), class_count=count)


def test_label_base_settles_what_the_numbers_leave_open(tmp_path) -> None:
    path = written(tmp_path, "1 person\n2 dog\n")
    assert read_labels(path, class_count=3, base="1") == ("person", "dog", "???")
    assert read_labels(path, class_count=3, base="0") == ("???", "person", "dog")


def test_a_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.txt: cannot read the labels: No such file"):
        read_labels(tmp_path / "nowhere.txt", class_count=2)


def test_a_binary_file_is_no_label_file(tmp_path) -> None:
    path = tmp_path / "labels.txt"
    path.write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(ConfigError, match="not a text file"):
        read_labels(path, class_count=2)


def test_the_coco_labels_are_eighty() -> None:
    labels = read_labels(Path(__file__).parents[2] / "labels" / "coco.txt", class_count=80)
    assert (labels[0], labels[16], labels[79]) == ("person", "dog", "toothbrush")


@pytest.mark.parametrize(
    ("text", "count", "labels"),
    [
        ("???\nperson\ndog\n", 3, ("???", "person", "dog")),  # three classes: the first line is one of them
        ("0 background\n1 person\n2 dog\n", 3, ("background", "person", "dog")),
        ("0 background\n1 person\n2 dog\n", None, ("background", "person", "dog")),
        ("1 person\n3 dog\n", 3, ("person", "???", "dog")),
        ("0 person\n1 dog\n", None, ("person", "dog")),
    ],
)
def test_the_class_count_decides_what_a_line_means(tmp_path, text, count, labels) -> None:
    assert read_labels(written(tmp_path, text), class_count=count) == labels


@pytest.mark.parametrize(
    ("text", "count", "base", "message"),
    [
        ("0 person\n1 dog\n2 cat\n", 2, "auto", "3 labels but the model has 2 classes"),
        ("person\ndog\n", 3, "auto", "2 labels but the model has 3 classes; is this the label file of another model"),
        ("0 person\n1 dog\n", 2, "1", "a label has the number 0, but --label-base says they begin at 1"),
        ("1 person\n2 dog\n", None, "auto", "the numbers run from 1 to 2; does the first class have 0 or 1"),
        ("2 person\n3 dog\n", 2, "auto", "the numbers run from 2 to 3"),
    ],
)
def test_numbers_that_do_not_fit_are_an_error(tmp_path, text, count, base, message) -> None:
    with pytest.raises(ConfigError, match=message):
        read_labels(written(tmp_path, text), class_count=count, base=base)
