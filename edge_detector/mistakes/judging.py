"""What a person says of a picture, as the page sends it: checked, and made into marks."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.mistakes.record import MISSED, RELABELLED, RIGHT, WRONG, Mark, Marked
from edge_detector.registry import unknown
from edge_detector.types import Box

LONGEST_LABEL = 60  # characters
MOST_OBJECTS = 300  # of one picture
LEAST_SIDE = 2.0  # pixels, of a box
KEYS = ("objects", "exhaustive")
EXAMPLE = '{"objects": [{"found": 0, "verdict": "wrong"}], "exhaustive": ["dog"]}'


def judged(picture: Marked, given: Any) -> Marked:
    """``picture`` with what a person says of it.

    ``given``: objects, each with the number ``found`` of what the detector found and a ``verdict`` (right, wrong, or
    relabelled with a ``label``), or one that was missed, with a ``box`` in pixels and a ``label``; and the classes for
    which all of the picture is marked, ``exhaustive``. Raises `ConfigError` if it is not that.
    """
    if not isinstance(given, Mapping) or not isinstance(given.get("objects"), list):
        raise ConfigError(f"marks: expected an object such as {EXAMPLE}")
    for key in given:
        if key not in KEYS:
            raise ConfigError(f"marks: {unknown('key', str(key), KEYS)}")
    if len(given["objects"]) > MOST_OBJECTS:
        raise ConfigError(f"marks: {len(given['objects'])} objects; expected at most {MOST_OBJECTS}")
    marks = tuple(_mark(each, picture, f"marks: object {n}") for n, each in enumerate(given["objects"], start=1))
    _refuse_twice(marks)
    exhaustive = _exhaustive(given.get("exhaustive", []))
    return replace(picture, marks=marks, exhaustive=exhaustive, is_judged=True)


def _mark(given: Any, picture: Marked, where: str) -> Mark:
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: expected an object such as {EXAMPLE}")
    if "box" in given:
        return Mark(MISSED, _label(given.get("label"), where), _box(given["box"], picture, where))
    number, verdict = given.get("found"), given.get("verdict")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(picture.found):
        raise ConfigError(f"{where}: found is {number!r}; expected 0 to {len(picture.found) - 1}, or a box")
    if verdict not in (RIGHT, WRONG, RELABELLED):
        raise ConfigError(f"{where}: {unknown('verdict', str(verdict), (RIGHT, WRONG, RELABELLED))}")
    found = picture.found[number]
    label = _label(given.get("label"), where) if verdict == RELABELLED else found.label
    if verdict == RELABELLED and label == found.label:
        verdict = RIGHT
    return Mark(verdict, label, found.box, number)


def _label(label: Any, where: str) -> str:
    """Without space around it. Raises `ConfigError` for what is no name of a class."""
    name = label.strip() if isinstance(label, str) else ""
    if not name or len(name) > LONGEST_LABEL or not name.isprintable():
        raise ConfigError(f"{where}: label is {label!r}; expected the name of a class, such as 'cat'")
    return name


def _box(given: Any, picture: Marked, where: str) -> Box:
    """Inside the picture."""
    width, height = picture.size
    is_box = isinstance(given, list) and len(given) == 4 and all(_is_number(edge) for edge in given)
    if not is_box:
        raise ConfigError(f"{where}: box is {given!r}; expected x1, y1, x2, y2 in pixels, such as [10, 20, 110, 220]")
    x1, x2 = (min(max(float(edge), 0.0), float(width)) for edge in given[0::2])
    y1, y2 = (min(max(float(edge), 0.0), float(height)) for edge in given[1::2])
    if x2 - x1 < LEAST_SIDE or y2 - y1 < LEAST_SIDE:
        raise ConfigError(f"{where}: box is {given}; expected one of {LEAST_SIDE:g} pixels or more in {width}x{height}")
    return x1, y1, x2, y2


def _is_number(edge: Any) -> bool:
    return isinstance(edge, int | float) and not isinstance(edge, bool) and math.isfinite(edge)


def _refuse_twice(marks: Collection[Mark]) -> None:
    numbers = [mark.found for mark in marks if mark.found is not None]
    twice = {number for number in numbers if numbers.count(number) > 1}
    if twice:
        raise ConfigError(f"marks: two objects say something of what was found as number {min(twice)}; expected one")


def _exhaustive(given: Any) -> tuple[str, ...]:
    if not isinstance(given, list) or len(given) > MOST_OBJECTS:
        raise ConfigError(f'marks: exhaustive is {given!r}; expected a list of classes such as ["dog"]')
    return tuple(dict.fromkeys(_label(each, "marks: exhaustive") for each in given))
