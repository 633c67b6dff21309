"""The photographs to train on, read from labelled sets of any format, with some held out to measure on."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.workstation.data.coco import normal_name
from edge_detector.workstation.data.fingerprints import fingerprints_of
from edge_detector.workstation.data.grouping import Photographs, groups_of
from edge_detector.workstation.data.labelled import TRAIN, VALIDATION, Dataset
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.reading import read_dataset
from edge_detector.workstation.data.splitting import split
from edge_detector.workstation.training.training_set import FEWEST_PHOTOGRAPHS, Part, TrainingSet

log = logging.getLogger(__name__)

HOLD_OUT = 6  # one photograph of about so many is held out
SHARES = (1 - 1 / HOLD_OUT, 1 / HOLD_OUT)
KEPT_TOGETHER = ("look", "burst", "time")  # photographs that look alike, or were taken one after the other


def read_training_set(data: Sequence[tuple[Path, float]], classes: Sequence[str] = ()) -> TrainingSet:
    """The photographs of all sets, each set with how often its photographs come in an epoch.

    Without `classes`, every class that has an object. A set without a validation split of its own gets one, in which
    the photographs of a burst stay together. Raises `ConfigError` for a set that is damaged, or cannot be learnt from.
    """
    sets = [(read_dataset(path), times) for path, times in data]
    labels = _checked_classes([each for each, _ in sets], classes)
    parts, validation = [], []
    for each, times in sets:
        training, held_out = _split(each, labels)
        parts.append(Part(training, times, _open_classes(each, labels)))
        validation += held_out
    return TrainingSet(labels, tuple(parts), tuple(validation))


def _checked_classes(sets: Sequence[Dataset], classes: Sequence[str]) -> tuple[str, ...]:
    """Those asked for, or else those of the sets that have objects, in the order of the sets."""
    used = {normal_name(label) for each in sets for photograph in each.labelled for label in photograph.labels}
    spelt: dict[str, str] = {}
    for label in (label for each in sets for label in each.classes if normal_name(label) in used):
        spelt.setdefault(normal_name(label), label)
    for label in classes:
        if normal_name(label) not in spelt:
            raise ConfigError(f"--classes: {unknown('class', label, spelt.values())}")
    if not spelt:
        raise ConfigError(f"{', '.join(str(each.path) for each in sets)}: no labelled objects; expected some")
    return tuple(dict.fromkeys(classes)) or tuple(spelt.values())


def _open_classes(data: Dataset, labels: tuple[str, ...]) -> tuple[int, ...]:
    """Those that may be on the set's photographs without a box: a set of raccoons says nothing of foxes."""
    theirs = set(map(normal_name, data.classes))
    foreign = np.array([bool(theirs) and normal_name(label) not in theirs for label in labels])
    return tuple(np.flatnonzero(foreign | ~data.negatives(labels)).tolist())


def _split(data: Dataset, labels: tuple[str, ...]) -> tuple[list[Photograph], list[Photograph]]:
    """The photographs to train on, and those to measure on. What a set keeps for a test is neither.

    Raises `ConfigError` that names the photographs that are damaged: now, not in the middle of the training.
    """
    if TRAIN in data.splits:
        kept = tuple(each for each in data.labelled if each.split in (TRAIN, VALIDATION))
        data = replace(data, labelled=kept)
    paths = [each.path for each in data.labelled]
    photographs = Photographs(paths, fingerprints_of(paths))
    if data.splits != (TRAIN, VALIDATION):
        data = _with_validation(data, photographs)
    return data.photographs(labels, split=TRAIN), data.photographs(labels, split=VALIDATION)


def _with_validation(data: Dataset, photographs: Photographs) -> Dataset:
    """The set with about one photograph in `HOLD_OUT` to measure on; what looks alike is on one side."""
    count = len(data.labelled)
    if count < FEWEST_PHOTOGRAPHS:
        return replace(data, labelled=tuple(replace(each, split=TRAIN) for each in data.labelled))
    groups = groups_of(photographs, KEPT_TOGETHER)
    if len(groups) < len(SHARES):
        log.warning("%s: all photographs look alike, so what is measured on some of them says little", data.path)
        groups = [[place] for place in range(count)]
    return split(data, groups, SHARES, seed=0).dataset
