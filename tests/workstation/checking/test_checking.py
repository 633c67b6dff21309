"""What dataset check finds, each on the smallest set that has it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import pytest

from edge_detector.workstation.checking.checking import Check, check
from edge_detector.workstation.checking.classes import nearest
from edge_detector.workstation.data.labelled import Problem
from edge_detector.workstation.data.reading import scan_dataset
from tests.workstation.data.sets import Box, picture, turned_picture, voc_set, voc_xml, yolo_set

CAT = ("cat", 8, 12, 40, 36)
DOG = ("dog", 0, 0, 64, 48)
EXPECTED_OF_SMALL_SETS = ("few objects", "one photograph")


def checked(*paths: Path, image_size: int = 320) -> Check:
    return check([scan_dataset(path) for path in paths], image_size=image_size)


def found(*paths: Path, image_size: int = 320) -> list[tuple[str, bool]]:
    """The kinds of problems and whether they are errors, without what every small set has."""
    problems = checked(*paths, image_size=image_size).problems
    return [(each.kind, each.error) for each in problems if each.kind not in EXPECTED_OF_SMALL_SETS]


def only(kind: str, *paths: Path) -> Problem:
    (problem,) = [each for each in checked(*paths).problems if each.kind == kind]
    return problem


def test_nothing_is_wrong_with_a_sound_set(tmp_path: Path) -> None:
    assert checked(voc_set(tmp_path / "set", [[CAT]] * 20)).problems == ()


@pytest.mark.parametrize(
    ("box", "kind", "error"),
    [
        (("cat", 70, 0, 90, 20), "box outside", True),
        (("cat", -20, -20, -5, -5), "box outside", True),
        (("cat", 5, 5, 5, 20), "box without area", True),
        (("cat", 20, 20, 10, 10), "box without area", True),
        (("cat", float("nan"), 0, 10, 10), "box without numbers", True),
        (("cat", 0, 0, float("inf"), 10), "box without numbers", True),
        (("cat", 40, 10, 80, 30), "box leaves the photograph", False),
        (("cat", 10, 10, 11, 11), "tiny box", False),
    ],
)
def test_boxes_that_no_training_can_use(tmp_path: Path, box: Box, kind: str, error: bool) -> None:
    assert found(voc_set(tmp_path / "set", [[CAT], [box]])) == [(kind, error)]


def test_a_box_is_tiny_for_an_input_not_by_itself(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[("cat", 10, 10, 12, 12)]])
    assert found(folder, image_size=320) == []
    assert found(folder, image_size=192) == [("tiny box", False)]


def test_an_object_labelled_twice(tmp_path: Path) -> None:
    assert found(voc_set(tmp_path / "set", [[CAT, CAT, ("dog", *CAT[1:])]])) == [("object labelled twice", False)]


def test_a_typo_between_the_parts_is_an_error_with_the_nearest_name(tmp_path: Path) -> None:
    train = voc_set(tmp_path / "train", [[("raccoon", *CAT[1:])]] * 3)
    validation = voc_set(tmp_path / "val", [[("racoon", *CAT[1:])]] * 2, first=10)
    problems = [each for each in checked(train, validation).problems if each.kind == "class without a partner"]
    assert [each.message for each in problems] == [
        "'racoon' has 2 objects in validation, none in train; did you mean 'raccoon'?",
        "'raccoon' has 3 objects in train, none in validation; did you mean 'racoon'?",
    ]
    assert problems[0].where == str(validation / "annotations/shot10.xml")
    assert all(each.error for each in problems)


def test_a_class_that_only_training_has_is_worth_knowing(tmp_path: Path) -> None:
    train, validation = voc_set(tmp_path / "train", [[CAT, DOG]]), voc_set(tmp_path / "val", [[CAT]], first=10)
    assert found(train, validation) == [("class without a partner", False)]
    assert found(validation, train) == [("class without a partner", False)]  # validation is measured on, in any order


def test_names_that_differ_in_case_alone_are_one_class(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT], [("Cat ", *CAT[1:])], [CAT]])
    problem = only("class spelled in two ways", folder)
    assert problem.message == "'Cat' has 1 object, 'cat' 2; is 'Cat' a typo of it?"
    assert problem.error


def test_a_rare_name_near_a_frequent_one_is_a_typo_and_two_frequent_ones_are_not(tmp_path: Path) -> None:
    rare = voc_set(tmp_path / "rare", [[("raccoon", *CAT[1:])]] * 10 + [[("racoon", *CAT[1:])]])
    assert ("class spelled in two ways", True) in found(rare)
    frequent = voc_set(tmp_path / "frequent", [[("horse", *CAT[1:])]] * 3 + [[("house", *CAT[1:])]] * 3)
    assert found(frequent) == []


@pytest.mark.parametrize(
    ("name", "names", "expected"),
    [
        ("racoon", ["raccoon", "cat"], "raccoon"),
        ("Traffic_Light", ["traffic light", "traffic lights"], "traffic light"),
        ("RBC", ["WBC", "Platelets"], None),
        ("car", ["cat", "bus"], None),
        ("dog", ["dog"], None),
    ],
)
def test_the_nearest_name(name: str, names: Sequence[str], expected: str | None) -> None:
    assert nearest(name, names) == expected


def test_classes_without_objects_and_imbalance(tmp_path: Path) -> None:
    folder = yolo_set(tmp_path / "set", ["0 0.5 0.5 0.5 0.5\n"] * 22 + ["1 0.5 0.5 0.5 0.5\n"] * 2, names="[a, b, c]")
    assert [(each.kind, each.message) for each in checked(folder).problems] == [
        ("class without objects", "c"),
        ("few objects", "'b' has 2 objects; expected 20 and more to learn from"),
        ("imbalance", "'a' has 22 objects, 'b' 2: 11 times as many"),
    ]


def test_the_same_photograph_in_two_parts_is_an_error_and_in_one_worth_knowing(tmp_path: Path) -> None:
    train, validation = voc_set(tmp_path / "train", [[CAT]]), voc_set(tmp_path / "val", [[CAT]], first=10)
    shutil.copy(train / "images/shot0.png", validation / "images/shot10.png")
    assert found(train, validation) == [("image twice, in two parts", True)]
    one = voc_set(tmp_path / "one", [[CAT], [CAT]])
    shutil.copy(one / "images/shot0.png", one / "images/shot1.png")
    assert found(one) == [("image twice", False)]


def test_almost_the_same_photograph_is_found(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    image = cv2.imread(str(folder / "images/shot0.png"))
    assert image is not None
    cv2.imwrite(str(folder / "images/again.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    (folder / "annotations/again.xml").write_text(voc_xml(CAT))
    assert [kind.partition(",")[0] for kind, _ in found(folder)] in (["image almost twice"], ["image twice"])


def test_files_that_are_empty_cut_short_or_missing(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]] * 5)
    (folder / "images/shot0.png").write_bytes(b"")
    whole = (folder / "images/shot1.png").read_bytes()
    (folder / "images/shot1.png").write_bytes(whole[: len(whole) // 2])
    (folder / "images/shot2.png").unlink()
    (folder / "annotations/shot3.xml").write_text("<annotation>")
    problems = {(each.kind, Path(each.where).name) for each in checked(folder).problems if each.error}
    assert problems == {
        ("unreadable image", "shot0.png"),
        ("unreadable image", "shot1.png"),
        ("missing image", "shot2.xml"),
        ("unreadable annotations", "shot3.xml"),
    }


def test_a_photograph_with_damaged_annotations_is_listed_once(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]] * 2)
    (folder / "annotations/shot1.xml").write_text("<annotation>")
    assert [(each.kind, Path(each.where).name) for each in checked(folder).problems if "shot1" in each.where] == [
        ("unreadable annotations", "shot1.xml")
    ]


def test_a_jpeg_cut_short_is_found(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    whole = picture(tmp_path / "whole.jpg").read_bytes()
    (folder / "images/shot0.png").unlink()
    (folder / "images/shot0.jpg").write_bytes(whole[:-200])
    assert found(folder) == [("unreadable image", True)]


def test_photographs_without_annotations_and_turned_ones(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    picture(folder / "images/more.png", seed=5)
    turned_picture(folder / "images/phone.jpg", 6)
    (folder / "annotations/phone.xml").write_text(voc_xml(size=(48, 64)))
    assert sorted(found(folder)) == [
        ("EXIF rotation", False),
        ("image almost twice", False),  # the turned one is the first, turned back
        ("image without annotations", False),
    ] or sorted(found(folder)) == [("EXIF rotation", False), ("image without annotations", False)]


def test_one_photograph_only_is_said(tmp_path: Path) -> None:
    assert only("one photograph", voc_set(tmp_path / "set", [[CAT]])).message.startswith("one photograph only")


def test_a_blood_cell_without_area_in_a_published_set(shared: Path) -> None:
    problems = [each for each in checked(shared / "data/bccd_voc").problems if each.error]
    assert [(each.kind, Path(each.where).name) for each in problems] == [
        ("box without area", "BloodImage_00338.jpg"),
        ("box without area", "BloodImage_00343.jpg"),
    ]


def test_two_sets_of_one_name_are_two_parts(tmp_path: Path) -> None:
    first, second = voc_set(tmp_path / "a/set", [[CAT]]), voc_set(tmp_path / "b/set", [[CAT]], first=5)
    assert checked(first, second).material.parts == (str(first), str(second))
