"""COCO annotations to measure against, and which of their categories each label of a model is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.images import annotated_images, read_coco_file

PLACEHOLDERS = ("???", "n/a", "unused", "background")
# What other data sets call a COCO category (Pascal VOC's names, mostly).
SYNONYMS = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
    "hair dryer": "hair drier",
}


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """A checked annotation file: every image is there, every annotation belongs to an image and a category."""

    path: Path
    content: Mapping[str, Any]  # as in the file, with area and iscrowd filled in
    images: tuple[tuple[int, Path], ...]  # (image id, file)
    categories: Mapping[int, str]  # category id -> name

    def by_image(self) -> dict[int, list[dict[str, Any]]]:
        """The annotations of each image, by image id."""
        found: dict[int, list[dict[str, Any]]] = {image_id: [] for image_id, _ in self.images}
        for annotation in self.content["annotations"]:
            found[annotation["image_id"]].append(annotation)
        return found


@dataclass(frozen=True, slots=True)
class Matching:
    """Which category each class of a model is, by name; and the names that match nothing on the other side."""

    category_ids: Mapping[int, int]  # class_id -> category id
    unmatched_labels: tuple[str, ...]
    unmatched_categories: tuple[str, ...]

    @property
    def unmatched(self) -> list[tuple[str, tuple[str, ...]]]:
        """(what they are, names) for the labels and for the categories that match nothing, where there are any."""
        both = (
            ("labels that are no category", self.unmatched_labels),
            ("categories the model does not know", self.unmatched_categories),
        )
        return [(what, names) for what, names in both if names]


def load_annotations(path: Path) -> Annotations:
    """The annotations in `path`.

    Raises `ConfigError` that names missing image files, and unknown categories or images that annotations refer to.
    """
    content = read_coco_file(path)
    files = annotated_images(path)
    images = tuple((image["id"], file) for image, file in zip(content["images"], files, strict=True))
    categories = {category["id"]: category["name"] for category in content["categories"]}
    _check_references(path, content["annotations"], "category_id", categories)
    _check_references(path, content["annotations"], "image_id", {image_id for image_id, _ in images})
    return Annotations(path, {**content, "annotations": _completed(content["annotations"])}, images, categories)


def match(labels: Sequence[str], annotations: Annotations) -> Matching:
    """As `pair_up`, but raises `ConfigError` if no label has a category."""
    matching = pair_up(labels, annotations)
    if not matching.category_ids:
        raise ConfigError(
            f"{annotations.path}: none of its categories ({_listed(annotations.categories.values())}) is a label of "
            f"the model ({_listed(labels)}); is this the right label file?"
        )
    return matching


def pair_up(labels: Sequence[str], annotations: Annotations) -> Matching:
    """Match labels and categories by name, whatever the numbering (80, 90 or 91 classes)."""
    by_name = {normal_name(name): category_id for category_id, name in annotations.categories.items()}
    category_ids = {
        class_id: by_name[normal_name(label)] for class_id, label in enumerate(labels) if normal_name(label) in by_name
    }
    known = set(category_ids.values())
    return Matching(
        category_ids,
        tuple(label for i, label in enumerate(labels) if i not in category_ids and label not in PLACEHOLDERS),
        tuple(name for category_id, name in annotations.categories.items() if category_id not in known),
    )


def normal_name(name: str) -> str:
    """What a class is called in every set: in small letters, with spaces, and by COCO's word for it."""
    plain = name.strip().lower().replace("_", " ")
    return SYNONYMS.get(plain, plain)


def _check_references(path: Path, annotations: list[dict[str, Any]], key: str, known: Iterable[int]) -> None:
    known = set(known)
    unknown = sorted({each.get(key, "none") for each in annotations} - known, key=str)
    if unknown:
        kind = key.removesuffix("_id")
        raise ConfigError(
            f"{path}: annotations with unknown {kind} ids: {_listed(unknown)}; the file lists {len(known)}"
        )


def _completed(annotations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the area and the crowd flag that exporters leave out and the metric needs."""
    return [
        {"area": each["bbox"][2] * each["bbox"][3], "iscrowd": 0, **each, "id": number}
        for number, each in enumerate(annotations, start=1)  # the metric takes an id of 0 for "no match"
    ]


def _listed(names: Iterable[Any], count: int = 5) -> str:
    names = [str(name) for name in names]
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" if len(names) > count else "")
