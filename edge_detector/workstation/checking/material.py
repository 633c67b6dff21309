"""What is checked: the photographs of one or several data sets, each in a part such as training or validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import SourceError
from edge_detector.workstation.data.fingerprints import fingerprint, stacked
from edge_detector.workstation.data.labelled import TEST, TRAIN, Dataset, LabelledPhotograph, Problem
from edge_detector.workstation.progress import progress

NO_PART = "all"  # the only part of a set without splits


@dataclass(frozen=True, eq=False)
class Material:
    """The photographs of all sets; each of them is in one part."""

    datasets: tuple[Dataset, ...]
    photographs: tuple[LabelledPhotograph, ...]  # `split` is the name of the part
    image_size: int  # pixels: the side of the model's input

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts, training first, test last."""
        names = dict.fromkeys(each.split for each in self.photographs)
        return tuple(sorted(names, key=lambda name: (name != TRAIN, name == TEST)))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Every class that a set names or that a label has."""
        declared = [name for dataset in self.datasets for name in dataset.classes]
        used = [name for photograph in self.photographs for name in photograph.labels]
        return tuple(dict.fromkeys([*declared, *used]))

    @cached_property
    def counts(self) -> dict[str, dict[str, int]]:
        """Part -> class -> its objects, for every class and part."""
        found = {part: dict.fromkeys(self.classes, 0) for part in self.parts}
        for photograph in self.photographs:
            for name in photograph.labels:
                found[photograph.split][name] += 1
        return found

    def objects(self, name: str) -> int:
        """Of the class, in all parts."""
        return sum(counts[name] for counts in self.counts.values())


@dataclass(frozen=True, slots=True, eq=False)
class Prints:
    """The fingerprints of those photographs that can be decoded."""

    rows: NDArray[np.bool_]  # (P, 255)
    places: tuple[int, ...]  # (P,) of which photograph
    problems: tuple[Problem, ...]


def material_of(datasets: Sequence[Dataset], image_size: int) -> Material:
    """The photographs of all sets. Those of a set without splits are a part of the set's name, if there are several."""
    photographs: list[LabelledPhotograph] = []
    stems = [dataset.path.stem for dataset in datasets]
    for dataset, stem in zip(datasets, stems, strict=True):
        name = NO_PART if len(datasets) == 1 else stem if stems.count(stem) == 1 else str(dataset.path)
        photographs += [replace(each, split=each.split or name) for each in dataset.labelled]
    return Material(tuple(datasets), tuple(photographs), image_size)


def sides_in_input(photograph: LabelledPhotograph, image_size: int) -> NDArray[np.float64]:
    """(N,) the square root of each box's area, in pixels of the model's input, which is stretched to a square."""
    boxes = photograph.clipped * image_size / np.array(photograph.size * 2, np.float64)
    sides: NDArray[np.float64] = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1))
    return sides


def take_prints(photographs: Sequence[LabelledPhotograph]) -> Prints:
    """Read every photograph whole; those that are damaged are problems."""
    rows, places, problems = [], [], []
    for place, photograph in enumerate(progress(photographs, "photographs")):
        try:
            rows.append(fingerprint(photograph.path))
            places.append(place)
        except SourceError as error:
            problems.append(Problem("unreadable image", str(photograph.path), str(error)))
    return Prints(stacked(rows), tuple(places), tuple(problems))
