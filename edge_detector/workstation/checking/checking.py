"""All checks of one or several data sets, and what they found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from edge_detector.workstation.checking.boxes import TINY_SIDE, box_problems
from edge_detector.workstation.checking.classes import class_problems
from edge_detector.workstation.checking.material import Material, material_of, sides_in_input, take_prints
from edge_detector.workstation.checking.photographs import photograph_problems
from edge_detector.workstation.data.labelled import Dataset, Problem


@dataclass(frozen=True, slots=True)
class ClassSummary:
    """One class in figures."""

    name: str
    photographs: int
    objects: dict[str, int]  # of each part
    median_side: float  # pixels of the model's input: the square root of a box's area; 0 without objects
    tiny: int


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """What was checked, and what is wrong with it: errors first, each kind together."""

    material: Material
    problems: tuple[Problem, ...]
    classes: tuple[ClassSummary, ...]

    @property
    def failed(self) -> bool:
        return any(problem.error for problem in self.problems)

    @property
    def by_kind(self) -> list[tuple[Problem, ...]]:
        """The problems, those of a kind together, errors first."""
        found: dict[tuple[bool, str], list[Problem]] = {}
        for problem in self.problems:
            found.setdefault((problem.error, problem.kind), []).append(problem)
        return [tuple(problems) for problems in found.values()]


def check(datasets: Sequence[Dataset], *, image_size: int) -> Check:
    """Check the sets, each by itself and against each other. Every photograph is read."""
    material = material_of(datasets, image_size)
    prints = take_prints(material.photographs)
    problems = [
        *(problem for dataset in datasets for problem in dataset.problems),
        *photograph_problems(material, prints),
        *class_problems(material),
        *box_problems(material),
    ]
    kinds = list(dict.fromkeys(problem.kind for problem in problems))
    problems.sort(key=lambda problem: (not problem.error, kinds.index(problem.kind)))
    return Check(material, tuple(problems), _summaries(material))


def _summaries(material: Material) -> tuple[ClassSummary, ...]:
    sides: dict[str, list[float]] = {name: [] for name in material.classes}
    photographs = dict.fromkeys(material.classes, 0)
    for photograph in material.photographs:
        for name, side in zip(photograph.labels, sides_in_input(photograph, material.image_size).tolist(), strict=True):
            sides[name].append(side)
        for name in set(photograph.labels):
            photographs[name] += 1
    return tuple(
        ClassSummary(
            name=name,
            photographs=photographs[name],
            objects={part: material.counts[part][name] for part in material.parts},
            median_side=median(np.nan_to_num(sides[name]).tolist()) if sides[name] else 0.0,
            tiny=sum(side < TINY_SIDE for side in sides[name]),
        )
        for name in sorted(material.classes, key=lambda name: -material.objects(name))
        if material.objects(name)
    )
