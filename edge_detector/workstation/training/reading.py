"""The photographs to train on, read from labelled sets of any format, with some held out to measure on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.workstation.data.labelled import TRAIN, VALIDATION, Dataset
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.reading import read_dataset
from edge_detector.workstation.training.training_set import Part, TrainingSet

HOLD_OUT = 6  # one photograph of about so many is held out
RUNS = 10  # of neighbours that are held out together


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
        unlabelled = tuple(np.flatnonzero(~each.negatives(labels)).tolist())
        parts.append(Part(training, times, unlabelled))
        validation += held_out
    return TrainingSet(labels, tuple(parts), tuple(validation))


def _checked_classes(sets: Sequence[Dataset], classes: Sequence[str]) -> tuple[str, ...]:
    """Those asked for, or else those of the sets that have objects, in the order of the sets."""
    used = {label for each in sets for photograph in each.labelled for label in photograph.labels}
    known = list(dict.fromkeys(label for each in sets for label in each.classes if label in used))
    for label in classes:
        if label not in known:
            raise ConfigError(f"--classes: {unknown('class', label, known)}")
    if not known:
        raise ConfigError(f"{', '.join(str(each.path) for each in sets)}: no labelled objects; expected some")
    return tuple(dict.fromkeys(classes)) or tuple(known)


def _split(data: Dataset, labels: tuple[str, ...]) -> tuple[list[Photograph], list[Photograph]]:
    """The photographs to train on, and those to measure on. What a set keeps for a test is neither."""
    if TRAIN not in data.splits:
        return hold_out(data.photographs(labels))
    training = data.photographs(labels, split=TRAIN)
    return (training, data.photographs(labels, split=VALIDATION)) if VALIDATION in data.splits else hold_out(training)


def hold_out(photographs: Sequence[Photograph]) -> tuple[list[Photograph], list[Photograph]]:
    """Those to train on, and about one in `HOLD_OUT` to measure on: runs of neighbours in the order of their names.

    Photographs of a burst are neighbours. A class that would only be measured goes back to those to train on.
    """
    ordered = sorted(photographs, key=lambda each: _natural(each.path))
    length = max(1, round(len(ordered) / HOLD_OUT / RUNS))
    chosen = [(place // length) % HOLD_OUT == HOLD_OUT // 2 for place in range(len(ordered))]
    if not any(chosen) and len(ordered) > 1:
        chosen[len(ordered) // 2] = True
    training = [each for each, held in zip(ordered, chosen, strict=True) if not held]
    held_out = [each for each, held in zip(ordered, chosen, strict=True) if held]
    learnt = {class_id for each in training for class_id in each.objects.class_ids.tolist()}
    back = [each for each in held_out if not learnt.issuperset(each.objects.class_ids.tolist())]
    return [*training, *back], [each for each in held_out if not any(each is one for one in back)]


def _natural(path: Path) -> list[tuple[int, str]]:
    """A sort key that puts photo-9 before photo-10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", str(path)) if part]
