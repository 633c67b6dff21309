"""From what annotation files say to photographs that are there: sizes come from the image files."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import SourceError
from edge_detector.types import Size
from edge_detector.workstation.data.labelled import Entry, LabelledPhotograph, Problem
from edge_detector.workstation.data.picture_headers import Header, read_header, turned_upright

log = logging.getLogger(__name__)

SAME_SHAPE = 0.02  # two sizes are of the same shape if their width by height differs by no more than this share


def completed(entries: Iterable[Entry]) -> tuple[tuple[LabelledPhotograph, ...], tuple[Problem, ...]]:
    """The photographs that can be opened, with boxes in pixels of the upright picture, and what is wrong."""
    photographs: list[LabelledPhotograph] = []
    problems: list[Problem] = []
    annotated: dict[Path, Path] = {}  # photograph -> the annotations that spoke of it first
    for entry in entries:
        if entry.image in annotated:
            message = f"{entry.name} has annotations in {annotated[entry.image]} already; put all its boxes into one"
            problems.append(Problem("annotated twice", str(entry.where), message))
            continue
        try:
            photograph, found = _completed(entry)
        except SourceError as error:
            problems.append(Problem("unreadable image", str(entry.image), str(error)))
            continue
        problems += found
        if photograph is not None:
            photographs.append(photograph)
            annotated[photograph.path] = entry.where
    return tuple(photographs), tuple(problems)


def _completed(entry: Entry) -> tuple[LabelledPhotograph | None, list[Problem]]:
    if entry.image is None:
        message = f"the photograph {entry.name!r} is not there; expected it beside the annotations, or in images/"
        return None, [Problem("missing image", str(entry.where), message)]
    header = read_header(entry.image)
    boxes = np.array([label.box for label in entry.labels], np.float64).reshape(-1, 4)
    photograph = LabelledPhotograph(
        path=entry.image,
        size=header.size,
        boxes=_upright_pixels(boxes, entry, header),
        labels=tuple(label.name for label in entry.labels),
        scores=np.array([label.score for label in entry.labels], np.float32),
        split=entry.split,
        where=entry.where,
        rotated=header.turned,
    )
    return photograph, [*_size_problems(entry, header), *_rotation_problems(entry, header)]


def _upright_pixels(boxes: NDArray[np.float64], entry: Entry, header: Header) -> NDArray[np.float64]:
    """The boxes in pixels of the upright picture."""
    stored = _of_stored_picture(entry, header)
    fractions = boxes if entry.fractions else boxes / np.array(_labelled_size(entry, header) * 2, np.float64)
    upright = turned_upright(fractions, header.orientation) if stored else fractions
    return upright * np.array(header.size * 2, np.float64)


def _labelled_size(entry: Entry, header: Header) -> Size:
    """The size of the picture that the boxes in pixels were drawn on.

    A stated size of the same shape as the file's means that the photograph was scaled after it was labelled.
    """
    size = header.stored_size if _of_stored_picture(entry, header) else header.size
    stated = entry.stated_size
    return stated if stated is not None and _same_shape(stated, size) else size


def _of_stored_picture(entry: Entry, header: Header) -> bool:
    """Whether the labels are of the picture as stored, before EXIF turns it: only the stated size tells."""
    return header.turned and entry.stated_size == header.stored_size != header.size


def _same_shape(size: Size, other: Size) -> bool:
    return abs(size[0] * other[1] / (size[1] * other[0]) - 1) <= SAME_SHAPE


def _size_problems(entry: Entry, header: Header) -> list[Problem]:
    stated = entry.stated_size
    if stated is None or stated in (header.size, header.stored_size):
        return []
    problem = partial(Problem, "other size", str(entry.where))
    sizes = f"says {stated[0]}x{stated[1]}, but {entry.name} has {header.size[0]}x{header.size[1]}"
    if _same_shape(stated, header.size):
        return [problem(f"{sizes}; the boxes are scaled to that", error=False)]
    if entry.fractions:
        return [problem(f"{sizes}; the boxes, fractions, are taken as they are", error=False)]
    return [problem(f"{sizes}, another shape; is it the photograph that was labelled?")]


def _rotation_problems(entry: Entry, header: Header) -> list[Problem]:
    if not header.turned:
        return []
    which = "as stored, before that" if _of_stored_picture(entry, header) else "upright"
    message = f"its EXIF data turns it; the boxes are taken to be of the picture {which}"
    return [Problem("EXIF rotation", str(entry.image), message, error=False)]
