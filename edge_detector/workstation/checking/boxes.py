"""Boxes that no training can use, or that are hard to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np

from edge_detector.boxes import area, contained, iou
from edge_detector.workstation.checking.material import Material, sides_in_input
from edge_detector.workstation.data.labelled import LabelledPhotograph, Problem

TINY_SIDE = 8  # pixels of the model's input: the square root of a box's area; below, there is little to see
INSIDE_SHARE = 0.98  # of a box's area; with less of it inside, the box leaves the photograph
SAME_BOX_IOU = 0.95  # of two boxes of one class: the object was labelled twice


def box_problems(material: Material) -> Iterator[Problem]:
    """What is wrong with single boxes."""
    for photograph in material.photographs:
        yield from _impossible(photograph)
        yield from _leaving(photograph)
        yield from _twice(photograph)
        yield from _tiny(photograph, material.image_size)


def _impossible(photograph: LabelledPhotograph) -> Iterator[Problem]:
    width, height = photograph.size
    for row in np.flatnonzero(~photograph.usable):
        box = photograph.boxes[row]
        said = f"{photograph.labels[row]} at {_written(box)}"
        problem = partial(Problem, where=str(photograph.path))
        if not np.isfinite(box).all():
            yield problem("box without numbers", message=f"{said}; expected four numbers")
        elif not area(box) > 0:
            yield problem("box without area", message=f"{said}; expected left < right and top < bottom")
        else:
            yield problem("box outside", message=f"{said}; the photograph has {width}x{height} pixels")


def _leaving(photograph: LabelledPhotograph) -> Iterator[Problem]:
    whole = np.array([0, 0, *photograph.size], np.float64)
    crossing = photograph.usable & (photograph.boxes != photograph.clipped).any(axis=1)
    for row in np.flatnonzero(crossing):
        box = photograph.boxes[row]
        if contained(box, whole) < INSIDE_SHARE:
            message = (
                f"{photograph.labels[row]} at {_written(box)}, beyond {whole[2]:.0f}x{whole[3]:.0f}; it is cut there"
            )
            yield Problem("box leaves the photograph", str(photograph.path), message, error=False)


def _twice(photograph: LabelledPhotograph) -> Iterator[Problem]:
    overlap = np.triu(iou(photograph.boxes[:, None], photograph.boxes), k=1)
    for row, other in np.argwhere(overlap > SAME_BOX_IOU).tolist():
        if photograph.labels[row] == photograph.labels[other]:
            message = f"two boxes of {photograph.labels[row]} at {_written(photograph.boxes[row])}"
            yield Problem("object labelled twice", str(photograph.path), message, error=False)


def _tiny(photograph: LabelledPhotograph, image_size: int) -> Iterator[Problem]:
    sides = sides_in_input(photograph, image_size)
    tiny = photograph.usable & (sides < TINY_SIDE)
    for row in np.flatnonzero(tiny):
        message = f"{photograph.labels[row]}: {sides[row]:.1f} pixels a side in an input of {image_size}x{image_size}"
        yield Problem("tiny box", str(photograph.path), message, error=False)


def _written(box: object) -> str:
    return ", ".join(f"{each:g}" for each in np.round(np.asarray(box, np.float64), 1))
