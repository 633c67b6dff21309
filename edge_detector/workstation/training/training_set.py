"""The photographs of a training run: those that the model is trained on, and those that are held out to measure it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.data.photographs import Photograph, as_annotations

HELD_OUT_SCORE = 0.35  # a teacher's proposal on a held-out photograph counts as an object from this score on
FEWEST_PHOTOGRAPHS = 2  # one to train on, and one to measure on
FEW_PHOTOGRAPHS = 30


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Photographs that are shown equally often."""

    photographs: Sequence[Photograph]
    times: float = 1.0  # each photograph in an epoch
    open_classes: tuple[int, ...] = ()  # class_ids that may be on the photographs without a box


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """What a model is trained on, and what it is measured on."""

    labels: tuple[str, ...]  # the label of class_id 0, 1, ...
    parts: tuple[Part, ...]
    validation: tuple[Photograph, ...]
    known: frozenset[str] = frozenset()  # labels that the base has learnt already: they may be on no photograph
    held_out: Annotations = field(init=False)  # the validation photographs, as a truth to measure against

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a set that nothing can be learnt from."""
        truth = as_annotations(self.validation, self.labels, least_score=HELD_OUT_SCORE)
        object.__setattr__(self, "held_out", truth)
        _check(self)

    @property
    def photographs(self) -> list[Photograph]:
        """Those to train on, each once."""
        return [photograph for part in self.parts for photograph in part.photographs]

    @property
    def size(self) -> int:
        """Photographs an epoch."""
        return len(self.sample_epoch(np.random.default_rng(0)))

    def sample_epoch(self, rng: np.random.Generator) -> list[tuple[Photograph, tuple[int, ...]]]:
        """Every photograph as often as its part says, with its open classes; for a fraction, a random choice."""
        return [(each, part.open_classes) for part in self.parts for each in _repeated(part, rng)]


def _check(data: TrainingSet) -> None:
    photographs, learnt, measured = data.photographs, _counts(data.photographs), _counts(data.validation)
    if len(photographs) + len(data.validation) < FEWEST_PHOTOGRAPHS or not photographs:
        raise ConfigError(
            f"{len(photographs)} photographs to train on and {len(data.validation)} to measure on; expected at least "
            f"one of each, and {FEW_PHOTOGRAPHS} or more for a detector that is of use"
        )
    if not data.validation or not measured:
        raise ConfigError(
            f"none of the {len(data.validation)} validation photographs shows {' or '.join(data.labels)}; expected "
            "some objects to measure on"
        )
    able = {*learnt, *(class_id for class_id, label in enumerate(data.labels) if label in data.known)}
    missing = [f"{data.labels[each]!r} ({count} objects)" for each, count in measured.items() if each not in able]
    if missing:
        raise ConfigError(
            f"only on validation photographs, so it cannot be learnt: {', '.join(missing)}; is the label misspelt? "
            "Expected it on training photographs too, or --classes without it"
        )
    unseen = [label for class_id, label in enumerate(data.labels) if class_id not in able]
    if unseen:
        raise ConfigError(f"no training photograph shows {', '.join(unseen)}; expected --classes without it")


def _counts(photographs: Iterable[Photograph]) -> dict[int, int]:
    """Objects of each class that has some."""
    class_ids = [photograph.objects.class_ids for photograph in photographs]
    found, counts = np.unique(np.concatenate([np.empty(0, np.int32), *class_ids]), return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _repeated(part: Part, rng: np.random.Generator) -> list[Photograph]:
    whole, fraction = divmod(part.times, 1)
    some = rng.permutation(len(part.photographs))[: round(fraction * len(part.photographs))]
    return [*part.photographs] * int(whole) + [part.photographs[i] for i in some]
