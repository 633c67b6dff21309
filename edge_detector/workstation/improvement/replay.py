"""The photographs that keep a model from forgetting: with their own labels, or with those of the base itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_detector.config import Config
from edge_detector.detect.detector import Detector, open_detector
from edge_detector.errors import ConfigError
from edge_detector.image_files import read_image
from edge_detector.workstation.data.fingerprints import fingerprints_of
from edge_detector.workstation.data.format_table import FORMATS
from edge_detector.workstation.data.formats.locating import Folder
from edge_detector.workstation.data.grouping import DEFAULT_GROUPINGS, Photographs, groups_of
from edge_detector.workstation.data.images import find_images, spread
from edge_detector.workstation.data.labelled import TRAIN, VALIDATION, Dataset, LabelledPhotograph
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.reading import format_of, read_dataset
from edge_detector.workstation.data.splitting import split
from edge_detector.workstation.progress import progress

LEAST_SCORE = 0.3  # of the base, for what it teaches; below, it is wrong too often
MOST_PHOTOGRAPHS = 1000  # evenly spaced ones of a larger set: the training stays one of minutes
SHARES = (0.7, 0.3)  # to train on, and to see what was forgotten


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """Photographs of what the base knows."""

    training: tuple[Photograph, ...] = ()
    held_out: tuple[Photograph, ...] = ()
    open_classes: tuple[int, ...] = ()  # class_ids that may be on the photographs without a box
    is_taught: bool = False  # the labels are the base's own


def read_replay(path: Path, labels: Sequence[str], base: Path, *, seed: int) -> Replay:
    """The photographs in ``path``, with the objects of the classes ``labels``.

    A folder without annotations is labelled by the model ``base``. Raises `ConfigError` if there are too few, or none
    shows an object.
    """
    is_taught = path.is_dir() and not _has_annotations(path)
    dataset = taught(path, base) if is_taught else read_dataset(path)
    dataset = replace(dataset, labelled=_spread(dataset.labelled))
    training, held_out = _in_parts(dataset, labels, seed)
    if not any(len(each.objects) for each in held_out) or not any(len(each.objects) for each in training):
        raise ConfigError(
            f"--replay {path}: hardly an object of {len(labels)} classes on its {len(dataset.labelled)} photographs; "
            "expected photographs of what the base finds"
        )
    open_classes = tuple(np.flatnonzero(~_is_told(dataset, labels)).tolist())
    return Replay(tuple(training), tuple(held_out), open_classes, is_taught)


def _has_annotations(path: Path) -> bool:
    folder = Folder(path)
    return any(format_of(name).find(path, folder) for name in FORMATS)


def taught(folder: Path, base: Path) -> Dataset:
    """The photographs of a folder, with what the model ``base`` finds on them."""
    paths = spread(find_images(folder), MOST_PHOTOGRAPHS)
    with open_detector(Config(model=base, confidence=LEAST_SCORE)) as detector:
        labelled = tuple(_taught(path, detector) for path in progress(paths, "the base labels"))
        return Dataset(folder, "taught", labelled, detector.labels)


def _taught(path: Path, detector: Detector) -> LabelledPhotograph:
    result = detector.detect(read_image(path))
    found = result.detections
    names = tuple(detection.label for detection in found)
    return LabelledPhotograph(
        path=path,
        size=result.frame.size,
        boxes=found.boxes.astype(np.float64),
        labels=names,
        scores=found.scores,
        split="",
        where=path,
    )


def _spread(labelled: tuple[LabelledPhotograph, ...]) -> tuple[LabelledPhotograph, ...]:
    kept = set(spread([each.path for each in labelled], MOST_PHOTOGRAPHS))
    return tuple(each for each in labelled if each.path in kept)


def _in_parts(dataset: Dataset, labels: Sequence[str], seed: int) -> tuple[list[Photograph], list[Photograph]]:
    """Those to train on and those held out: by the set's own splits, or else by groups of what is alike."""
    if dataset.splits[:2] != (TRAIN, VALIDATION):
        paths = [each.path for each in dataset.labelled]
        groups = groups_of(Photographs(paths, fingerprints_of(paths)), DEFAULT_GROUPINGS)
        if len(groups) < len(SHARES):
            raise ConfigError(f"--replay {dataset.path}: all its photographs are alike; expected different ones")
        dataset = split(dataset, groups, SHARES, seed=seed).dataset
    return dataset.photographs(labels, split=TRAIN), dataset.photographs(labels, split=VALIDATION)


def _is_told(dataset: Dataset, labels: Sequence[str]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(C,) whether an empty place says that none of the class is there: a set is silent on classes it does not have."""
    is_there = np.array([label in dataset.classes for label in labels], np.bool_)
    return dataset.negatives(labels) & is_there
