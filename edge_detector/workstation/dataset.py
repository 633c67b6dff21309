"""Photographs and what is on them: from COCO annotations to augmented batches, and back."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.types import Size
from edge_detector.workstation import coco
from edge_detector.workstation.coco import Annotations
from edge_detector.workstation.images import read_frame
from edge_detector.workstation.targets import Objects, area, lay_out

MIN_VISIBLE = 0.3  # an object of which a crop leaves less is no object any more
GREY = (128, 128, 128)  # around a photograph that is zoomed out: zero to the network

Image = NDArray[np.uint8]  # (H, W, 3) RGB


@dataclass(frozen=True, slots=True, eq=False)
class Photograph:
    """A picture file and the objects on it."""

    path: Path
    size: Size
    objects: Objects


def read_photographs(annotations: Path, labels: Sequence[str]) -> list[Photograph]:
    """The photographs of a COCO file, with the objects whose category is one of `labels`.

    An annotation may have a "score" below 1: how sure the teacher is that proposed it. Raises `ConfigError` if the
    file is damaged, or none of its categories is a label.
    """
    content = coco.load(annotations)
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
    """The photographs as a truth to measure against; what a teacher is less sure of than `least_score` is left out."""
    sure = [replace(each, objects=each.objects[each.objects.scores >= least_score]) for each in photographs]
    content = to_coco(sure, labels, Path())
    return Annotations(
        path=Path("held-out photographs"),
        content=content,
        images=tuple((image_id, each.path) for image_id, each in enumerate(photographs)),
        categories=dict(enumerate(labels)),
    )


def read_image(path: Path) -> Image:
    """The photograph in RGB. Raises `SourceError` if it cannot be decoded."""
    return np.asarray(cv2.cvtColor(read_frame(path).image, cv2.COLOR_BGR2RGB), np.uint8)


@dataclass(frozen=True, slots=True)
class View:
    """How one look at a photograph differs from the stretched whole: what augmentation draws."""

    flip: bool = False
    zoom: tuple[float, float] = (1.0, 1.0)  # y, x: above 1 shows a part of the photograph
    shift: tuple[float, float] = (0.0, 0.0)  # y, x: of the photograph's corner, as a fraction of the view
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)  # red, green, blue
    offset: float = 0.0  # added to every pixel

    @classmethod
    def random(cls, rng: np.random.Generator) -> View:
        """Zooms, shifts and light for seven in ten, else the photograph as it is; half of them mirrored."""
        if rng.random() < 0.3:
            return cls(flip=bool(rng.random() < 0.5))
        scale = np.exp(rng.uniform(np.log(0.6), np.log(1.8)))
        zoom = scale * np.exp(rng.uniform(-0.15, 0.15, 2))
        gain = rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3)
        return cls(
            flip=bool(rng.random() < 0.5),
            zoom=tuple(zoom),
            shift=tuple((1 - zoom) * rng.random(2)),
            gain=tuple(gain),
            offset=rng.uniform(-16, 16),
        )

    def image(self, photograph: Image, side: int) -> Image:
        """(side, side, 3): the view, sampled once from the full photograph."""
        height, width = photograph.shape[:2]
        scale_y, scale_x = self.zoom[0] * side / height, self.zoom[1] * side / width
        # Pixel centres lie at .5: without zoom this is the cv2.resize of the device.
        top, left = self.shift[0] * side + scale_y / 2 - 0.5, self.shift[1] * side + scale_x / 2 - 0.5
        matrix = np.array([[scale_x, 0, left], [0, scale_y, top]])
        view = cv2.warpAffine(photograph, matrix, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=GREY)
        if self.flip:
            view = view[:, ::-1]
        lit = view * np.array(self.gain, np.float32) + np.float32(self.offset)
        pixels: Image = np.rint(lit).clip(0, 255).astype(np.uint8)
        return pixels

    def objects(self, objects: Objects) -> Objects:
        """The objects still in view, in its coordinates."""
        zoom, shift = (np.array(pair * 2, np.float32) for pair in (self.zoom, self.shift))
        moved = objects.boxes * zoom + shift
        seen = moved.clip(0, 1)
        visible = area(seen) > MIN_VISIBLE * area(moved)
        kept = replace(objects, boxes=seen)[visible]
        return kept.mirrored() if self.flip else kept


class Batch(NamedTuple):
    """N views and their targets, with the number of the view put before each index."""

    images: Image  # (N, side, side, 3) RGB
    score_index: NDArray[np.int32]  # (K, 3) view, anchor, class
    scores: NDArray[np.float32]  # (K,)
    box_index: NDArray[np.int32]  # (M, 2) view, anchor
    boxes: NDArray[np.float32]  # (M, 4)
    box_weights: NDArray[np.float32]  # (M,)


def batches(
    photographs: Sequence[Photograph], anchors: NDArray[np.float32], *, size: int, side: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """One epoch: every photograph once, in random order, in a random view; the last incomplete batch is left out."""
    order = rng.permutation(len(photographs))
    for start in range(0, len(order) - size + 1, size):
        yield _batch([photographs[index] for index in order[start : start + size]], anchors, side, rng)


def _batch(photographs: list[Photograph], anchors: NDArray[np.float32], side: int, rng: np.random.Generator) -> Batch:
    views = [View.random(rng) for _ in photographs]
    targets = [
        lay_out(view.objects(photograph.objects), anchors) for view, photograph in zip(views, photographs, strict=True)
    ]
    return Batch(
        images=np.stack([v.image(read_image(p.path), side) for v, p in zip(views, photographs, strict=True)]),
        score_index=_numbered([target.score_index for target in targets]),
        scores=np.concatenate([target.scores for target in targets]),
        box_index=_numbered([target.box_index[:, None] for target in targets]),
        boxes=np.concatenate([target.boxes for target in targets]),
        box_weights=np.concatenate([target.box_weights for target in targets]),
    )


def _numbered(indices: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """The rows of all, each behind the number of its list."""
    numbers = np.repeat(np.arange(len(indices), dtype=np.int32), [len(rows) for rows in indices])
    return np.concatenate([numbers[:, None], np.concatenate(indices)], axis=1)
