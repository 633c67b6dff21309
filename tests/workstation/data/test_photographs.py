from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from edge_detector.workstation.data.photographs import Photograph, read_photographs, to_coco
from edge_detector.workstation.data.targets import Objects
from tests.workstation.graphs import photographs


def test_a_box_that_reaches_over_the_edge_is_clipped(tmp_path: Path) -> None:
    photographs(tmp_path / "set", 1)
    content = {
        "images": [{"id": 1, "file_name": "set/000.png", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [-8, 24, 80, 36]}],
        "categories": [{"id": 1, "name": "dog"}],
    }
    (tmp_path / "set.json").write_text(json.dumps(content))
    (photograph,) = read_photographs(tmp_path / "set.json", ("dog",))
    assert photograph.size == (64, 48)
    assert photograph.objects.boxes.tolist() == [[0.5, 0.0, 1.0, 1.0]]


def test_the_coco_content_has_everything_and_a_score_only_for_proposals() -> None:
    boxes = np.float32([[0.25, 0.5, 0.5, 0.75], [0.0, 0.0, 1.0, 1.0]])
    objects = Objects(boxes, np.int32([1, 0]), np.float32([1.0, 0.12346]))
    photograph = Photograph(Path("/data/set/a.png"), (64, 48), objects)
    assert to_coco([photograph], ("cat", "dog"), Path("/data")) == {
        "images": [{"id": 0, "file_name": "set/a.png", "width": 64, "height": 48}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "bbox": [32, 12, 16, 12], "area": 192, "iscrowd": 0},
            {
                "id": 2,
                "image_id": 0,
                "category_id": 0,
                "bbox": [0, 0, 64, 48],
                "area": 3072,
                "iscrowd": 0,
                "score": 0.1235,
            },
        ],
        "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    }
