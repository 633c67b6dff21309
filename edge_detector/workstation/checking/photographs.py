"""Photographs that are there twice or almost, that nobody labelled, or that are too few."""

from __future__ import annotations

from collections.abc import Iterator

from edge_detector.workstation.checking.material import Material, Prints
from edge_detector.workstation.data.fingerprints import ALIKE, alike
from edge_detector.workstation.data.labelled import LabelledPhotograph, Problem


def photograph_problems(material: Material, prints: Prints) -> Iterator[Problem]:
    """What is wrong with the photographs as such."""
    yield from prints.problems
    yield from _alike(material, prints)
    for dataset in material.datasets:
        for path in dataset.unlabelled:
            kept = "taken as a photograph without objects" if dataset.format == "yolo" else "left out"
            yield Problem("image without annotations", str(path), kept, error=False)
    if len(material.photographs) == 1:
        message = "one photograph only: nothing is left to measure on"
        yield Problem("one photograph", str(material.photographs[0].path), message, error=False)


def _alike(material: Material, prints: Prints) -> Iterator[Problem]:
    """In two parts it is an error: the model is measured on what it has learned by heart.

    Of each photograph the nearest in its own part and the nearest in another is said, for there may be thousands.
    """
    nearest: dict[tuple[int, bool], tuple[float, int]] = {}
    for row, later_row, share in alike(prints.rows, ALIKE):
        place, later = prints.places[row], prints.places[later_row]
        first, second = material.photographs[place], material.photographs[later]
        apart = first.split != second.split
        if apart or first.path != second.path:
            nearest[later, apart] = min(nearest.get((later, apart), (1.0, place)), (share, place))
    for (later, apart), (share, place) in sorted(nearest.items()):
        yield _pair(material.photographs[later], material.photographs[place], share, apart=apart)


def _pair(photograph: LabelledPhotograph, other: LabelledPhotograph, share: float, *, apart: bool) -> Problem:
    kind = f"image {'twice' if share == 0 else 'almost twice'}{', in two parts' if apart else ''}"
    parts = f" in {other.split}, this one in {photograph.split}" if apart else ""
    message = f"{'the same as' if share == 0 else 'looks like'} {other.path.name}{parts}"
    return Problem(kind, str(photograph.path), message, error=apart)
