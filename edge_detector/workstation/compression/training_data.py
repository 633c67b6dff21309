"""The photographs of a technique that trains: those to train on, and those held out to measure on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError
from edge_detector.workstation.classification.pictures import LabelledPicture, class_ids, read_pictures
from edge_detector.workstation.compression.held_out import HeldOut, HeldOutObjects, HeldOutPictures
from edge_detector.workstation.data.coco import Annotations, Matching, load_annotations, pair_up
from edge_detector.workstation.data.images import find_images
from edge_detector.workstation.graph.classifier import CLASSIFIER
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.techniques import Data

HOLD_OUT = 6  # one labelled photograph of so many is held out
FEWEST = 12  # labelled photographs: two to measure on, ten to train on
NAMED_CLASSES = 5


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """What a model is trained on, and what it is measured on."""

    training: tuple[Path, ...]  # the labelled photographs that are not held out, and the calibration photographs
    held_out: HeldOut
    lines: tuple[str, ...]  # for the report


def read_training_data(material: Material) -> TrainingData:
    """The photographs of `--training` and of `--calibration`. Raises `ConfigError` for too few, or for missing files.

    The first of the labelled photographs and every `HOLD_OUT`-th after it are held out; of a classifier's pictures
    those of each class.
    """
    return _pictures(material) if material.source.manifest.family == CLASSIFIER else _photographs(material)


def _photographs(material: Material) -> TrainingData:
    """Those with annotated objects."""
    annotations = load_annotations(material.data[Data.TRAINING])
    files = [file for _, file in annotations.images]
    _check_enough(material, files)
    held_out = part_of(annotations, annotations.images[::HOLD_OUT])
    matching = _matching(material, held_out)
    training = _to_train_on(material, files, [file for _, file in held_out.images])
    lines = tuple(_lines(annotations, training, held_out, matching))
    return TrainingData(training, HeldOutObjects(held_out, matching), lines)


def _pictures(material: Material) -> TrainingData:
    """Those of a known class."""
    path = material.data[Data.TRAINING]
    pictures = read_pictures(path)
    if material.labels is not None:
        class_ids(pictures, read_labels(material.labels, class_count=None))  # raises for classes that are no labels
    files = [each.path for each in pictures]
    _check_enough(material, files)
    held_out = tuple(_some_of_each_class(pictures))
    training = _to_train_on(material, files, [each.path for each in held_out])
    line = f"{len(training)} pictures to train on, {len(held_out)} of {path} held out"
    return TrainingData(training, HeldOutPictures(held_out, named=material.labels is not None), (line,))


def _some_of_each_class(pictures: Sequence[LabelledPicture]) -> Iterator[LabelledPicture]:
    """The first of the pictures of each class, and every `HOLD_OUT`-th after it; not the only one of a class."""
    for label in dict.fromkeys(each.label for each in pictures):
        alike = [each for each in pictures if each.label == label]
        yield from alike[::HOLD_OUT] if len(alike) > 1 else ()


def _check_enough(material: Material, files: Sequence[Path]) -> None:
    if len(files) < FEWEST:
        raise ConfigError(
            f"{material.data[Data.TRAINING]}: {len(files)} photographs; training needs at least {FEWEST}, of which "
            f"one in {HOLD_OUT} is held out to measure on"
        )


def _to_train_on(material: Material, labelled: Sequence[Path], held_out: Sequence[Path]) -> tuple[Path, ...]:
    """The labelled photographs that are not held out, and the calibration photographs."""
    excluded = {file.resolve() for file in held_out}
    candidates = [*labelled, *find_images(material.data[Data.CALIBRATION])]
    return tuple(dict.fromkeys(file for file in candidates if file.resolve() not in excluded))


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
