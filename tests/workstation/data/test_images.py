from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_detector.detect.manifest import InputSpec
from edge_detector.errors import ConfigError, SourceError
from edge_detector.image_files import read_image
from edge_detector.workstation.data.images import InputTensors, find_images, spread
from tests.workstation.graphs import photographs


def annotations(folder: Path, *names: str) -> Path:
    path = folder / "set.json"
    images = [{"id": number, "file_name": name} for number, name in enumerate(names)]
    path.write_text(json.dumps({"images": images, "annotations": [], "categories": []}))
    return path


def test_a_folder_gives_its_images_in_a_stable_order(tmp_path: Path) -> None:
    photographs(tmp_path / "set", 3)
    (tmp_path / "set" / "notes.txt").write_text("no image")
    assert [path.name for path in find_images(tmp_path / "set")] == ["000.png", "001.png", "002.png"]


def test_annotations_name_their_images_relative_to_themselves(tmp_path: Path) -> None:
    photographs(tmp_path / "set", 2)
    path = annotations(tmp_path, "set/001.png", "set/000.png")
    assert find_images(path) == (tmp_path / "set/001.png", tmp_path / "set/000.png")


def test_missing_images_are_counted_and_named(tmp_path: Path) -> None:
    photographs(tmp_path / "set", 1)
    path = annotations(tmp_path, "set/000.png", "set/lost.png")
    with pytest.raises(ConfigError, match=r"1 of 2 images are missing: .*set/lost\.png"):
        find_images(path)


def test_what_is_no_set_of_images_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "half.json").write_text('{"images": [{"id": 1}], "annotations": [], "categories": []}')
    with pytest.raises(ConfigError, match=r"half\.json: images\[0\] has no file_name"):
        find_images(tmp_path / "half.json")
    with pytest.raises(ConfigError, match="not COCO annotations"):
        find_images(tmp_path / "list.json")
    with pytest.raises(ConfigError, match="not JSON"):
        find_images(tmp_path / "broken.json")
    with pytest.raises(ConfigError, match=r"gone\.json: cannot read"):
        find_images(tmp_path / "gone.json")
    with pytest.raises(ConfigError, match="no such folder"):
        find_images(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="empty: no images"):
        find_images(tmp_path / "empty")


def test_a_sample_is_spread_over_the_whole_set() -> None:
    paths = [Path(str(number)) for number in range(100)]
    assert [int(path.name) for path in spread(paths, 4)] == [0, 33, 66, 99]
    assert spread(paths[:3], 10) == tuple(paths[:3])


def test_an_unreadable_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 and then nothing")
    with pytest.raises(SourceError, match=r"broken\.jpg: not an image, or a damaged one"):
        read_image(tmp_path / "broken.jpg")


def test_tensors_are_what_the_device_feeds_a_float_model_and_can_be_read_twice(tmp_path: Path) -> None:
    paths = find_images(photographs(tmp_path / "set", 2))
    tensors = InputTensors(paths, InputSpec((16, 16)))
    first, second = ([tensor.copy() for tensor in tensors] for _ in range(2))
    assert len(tensors) == len(first) == 2
    assert all(tensor.shape == (1, 16, 16, 3) and tensor.dtype == np.float32 for tensor in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert first[0].min() >= -1
    assert first[0].max() <= 1


def test_five_missing_files_are_named_and_the_rest_counted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"5 of 5 images are missing: .*/0, .*/1, .*/2, .*/3, .*/4; file_name is"):
        find_images(annotations(tmp_path, *"01234"))
    with pytest.raises(ConfigError, match=r"6 of 6 images are missing: .*/3, .*/4 and 1 more; file_name is"):
        find_images(annotations(tmp_path, *"012345"))


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("images", "id"),
        ("images", "file_name"),
        ("annotations", "image_id"),
        ("annotations", "category_id"),
        ("annotations", "bbox"),
        ("categories", "id"),
        ("categories", "name"),
    ],
)
def test_a_key_that_an_entry_lacks_is_named(tmp_path: Path, kind: str, key: str) -> None:
    content: dict[str, list[dict[str, object]]] = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}],
        "categories": [{"id": 1, "name": "dog"}],
    }
    del content[kind][0][key]
    (tmp_path / "set.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=rf"set\.json: {kind}\[0\] has no {key}$"):
        find_images(tmp_path / "set.json")
