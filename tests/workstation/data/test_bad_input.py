"""Annotation files as bad as they come: each is one clear line, and the rest of the set is still read."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.formats.tfrecord_file import read_examples, write_examples
from edge_detector.workstation.data.labelled import Dataset
from edge_detector.workstation.data.reading import read_dataset, scan_dataset
from tests.workstation.data.sets import picture, voc_set, voc_xml, yolo_set

CAT = ("cat", 8, 12, 40, 36)

BOMB = '<!DOCTYPE lolz [<!ENTITY a "ha">{}]><annotation><object><name>&z;</name></object></annotation>'
FILE_ENTITY = (
    '<!DOCTYPE a [<!ENTITY z SYSTEM "file:///etc/hostname">]><annotation><filename>&z;</filename></annotation>'
)


def problem(dataset: Dataset) -> str:
    (found,) = dataset.problems
    return found.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("text", [BOMB.format('<!ENTITY z "&a;&a;">'), FILE_ENTITY])
def test_entities_are_never_expanded(tmp_path: Path, text: str, encoding: str) -> None:
    folder = voc_set(tmp_path / "set", [[CAT], [CAT]])
    (folder / "annotations/shot0.xml").write_bytes(text.encode(encoding))
    dataset = scan_dataset(folder)
    assert "declares a document type" in problem(dataset)
    assert len(dataset.labelled) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not XML: the file is empty"),
        ("<annotation><object>", "not XML: no element found"),
        (voc_xml(("", 1, 1, 5, 5)), "object 1 has no name"),
        ("<annotation><object><name>cat</name></object></annotation>", "object 1 has no bndbox"),
        (voc_xml(("cat", "x", 1, 5, 5)), "object 1 has xmin 'x'; expected a number"),  # type: ignore[arg-type]
        ("<annotation><object><name>cat</name><bndbox/></object></annotation>", "object 1 has xmin None"),
    ],
)
def test_damaged_xml_is_said(tmp_path: Path, text: str, message: str) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    (folder / "annotations/shot0.xml").write_text(text)
    assert message in problem(scan_dataset(folder))


def test_boms_line_ends_and_odd_case_of_suffixes(tmp_path: Path) -> None:
    folder = yolo_set(tmp_path / "set", [""])
    (folder / "data.yaml").write_bytes(b"\xef\xbb\xbftrain: images/train\r\nnames:\r\n  0: cat\r\n  1: dog\r\n")
    (folder / "images/train/0.png").rename(folder / "images/train/0.PNG")
    (folder / "labels/train/0.txt").write_bytes(b"\xef\xbb\xbf1 0.5 0.5 1 1\r\n\r\n\r\n")
    (photograph,) = read_dataset(folder).labelled
    assert photograph.labels == ("dog",)


def test_voc_with_a_bom_in_utf16_and_spaces_around_names(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    (folder / "annotations/shot0.xml").unlink()
    (folder / "annotations/shot0.XML").write_bytes(voc_xml((" cat\r\n", 1, 1, 5, 5)).encode("utf-16"))
    assert read_dataset(folder).classes == ("cat",)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2 0.5 0.5 1 1", "class 2, but there are 2: 0 to 1"),
        ("-1 0.5 0.5 1 1", "class -1, but there are 2: 0 to 1"),
        ("cat 0.5 0.5 1 1", "class 'cat'; expected a whole number from 0 to 1"),
        ("0.5 0.5 0.5 1 1", "class '0.5'; expected a whole number from 0 to 1"),
        ("nan 0.5 0.5 1 1", "class 'nan'; expected a whole number from 0 to 1"),
        ("inf 0.5 0.5 1 1", "class 'inf'; expected a whole number from 0 to 1"),
        ("0 0.5 0.5 1", "4 values; expected class x y width height, or class and a polygon"),
        ("0 0.5 0.5 1 wide", "has a word that is no number"),
        ("0 0.5 0.5 1 1 7", "score 7; expected more than 0, at most 1"),
    ],
)
def test_a_bad_line_of_yolo_is_said_with_its_number(tmp_path: Path, line: str, message: str) -> None:
    dataset = scan_dataset(yolo_set(tmp_path / "set", [f"0 0.5 0.5 1 1\n{line}\n"]))
    (found,) = dataset.problems
    assert found.where.endswith("0.txt:2")
    assert message in found.message
    assert dataset.labelled[0].labels == ("cat",)


def test_polygons_become_the_boxes_around_them(tmp_path: Path) -> None:
    dataset = read_dataset(yolo_set(tmp_path / "set", ["0 0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75\n"]))
    assert dataset.labelled[0].boxes.tolist() == [[16, 12, 48, 36]]


def test_keypoints_behind_the_box_are_ignored(tmp_path: Path) -> None:
    folder = yolo_set(tmp_path / "set", ["0 0.5 0.5 1 1 0.1 0.1 2 0.2 0.2 2\n"])
    (folder / "data.yaml").write_text("train: images/train\nkpt_shape: [2, 3]\nnames: [cat]\n")
    assert read_dataset(folder).labelled[0].boxes.tolist() == [[0, 0, 64, 48]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("names: [cat\n", "not YAML"),
        ("names: cat\n", "names is 'cat'; expected a list of classes"),
        ("names: {0: cat, 2: dog}\n", "names is {0: 'cat', 2: 'dog'}; expected a list of classes"),
        ("names: []\n", "names no class"),
        ("train: pictures\nnames: [cat]\n", "there is no 'pictures'"),
        ("names: !!python/object/apply:os.system ['true']\n", "not YAML: could not determine a constructor"),
    ],
)
def test_a_bad_data_yaml_is_said(tmp_path: Path, text: str, message: str) -> None:
    folder = yolo_set(tmp_path / "set", [""])
    (folder / "data.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message.replace("[", r"\[")):
        scan_dataset(folder)


def test_labels_without_a_photograph(tmp_path: Path) -> None:
    folder = yolo_set(tmp_path / "set", ["0 0.5 0.5 1 1\n", "0 0.5 0.5 1 1\n"])
    (folder / "images/train/1.png").unlink()
    assert problem(scan_dataset(folder)) == "there is no photograph '1' for these labels"


def coco(**changes: Any) -> dict[str, Any]:
    annotation = {"image_id": 1, "category_id": 1, "bbox": [8, 12, 32, 24], **changes}
    return {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [annotation],
        "categories": [{"id": 1, "name": "cat"}],
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"category_id": 9}, "annotations[0] has the unknown category_id 9; the file lists 1"),
        ({"image_id": [1]}, "annotations[0] has the unknown image_id [1]; the file lists 1"),
        ({"bbox": [1, 2, 3]}, "annotations[0] has the bbox [1, 2, 3]; expected four numbers"),
        ({"bbox": {"x": 1}}, "annotations[0] has the bbox {'x': 1}; expected four numbers"),
        ({"bbox": "1234"}, "annotations[0] has the bbox '1234'; expected four numbers"),
        ({"score": "sure"}, "annotations[0] has the score 'sure'"),
    ],
)
def test_a_bad_annotation_of_coco_is_said(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(json.dumps(coco(**changes)))
    dataset = scan_dataset(tmp_path / "a.json")
    assert message in problem(dataset)
    assert len(dataset.labelled) == 1


NAMES = st.text(max_size=30) | st.sampled_from(
    ["data:image/png;base64," + "A" * 5000, "http://[bad", "a\0b", "..", "/"]
)


@given(NAMES)
def test_whatever_a_photograph_is_called_it_is_there_or_missing(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    content = {**coco(), "images": [{"id": 1, "file_name": name}]}
    path = tmp_path_factory.getbasetemp() / "names" / "a.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    assert [each.kind for each in scan_dataset(path).problems] == ["missing image"]


@given(st.lists(st.integers() | st.floats() | st.none() | st.booleans() | st.text(max_size=3), max_size=5))
def test_whatever_a_bbox_holds_is_read_or_said(tmp_path_factory: pytest.TempPathFactory, bbox: list[Any]) -> None:
    folder = tmp_path_factory.getbasetemp() / "boxes"
    picture(folder / "a.png")
    (folder / "a.json").write_text(json.dumps(coco(bbox=bbox)))
    dataset = scan_dataset(folder / "a.json")
    assert [each.kind for each in dataset.problems] in ([], ["damaged annotation"])
    (photograph,) = dataset.photographs(("cat",))
    assert ((photograph.objects.boxes >= 0) & (photograph.objects.boxes <= 1)).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "not COCO annotations"),
        ('[{"data": {}, "annotations": []}]', "Label Studio's own JSON; export as COCO"),
        (json.dumps({**coco(), "images": [{"id": [1], "file_name": "a.png"}]}), r"images\[0\] has the id \[1\]"),
        (json.dumps({**coco(), "images": coco()["images"] * 2}), r"images\[1\] has the id 1 of another"),
    ],
)
def test_a_json_file_that_is_no_coco_is_said(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        scan_dataset(tmp_path / "a.json")


def test_two_coco_files_without_splits_are_not_guessed_between(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_text(json.dumps(coco()))
    with pytest.raises(ConfigError, match=r"2 COCO files \(a.json, b.json\) whose names tell no splits"):
        read_dataset(tmp_path)


def test_links_are_followed_and_a_circle_of_them_ends(tmp_path: Path) -> None:
    voc_set(tmp_path / "far", [[CAT]])
    (tmp_path / "set").mkdir()
    (tmp_path / "set/images").symlink_to(tmp_path / "far/images")
    (tmp_path / "set/annotations").symlink_to(tmp_path / "far/annotations")
    (tmp_path / "far/images/again").symlink_to(tmp_path / "far")
    assert len(read_dataset(tmp_path / "set").labelled) == 1


RECORD = {"image/filename": [b"a.png"], "image/encoded": [b"x" * 100], "n": [3, -1], "f": [0.5, 2.0], "none": []}


@given(st.integers(0, 400), st.binary(min_size=1, max_size=4))
def test_a_damaged_record_is_said_or_read(tmp_path_factory: pytest.TempPathFactory, place: int, junk: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.record"
    write_examples(path, [RECORD, RECORD])
    data = bytearray(path.read_bytes())
    data[place : place + len(junk)] = junk
    path.write_bytes(data)
    with suppress(ConfigError):  # nothing else is raised
        assert len(list(read_examples(path))) == 2


@given(st.integers(1, 200))
def test_a_record_cut_short_is_said(tmp_path_factory: pytest.TempPathFactory, missing: int) -> None:
    path = tmp_path_factory.getbasetemp() / "short.record"
    write_examples(path, [RECORD])
    path.write_bytes(path.read_bytes()[:-missing])
    if path.stat().st_size:
        with pytest.raises(ConfigError, match=r"cut short|damaged"):
            list(read_examples(path))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.record", [RECORD])
    assert list(read_examples(tmp_path / "a.record")) == [RECORD]
