"""The photographs of a technique that trains: those to train on, and those held out to measure on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError
from edge_detector.workstation.data.coco import Annotations, Matching, load_annotations, pair_up
from edge_detector.workstation.data.images import find_images
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.techniques import Data

HOLD_OUT = 6  # one labelled photograph of so many is held out
FEWEST = 12  # labelled photographs: two to measure on, ten to train on
NAMED_CLASSES = 5


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """What a model is trained on, and what it is measured on."""

    training: tuple[Path, ...]  # the labelled photographs that are not held out, and the calibration photographs
    held_out: Annotations
    matching: Matching | None  # of labels and categories; None where none match: average precision means nothing there
    lines: tuple[str, ...]  # for the report


def read_training_data(material: Material) -> TrainingData:
    """The photographs of `--training` and of `--calibration`. Raises `ConfigError` for too few, or for missing files.

    The first of the labelled photographs and every `HOLD_OUT`-th after it are held out.
    """
    path = material.data[Data.TRAINING]
    annotations = load_annotations(path)
    if len(annotations.images) < FEWEST:
        raise ConfigError(
            f"{path}: {len(annotations.images)} photographs; training needs at least {FEWEST}, of which one in "
            f"{HOLD_OUT} is held out to measure on"
        )
    held_out = part_of(annotations, annotations.images[::HOLD_OUT])
    excluded = {file.resolve() for _, file in held_out.images}
    candidates = [file for _, file in annotations.images] + list(find_images(material.data[Data.CALIBRATION]))
    training = tuple(dict.fromkeys(file for file in candidates if file.resolve() not in excluded))
    matching = _matching(material, held_out)
    return TrainingData(training, held_out, matching, tuple(_lines(annotations, training, held_out, matching)))


def part_of(annotations: Annotations, images: tuple[tuple[int, Path], ...]) -> Annotations:
    """The annotations of some of the images."""
    chosen = {image_id for image_id, _ in images}
    content = {
        **annotations.content,
        "images": [each for each in annotations.content["images"] if each["id"] in chosen],
        "annotations": [each for each in annotations.content["annotations"] if each["image_id"] in chosen],
    }
    return Annotations(annotations.path, content, images, annotations.categories)


def _matching(material: Material, held_out: Annotations) -> Matching | None:
    """None without labels, or where no object has a category that is a label."""
    if material.labels is None:
        return None
    matching = pair_up(read_labels(material.labels, class_count=None), held_out)
    known = set(matching.category_ids.values())
    return matching if any(each["category_id"] in known for each in held_out.content["annotations"]) else None


def _lines(
    annotations: Annotations, training: tuple[Path, ...], held_out: Annotations, matching: Matching | None
) -> Iterator[str]:
    yield f"{len(training)} photographs to train on, {len(held_out.images)} of {annotations.path} held out"
    if matching is None:
        yield f"{annotations.path}: no object held out has a class of the model: average precision is not measured"
        return
    there = {each["category_id"] for each in held_out.content["annotations"]}
    missing = [annotations.categories[each] for each in matching.category_ids.values() if each not in there]
    if missing:
        rest = f" and {len(missing) - NAMED_CLASSES} more" if len(missing) > NAMED_CLASSES else ""
        yield f"classes without an object held out, so not measured: {', '.join(missing[:NAMED_CLASSES])}{rest}"
