"""Several COCO annotation files as one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge_detector.workstation.data.coco import load_annotations


def merged(paths: Sequence[Path], folder: Path) -> dict[str, Any]:
    """The content of one file in `folder` with the photographs of all; categories of the same name become one.

    Raises `ConfigError` if one of the files is damaged, or its images are missing.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    for path in paths:
        content = load_annotations(path)
        places = {image_id: len(images) + place for place, (image_id, _) in enumerate(content.images)}
        names = {number: categories.setdefault(name, len(categories)) for number, name in content.categories.items()}
        for image, (image_id, file) in zip(content.content["images"], content.images, strict=True):
            images.append({**image, "id": places[image_id], "file_name": os.path.relpath(file, folder)})
        for each in content.content["annotations"]:
            moved = {"image_id": places[each["image_id"]], "category_id": names[each["category_id"]]}
            annotations.append({**each, **moved, "id": len(annotations) + 1})
    listed = [{"id": number, "name": name} for name, number in categories.items()]
    return {"images": images, "annotations": annotations, "categories": listed}
