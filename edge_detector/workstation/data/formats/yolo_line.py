"""A line of a YOLO label file: class, then a box (x, y, width, height) or a polygon, as fractions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.labelled import Corners, Label, LabelledPhotograph

BOX_NUMBERS = 4
LEAST_POLYGON = 6  # numbers: three corners


def parse_label(line: str, classes: Sequence[str], *, keypoints: bool) -> Label:
    """The object of a line, its box in fractions of the photograph.

    ``keypoints``: whether they follow the box. Raises `ConfigError` that says what is wrong with the line.
    """
    first, *words = line.split()
    name = classes[_class_id(first, len(classes))]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise ConfigError(f"{line[:80]!r} has a word that is no number") from None
    if keypoints:
        numbers = numbers[:BOX_NUMBERS]
    if len(numbers) == BOX_NUMBERS + 1:
        return Label(_corners(numbers[:BOX_NUMBERS]), name, _score(numbers[BOX_NUMBERS]))
    if len(numbers) >= LEAST_POLYGON and len(numbers) % 2 == 0:
        xs, ys = numbers[::2], numbers[1::2]
        return Label((min(xs), min(ys), max(xs), max(ys)), name)  # the box around a polygon
    if len(numbers) != BOX_NUMBERS:
        raise ConfigError(f"{len(numbers) + 1} values; expected class x y width height, or class and a polygon")
    return Label(_corners(numbers), name)


def label_lines(photograph: LabelledPhotograph, classes: Sequence[str]) -> Iterator[str]:
    """The lines of a photograph's label file."""
    width, height = photograph.size
    for name, (x1, y1, x2, y2) in zip(photograph.labels, photograph.boxes.tolist(), strict=True):
        numbers = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        yield " ".join([str(classes.index(name)), *(f"{number:.6f}" for number in numbers)]) + "\n"


def _class_id(word: str, count: int) -> int:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise ConfigError(f"class {word!r}; expected a whole number from 0 to {count - 1}")
    if not 0 <= number < count:
        raise ConfigError(f"class {word}, but there are {count}: 0 to {count - 1}")
    return int(number)


def _score(score: float) -> float:
    if not 0 < score <= 1:
        raise ConfigError(f"score {score:g}; expected more than 0, at most 1")
    return score


def _corners(numbers: Sequence[float]) -> Corners:
    x, y, width, height = numbers
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
