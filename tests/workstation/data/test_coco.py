from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_detector.errors import ConfigError
from edge_detector.workstation.data import coco
from tests.workstation.graphs import photographs

CATEGORIES = [{"id": 1, "name": "person"}, {"id": 18, "name": "dog"}, {"id": 72, "name": "tv"}]


def write(folder: Path, *annotations: dict[str, Any], categories: list[dict[str, Any]] = CATEGORIES) -> Path:
    """An annotation file for two photographs."""
    photographs(folder / "set", 2)
    images = [{"id": 7 + number, "file_name": f"set/00{number}.png"} for number in range(2)]
    path = folder / "truth.json"
    path.write_text(json.dumps({"images": images, "annotations": list(annotations), "categories": categories}))
    return path


def truth(image_id: int = 7, category_id: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": 0, "image_id": image_id, "category_id": category_id, "bbox": [1, 2, 30, 40], **more}


def test_labels_meet_categories_by_name_whatever_their_numbers(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth()))
    matching = coco.match(("???", "Person", "tvmonitor", "dragon"), annotations)
    assert matching.category_ids == {1: 1, 2: 72}
    assert matching.unmatched_labels == ("dragon",)
    assert matching.unmatched_categories == ("dog",)


def test_labels_that_match_nothing_are_an_error_that_lists_both(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth()))
    with pytest.raises(ConfigError, match=r"none of its categories \(person, dog, tv\) is a label .*\(daisy, rose\)"):
        coco.match(("daisy", "rose"), annotations)


def test_unknown_categories_and_images_are_errors_that_name_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown category ids: 90, 91; the file lists 3"):
        coco.load_annotations(write(tmp_path, truth(category_id=91), truth(category_id=90), truth()))
    with pytest.raises(ConfigError, match="unknown image ids: 1"):
        coco.load_annotations(write(tmp_path, truth(image_id=1)))


def test_missing_images_are_errors_that_name_them(tmp_path: Path) -> None:
    path = write(tmp_path, truth())
    (tmp_path / "set" / "001.png").unlink()
    with pytest.raises(ConfigError, match=r"1 of 2 images are missing: .*001\.png"):
        coco.load_annotations(path)


def test_area_and_crowd_flag_are_filled_in_where_exporters_leave_them_out(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(image_id=8, area=5, iscrowd=1)))
    (first,), (second,) = annotations.by_image().values()
    assert (first["area"], first["iscrowd"], first["id"]) == (1200, 0, 1)
    assert (second["area"], second["iscrowd"], second["id"]) == (5, 1, 2)


def test_five_names_are_listed_and_the_rest_counted(tmp_path: Path) -> None:
    path = write(tmp_path, *(truth(category_id=100 + number) for number in range(5)))
    with pytest.raises(ConfigError, match="unknown category ids: 100, 101, 102, 103, 104; the file lists 3"):
        coco.load_annotations(path)
    path = write(tmp_path, *(truth(category_id=100 + number) for number in range(7)))
    with pytest.raises(ConfigError, match="100, 101, 102, 103, 104 and 2 more; the file lists 3"):
        coco.load_annotations(path)


def test_what_matches_nothing_is_told_in_words_and_what_matches_is_not(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth()))
    assert coco.pair_up(("person", "dragon"), annotations).unmatched == [
        ("labels that are no category", ("dragon",)),
        ("categories the model does not know", ("dog", "tv")),
    ]
    assert coco.pair_up(("person", "dog", "tv"), annotations).unmatched == []
