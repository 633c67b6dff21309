"""How models of one kind are measured in a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from edge_detector.workstation.comparison.making import MadeModel
from edge_detector.workstation.comparison.rows import Accuracy
from edge_detector.workstation.comparison.store import Store
from edge_detector.workstation.data.coco import Annotations

Seen = TypeVar("Seen")  # what a model says of the pictures


class Examination(Protocol[Seen]):
    """Pictures of which the truth is known; it is made of the path of the truth."""

    @property
    def paths(self) -> Sequence[Path]:
        """The pictures."""

    @property
    def annotations(self) -> Annotations | None:
        """The objects on them; None of pictures for classifiers."""

    def observe(self, model: MadeModel, store: Store) -> Seen:
        """What the model says of the pictures, which `store` may have. Raises `ModelError` if it does not run."""

    def accuracies(self, models: Sequence[Path], observed: Sequence[Seen], /) -> list[Accuracy]:
        """The figures of each, of which the first is the reference."""
