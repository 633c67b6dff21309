"""Label files in all common forms, checked against the number of classes so that no label moves to another class."""

from __future__ import annotations

import re
from pathlib import Path

from edge_detector.errors import ConfigError

BACKGROUND = ("???", "background", "__background__", "_background_")
UNUSED = "???"  # how files name a class_id that stands for nothing


def read_labels(path: Path, *, class_count: int | None, base: str = "auto") -> tuple[str, ...]:
    """The labels by class_id from 0, for a model with ``class_count`` classes (None: unknown, the file decides).

    Files may begin with a background line (``???``), number their lines (``0 person``, ``1: person``) from ``base``
    0 or 1, and leave numbers out. Raises `ConfigError` if the file cannot be read or does not fit the model.
    """
    lines = _lines(path)
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if lines and all(numbered):
        labels = _by_number({int(match[1]): match[2] for match in numbered if match}, path, class_count, base)
    else:
        labels = _without_background(lines, class_count)
    if class_count is not None and len(labels) != class_count:
        raise ConfigError(f"{path}: {len(labels)} labels but the model has {class_count} classes; {_advice(lines)}")
    if not labels:
        raise ConfigError(f"{path}: no labels; expected one a line")
    return tuple(labels)


_NUMBERED = re.compile(r"(\d+)\s*[:,]?\s+(\S.*)")


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the labels: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file; expected one label a line") from None
    lines = [line.strip() for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise ConfigError(f"{path}: line {lines.index('') + 1} is empty; each line is the label of one class_id")
    return lines


def _without_background(lines: list[str], class_count: int | None) -> list[str]:
    has_background = bool(lines) and lines[0].lower() in BACKGROUND
    if has_background and (class_count is None or len(lines) == class_count + 1):
        return lines[1:]
    return lines


def _by_number(labels: dict[int, str], path: Path, class_count: int | None, base: str) -> list[str]:
    if labels.get(0, "").lower() in BACKGROUND and max(labels) == class_count:
        del labels[0]
    if base == "auto":
        base = _base(labels, path, class_count)
    first, last = min(labels), max(labels)
    if first < int(base):
        raise ConfigError(f"{path}: a label has the number {first}, but --label-base says they begin at {base}")
    count = last - int(base) + 1 if class_count is None else max(class_count, last - int(base) + 1)
    return [labels.get(class_id + int(base), UNUSED) for class_id in range(count)]


def _base(labels: dict[int, str], path: Path, class_count: int | None) -> str:
    """0 or 1: the number that stands for class_id 0; `ConfigError` if the numbers allow both."""
    first, last = min(labels), max(labels)
    if first == 0:
        return "0"
    if class_count is not None and last == class_count:
        return "1"
    raise ConfigError(
        f"{path}: the numbers run from {first} to {last}; does the first class have 0 or 1? Say --label-base 0 or 1"
    )


def _advice(lines: list[str]) -> str:
    if lines[:1] and lines[0].lower() in BACKGROUND:
        return f"is the {lines[0]!r} line meant as a class?"
    return "is this the label file of another model? (COCO comes with 80, 90 or 91 lines)"
