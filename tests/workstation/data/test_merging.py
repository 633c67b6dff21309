from __future__ import annotations

import json
from pathlib import Path

from edge_detector.workstation.data.coco import load_annotations
from edge_detector.workstation.data.merging import merged
from tests.workstation.data.test_coco import truth, write


def test_photographs_and_categories_of_two_files_become_one(tmp_path: Path) -> None:
    other = [{"id": 3, "name": "dog"}, {"id": 4, "name": "bird"}]
    first = write(tmp_path / "a", truth(), truth(image_id=8, category_id=18))
    second = write(tmp_path / "b", truth(category_id=4), truth(category_id=3), categories=other)
    (tmp_path / "out").mkdir()
    both = tmp_path / "out" / "both.json"
    both.write_text(json.dumps(merged([first, second], both.parent)))
    found = load_annotations(both)
    assert [path.resolve().relative_to(tmp_path).parts[0] for _, path in found.images] == ["a", "a", "b", "b"]
    assert list(found.categories.values()) == ["person", "dog", "tv", "bird"]
    said = [(each["image_id"], found.categories[each["category_id"]]) for each in found.content["annotations"]]
    assert said == [(0, "person"), (1, "dog"), (2, "bird"), (2, "dog")]
