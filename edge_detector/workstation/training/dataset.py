"""The photographs of a training run: those that the model is trained on, and those that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.data.photographs import Photograph, as_annotations, read_photographs
from edge_detector.workstation.training.recipe import Recipe

HOLD_OUT = 6  # one photograph of so many is held out: the model is measured on it, not trained on it
HELD_OUT_SCORE = 0.35  # a teacher's proposal on a held-out photograph counts as an object from this score on


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """What a model is trained on, and what it is measured on."""

    parts: tuple[tuple[list[Photograph], float], ...]  # photographs, and how often each comes in an epoch
    held_out: Annotations

    @property
    def size(self) -> int:
        """Photographs an epoch."""
        return len(self.sample_epoch(np.random.default_rng(0)))

    def sample_epoch(self, rng: np.random.Generator) -> list[Photograph]:
        """Every photograph as often as its part says; for a fraction, a random choice of the part."""
        return [photograph for part, times in self.parts for photograph in _repeated(part, times, rng)]


def read_dataset(recipe: Recipe, labels: Sequence[str]) -> Dataset:
    """The photographs of all files of the recipe, with the objects whose category is one of `labels`.

    Of each file, the first photograph and every `HOLD_OUT`-th after it is held out. Raises `ConfigError` for a file
    that is damaged, or of which no category is a label.
    """
    files = [(read_photographs(path, labels), times) for path, times in recipe.data]
    held_out = [photograph for photographs, _ in files for photograph in photographs[::HOLD_OUT]]
    parts = tuple(([each for i, each in enumerate(file) if i % HOLD_OUT], times) for file, times in files)
    return Dataset(parts, as_annotations(held_out, labels, least_score=HELD_OUT_SCORE))


def _repeated(photographs: list[Photograph], times: float, rng: np.random.Generator) -> list[Photograph]:
    whole, fraction = divmod(times, 1)
    some = rng.permutation(len(photographs))[: round(fraction * len(photographs))]
    return photographs * int(whole) + [photographs[i] for i in some]
