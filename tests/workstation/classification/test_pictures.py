from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.workstation.classification.pictures import LabelledPicture, class_ids, labels_of, read_pictures


def folders(where: Path, **names: int) -> Path:
    """A folder for each name, with so many files that look like pictures by their names."""
    for name, count in names.items():
        (where / name).mkdir(parents=True)
        for number in range(count):
            (where / name / f"{number}.jpg").touch()
    return where


def test_a_folder_for_each_class_names_its_pictures(tmp_path: Path) -> None:
    where = folders(tmp_path / "pictures", dog=2, cat=1)
    (where / "notes.txt").touch()
    found = [(each.path.relative_to(where).as_posix(), each.label) for each in read_pictures(where)]
    assert found == [("cat/0.jpg", "cat"), ("dog/0.jpg", "dog"), ("dog/1.jpg", "dog")]


def test_an_empty_class_has_no_pictures(tmp_path: Path) -> None:
    where = folders(tmp_path / "pictures", dog=2, cat=0)
    assert {each.label for each in read_pictures(where)} == {"dog"}


@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_a_list_file_names_picture_and_class(tmp_path: Path, suffix: str) -> None:
    folders(tmp_path, here=2)
    file = tmp_path / f"list{suffix}"
    file.write_text("here/1.jpg,dog\n\nhere/0.jpg, cat\n")
    assert read_pictures(file) == (
        LabelledPicture(tmp_path / "here/1.jpg", "dog"),
        LabelledPicture(tmp_path / "here/0.jpg", "cat"),
    )


def test_a_list_with_another_number_of_fields_says_which_row(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("here/1.jpg,dog\nhere/2.jpg\n")
    with pytest.raises(ConfigError, match=r"list\.csv: row 2 has 1 fields; expected 2: picture,class"):
        read_pictures(file)


def test_a_list_names_the_pictures_that_are_missing(tmp_path: Path) -> None:
    folders(tmp_path, here=1)
    file = tmp_path / "list.csv"
    file.write_text("here/0.jpg,dog\nhere/7.jpg,dog\n")
    with pytest.raises(ConfigError, match=r"1 of 2 pictures are missing: \S*here/7\.jpg; they lie relative to"):
        read_pictures(file)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "no such folder or file; expected a folder for each class"),
        ("empty", "no pictures in it; expected a folder for each class"),
        ("truth.json", r"expected a folder with a folder for each class, or a list file that ends in \.csv or \.txt"),
    ],
)
def test_what_holds_no_labelled_pictures_is_one_clear_line(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "truth.json").touch()
    with pytest.raises(ConfigError, match=f"{name}: {message}"):
        read_pictures(tmp_path / name)


def pictures(*labels: str) -> list[LabelledPicture]:
    return [LabelledPicture(Path(f"{number}.jpg"), label) for number, label in enumerate(labels)]


def test_a_class_is_the_place_of_its_name_whatever_case_and_underscores() -> None:
    found = class_ids(pictures("Basset_hound", "pug", "basset hound"), ("pug", "beagle", "basset hound"))
    assert found.tolist() == [2, 0, 2]


def test_a_class_that_the_model_does_not_know_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"no label of the model: keeshond; its labels are pug, beagle"):
        class_ids(pictures("pug", "keeshond"), ("pug", "beagle"))


def test_without_labels_the_classes_are_those_of_the_pictures_in_alphabetical_order() -> None:
    assert labels_of(pictures("pug", "beagle", "pug"), 2, "breeds") == ("beagle", "pug")


def test_without_labels_there_must_be_as_many_classes_as_the_model_has() -> None:
    with pytest.raises(ConfigError, match=r"breeds: 3 classes without names, and the pictures are of 2 classes; say"):
        labels_of(pictures("pug", "beagle"), 3, "breeds")


def test_a_label_that_several_classes_have_is_refused_where_a_picture_has_it() -> None:
    labels = ("crane", "pug", "Crane")
    assert class_ids(pictures("pug"), labels).tolist() == [1]
    with pytest.raises(ConfigError, match=r"'crane' is there 2 times \(lines 1 and 3\)"):
        class_ids(pictures("pug", "crane"), labels)
