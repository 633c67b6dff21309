"""Photographs and the objects on them, from COCO annotations and back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_detector.types import Size
from edge_detector.workstation.data import coco
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.data.targets import Objects


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """An image file and the objects on it."""

    path: Path
    size: Size
    objects: Objects


def read_photographs(annotations: Path, labels: Sequence[str]) -> list[Photograph]:
    """The photographs of a COCO file, with the objects whose category is one of `labels`.

    An annotation may have a "score" below 1: that of the teacher that proposed it. Raises `ConfigError` if the
    file is damaged, or none of its categories is a label.
    """
    content = coco.load_annotations(annotations)
    class_ids = {category: class_id for class_id, category in coco.match(labels, content).category_ids.items()}
    sizes = {image["id"]: (image["width"], image["height"]) for image in content.content["images"]}
    known: dict[int, list[dict[str, Any]]] = {image_id: [] for image_id, _ in content.images}
    for each in content.content["annotations"]:
        if each["category_id"] in class_ids and not each["iscrowd"]:
            known[each["image_id"]].append(each)
    return [
        Photograph(path, sizes[image_id], _objects(known[image_id], sizes[image_id], class_ids))
        for image_id, path in content.images
    ]


def _objects(annotations: list[dict[str, Any]], size: Size, class_ids: dict[int, int]) -> Objects:
    x, y, width, height = np.array([each["bbox"] for each in annotations], np.float32).reshape(-1, 4).T
    boxes = np.stack([y, x, y + height, x + width], axis=1) / np.array(size[::-1] * 2, np.float32)
    return Objects(
        boxes=boxes.clip(0, 1).astype(np.float32),
        class_ids=np.array([class_ids[each["category_id"]] for each in annotations], np.int32),
        scores=np.array([each.get("score", 1.0) for each in annotations], np.float32),
    )


def to_coco(photographs: Sequence[Photograph], labels: Sequence[str], folder: Path) -> dict[str, Any]:
    """The content of a COCO annotation file in `folder`; an object's score is written where it is below 1."""
    annotations = [
        {"id": number, **annotation}
        for number, annotation in enumerate(
            (each for image_id, photograph in enumerate(photographs) for each in _annotations(image_id, photograph)), 1
        )
    ]
    return {
        "images": [
            {
                "id": image_id,
                "file_name": os.path.relpath(each.path, folder),
                "width": each.size[0],
                "height": each.size[1],
            }
            for image_id, each in enumerate(photographs)
        ],
        "annotations": annotations,
        "categories": [{"id": class_id, "name": label} for class_id, label in enumerate(labels)],
    }


def _annotations(image_id: int, photograph: Photograph) -> Iterator[dict[str, Any]]:
    scale = np.array(photograph.size * 2, np.float32)
    objects = photograph.objects
    rows = zip(objects.boxes[:, [1, 0, 3, 2]] * scale, objects.class_ids.tolist(), objects.scores.tolist(), strict=True)
    for (x1, y1, x2, y2), class_id, score in rows:
        box = [round(float(each), 2) for each in (x1, y1, x2 - x1, y2 - y1)]
        sure = {} if score == 1.0 else {"score": round(score, 4)}
        area = box[2] * box[3]
        yield {"image_id": image_id, "category_id": class_id, "bbox": box, "area": area, "iscrowd": 0, **sure}


def as_annotations(photographs: Sequence[Photograph], labels: Sequence[str], *, least_score: float) -> Annotations:
    """The photographs as a truth to measure against, without the objects whose score is below `least_score`."""
    sure = [replace(each, objects=each.objects[each.objects.scores >= least_score]) for each in photographs]
    content = to_coco(sure, labels, Path())
    return Annotations(
        path=Path("held-out photographs"),
        content=content,
        images=tuple((image_id, each.path) for image_id, each in enumerate(photographs)),
        categories=dict(enumerate(labels)),
    )
