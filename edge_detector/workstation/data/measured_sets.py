"""Labelled photographs to measure a model against, from a set of any format that can be trained on."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.coco import Annotations, load_annotations
from edge_detector.workstation.data.labelled import TEST, VALIDATION, Dataset
from edge_detector.workstation.data.photographs import to_coco
from edge_detector.workstation.data.reading import read_dataset

log = logging.getLogger(__name__)

MEASURED_PARTS = (TEST, VALIDATION)  # of a set that has parts; the first that is there


def read_measured_set(path: Path) -> Annotations:
    """What the annotations at ``path`` say: a folder or file of any format that `read_dataset` reads.

    A .json file is taken as it is, with COCO's crowd regions. Of a set with parts, only its test part counts, or else
    its validation part; of one that is not exhaustive, only the classes for which it is. Raises `ConfigError` if
    anything is wrong with it.
    """
    if path.suffix.lower() == ".json":
        return load_annotations(path)
    dataset = _measured_part(read_dataset(path))
    classes = [name for name in dataset.classes if dataset.exhaustive is None or name in dataset.exhaustive]
    if not classes:
        raise ConfigError(
            f"{path}: none of its classes ({', '.join(dataset.classes)}) has a box wherever it is, so nothing can be "
            "measured on it; expected some in `exhaustive` of dataset.toml"
        )
    photographs = dataset.photographs(classes)
    return Annotations(
        path=path,
        content=to_coco(photographs, classes, path if path.is_dir() else path.parent),
        images=tuple((image_id, each.path) for image_id, each in enumerate(photographs)),
        categories=dict(enumerate(classes)),
    )


def _measured_part(dataset: Dataset) -> Dataset:
    part = next((name for name in MEASURED_PARTS if name in dataset.splits), None)
    if part is None:
        return dataset
    labelled = tuple(each for each in dataset.labelled if each.split == part)
    if len(labelled) < len(dataset.labelled):
        log.info("%s: %d of its %d photographs, the %s part", dataset.path, len(labelled), len(dataset.labelled), part)
    return replace(dataset, labelled=labelled)
