"""Sets of every format, read without being told which it is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_detector.errors import ConfigError
from edge_detector.image_files import read_image
from edge_detector.workstation.data.reading import read_dataset, scan_dataset
from tests.workstation.data.sets import picture, turned_picture, voc_set, voc_xml, yolo_set

CAT = ("cat", 8, 12, 40, 36)
DOG = ("dog", 0, 0, 64, 48)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_voc_in_two_folders(tmp_path: Path) -> None:
    dataset = read_dataset(voc_set(tmp_path / "set", [[CAT, DOG], []]))
    assert (dataset.format, dataset.classes) == ("voc", ("cat", "dog"))
    assert [each.path.name for each in dataset.labelled] == ["shot0.png", "shot1.png"]
    assert [each.boxes.tolist() for each in dataset.labelled] == [[[8, 12, 40, 36], [0, 0, 64, 48]], []]


def test_training_gets_fractions_of_the_classes_it_asks_for(tmp_path: Path) -> None:
    dataset = read_dataset(voc_set(tmp_path / "set", [[CAT, DOG], [CAT]]))
    first, second = dataset.photographs(("dog",))
    assert first.size == (64, 48)
    assert first.objects.boxes.tolist() == [[0, 0, 1, 1]]
    assert first.objects.class_ids.tolist() == [0]
    assert len(second.objects) == 0


def test_boxes_are_cut_and_those_without_area_left_out_for_training(tmp_path: Path) -> None:
    boxes = [("cat", -8, 12, 32, 96), ("cat", 5, 5, 5, 20), ("cat", 70, 5, 90, 20), ("cat", "nan", 1, 5, 5)]
    (photograph,) = read_dataset(voc_set(tmp_path / "set", [boxes])).photographs(("cat",))  # type: ignore[list-item]
    assert photograph.objects.boxes.tolist() == [[0.25, 0, 1, 0.5]]


def test_yolo_as_ultralytics_has_it(tmp_path: Path) -> None:
    dataset = read_dataset(yolo_set(tmp_path / "set", ["1 0.5 0.5 1 1\n", ""]))
    assert (dataset.format, dataset.classes, dataset.splits) == ("yolo", ("cat", "dog"), ("train",))
    assert [each.boxes.tolist() for each in dataset.labelled] == [[[0, 0, 64, 48]], []]


def test_coco_needs_no_sizes(tmp_path: Path) -> None:
    picture(tmp_path / "a photo ü.png")
    content = {
        "images": [{"id": "x", "file_name": "a photo ü.png"}],
        "annotations": [{"image_id": "x", "category_id": 7, "bbox": [8, 12, 32, 24]}],
        "categories": [{"id": 7, "name": "cat"}],
    }
    (tmp_path / "set.json").write_text(json.dumps(content))
    (photograph,) = read_dataset(tmp_path / "set.json").photographs(("cat",))
    assert photograph.objects.boxes.tolist() == [[0.25, 0.125, 0.75, 0.625]]


def test_a_record_of_the_object_detection_api_as_it_is(shared: Path) -> None:
    dataset = read_dataset(shared / "data/raccoon_voc/test.record")
    assert (dataset.format, dataset.classes, len(dataset.labelled)) == ("tfrecord", ("raccoon",), 40)
    first = dataset.labelled[0]
    assert first.size == read_image(first.path).size == (639, 315)
    assert first.boxes.round(3).tolist() == [[142.0, 24.0, 442.0, 276.0]]


def test_what_labelimg_wrote_beside_a_record(shared: Path) -> None:
    dataset = read_dataset(shared / "data/raccoon_voc")
    assert (dataset.format, len(dataset.labelled)) == ("voc", 120)
    assert [each.kind for each in dataset.problems] == ["left out"]


def test_two_formats_in_a_folder_are_not_guessed_between(tmp_path: Path) -> None:
    voc_set(tmp_path, [[CAT]])
    (tmp_path / "set.json").write_text('{"images": [], "annotations": [], "categories": []}')
    with pytest.raises(ConfigError, match=r"it could be coco \(set.json\) and voc \(shot0.xml\); name the file"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path, format_name="voc").format == "voc"


def test_nothing_and_no_format_are_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file or folder"):
        read_dataset(tmp_path / "set")
    with pytest.raises(ConfigError, match="no annotations in it; expected Pascal VOC"):
        read_dataset(tmp_path)
    with pytest.raises(ConfigError, match="unknown format 'vok'; did you mean 'voc'"):
        read_dataset(tmp_path, format_name="vok")


def test_what_is_wrong_is_said_before_training(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT], [CAT]])
    (folder / "images/shot0.png").write_bytes(b"")
    (folder / "images/shot1.png").unlink()
    assert sorted(each.kind for each in scan_dataset(folder).problems) == ["missing image", "unreadable image"]
    with pytest.raises(
        ConfigError, match=r"shot0.png: the file is empty; .*'shot1.png' is not there.*check .*lists all"
    ):
        read_dataset(folder)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_sizes_are_those_of_the_picture_as_it_is_read(tmp_path: Path, orientation: int, suffix: str) -> None:
    turned_picture(tmp_path / f"images/a{suffix}", orientation)
    (tmp_path / "images/a.xml").write_text(voc_xml(CAT, size=None))
    (photograph,) = read_dataset(tmp_path).labelled
    assert photograph.size == read_image(photograph.path).size


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_boxes_of_the_stored_picture_are_turned_with_it(tmp_path: Path, orientation: int) -> None:
    path = turned_picture(tmp_path / "images/a.png", orientation)
    (tmp_path / "images/a.xml").write_text(voc_xml(("cat", 8, 12, 40, 36)))  # of 64x48 pixels, as stored
    (photograph,) = read_dataset(tmp_path).labelled
    x1, y1, x2, y2 = photograph.boxes[0].round().astype(int)
    upright = read_image(path).image[y1:y2, x1:x2]
    stored = np.array(Image.open(path))[12:36, 8:40, ::-1]
    assert sorted(upright.reshape(-1, 3).tolist()) == sorted(stored.reshape(-1, 3).tolist())


def test_a_scaled_photograph_keeps_its_boxes_in_place(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    (tmp_path / "images/a.xml").write_text(voc_xml(("cat", 16, 24, 80, 72), size=(128, 96)))
    dataset = read_dataset(tmp_path)
    assert dataset.labelled[0].boxes.tolist() == [[8, 12, 40, 36]]
    assert [(each.kind, each.error) for each in dataset.problems] == [("other size", False)]


def test_another_photograph_than_was_labelled_is_an_error(tmp_path: Path) -> None:
    picture(tmp_path / "images/a.png")
    (tmp_path / "images/a.xml").write_text(voc_xml(CAT, size=(48, 64)))
    with pytest.raises(ConfigError, match=r"says 48x64, but .* has 64x48, another shape"):
        read_dataset(tmp_path)


def test_a_side_file_says_for_which_classes_a_set_is_exhaustive(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT, DOG]])
    assert read_dataset(folder).negatives(("cat", "dog")).tolist() == [True, True]
    (folder / "dataset.toml").write_text('exhaustive = ["cat"]')
    assert read_dataset(folder).negatives(("cat", "dog")).tolist() == [True, False]
    (folder / "dataset.toml").write_text('exhaustive = ["cta"]')
    with pytest.raises(ConfigError, match="unknown class 'cta'; did you mean 'cat'"):
        read_dataset(folder)


def test_a_list_of_classes_does_not_make_a_yolo_set(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    (folder / "predefined_classes.txt").write_text("cat\ndog\n")
    assert read_dataset(folder).format == "voc"


def test_the_folder_of_annotations_is_enough_even_if_a_photograph_was_renamed(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    (folder / "annotations/shot0.xml").write_text(voc_xml(CAT, filename="IMG_before.png"))
    for path in (folder, folder / "annotations", folder / "annotations/shot0.xml"):
        assert read_dataset(path).labelled[0].path.name == "shot0.png"


def test_a_link_to_nothing_is_an_unreadable_photograph(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    (folder / "images/shot0.png").unlink()
    (folder / "images/shot0.png").symlink_to(tmp_path / "gone.png")
    assert [each.kind for each in scan_dataset(folder).problems] == ["unreadable image"]


def test_a_photograph_with_two_files_of_annotations_is_an_error(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[CAT]])
    (folder / "images/shot0.xml").write_text(voc_xml(DOG))
    dataset = scan_dataset(folder)
    assert [each.kind for each in dataset.problems] == ["annotated twice"]
    assert [each.labels for each in dataset.labelled] == [("cat",)]


def test_names_of_classes_match_as_those_of_other_sets_do(tmp_path: Path) -> None:
    folder = voc_set(tmp_path / "set", [[("TVmonitor", *CAT[1:]), ("Traffic_Light", *CAT[1:])]])
    (folder / "dataset.toml").write_text('exhaustive = ["TVmonitor"]')
    dataset = read_dataset(folder)
    (photograph,) = dataset.photographs(("traffic light", "tv"))
    assert photograph.objects.class_ids.tolist() == [1, 0]
    assert dataset.negatives(("traffic light", "tv")).tolist() == [False, True]
