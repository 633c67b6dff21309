"""Pictures whose class is known: a folder for each class, or a list file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.images import find_images

NAMED_AT_MOST = 5  # names that one message lists
LIST_FILES = (".csv", ".txt")


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """A picture and the name of its class."""

    path: Path
    label: str


def read_pictures(where: Path) -> tuple[LabelledPicture, ...]:
    """The pictures in a folder with a folder for each class, or those that a list file names, in a stable order.

    A line of a list file is "picture,class"; the picture lies relative to the file. Raises `ConfigError` if there are
    none, or if files that the list names are missing.
    """
    if not where.exists():
        raise ConfigError(f"{where}: no such folder or file; expected a folder for each class in it, or a .csv file")
    pictures = _in_folders(where) if where.is_dir() else _in_list(where)
    if not pictures:
        raise ConfigError(f"{where}: no pictures in it; expected a folder for each class, with pictures in it")
    return pictures


def class_ids(pictures: Sequence[LabelledPicture], labels: Sequence[str]) -> NDArray[np.int64]:
    """(N,) the class of each picture: the place of its label among `labels`, whatever the case and the underscores.

    Raises `ConfigError` if a picture's class is none of them, or several.
    """
    by_name = {_plain(label): class_id for class_id, label in enumerate(labels)}
    unknown = sorted({each.label for each in pictures} - {each.label for each in of_known_classes(pictures, labels)})
    if unknown:
        raise ConfigError(
            f"classes of the pictures that are no label of the model: {_listed(unknown)}; its labels are "
            f"{_listed(labels)}"
        )
    _check_unambiguous({_plain(each.label) for each in pictures}, labels)
    return np.array([by_name[_plain(each.label)] for each in pictures], np.int64)


def _check_unambiguous(names: set[str], labels: Sequence[str]) -> None:
    """Raises `ConfigError` for a class of the pictures that is the label of several classes of the model."""
    plain = [_plain(label) for label in labels]
    twice = sorted(name for name in names if plain.count(name) > 1)
    if twice:
        lines = " and ".join(str(number) for number, name in enumerate(plain, 1) if name == twice[0])
        raise ConfigError(
            f"labels: {twice[0]!r} is there {plain.count(twice[0])} times (lines {lines}), and pictures have that "
            "class; expected a name of its own for each class"
        )


def of_known_classes(pictures: Sequence[LabelledPicture], labels: Sequence[str]) -> tuple[LabelledPicture, ...]:
    """The pictures whose class is one of `labels`."""
    known = set(map(_plain, labels))
    return tuple(each for each in pictures if _plain(each.label) in known)


def labels_of(pictures: Sequence[LabelledPicture], class_count: int, model: str) -> tuple[str, ...]:
    """The classes of the pictures in alphabetical order, for a model that names none.

    This is the order of Keras' `image_dataset_from_directory`. Raises `ConfigError` if they are not `class_count`.
    """
    names = tuple(sorted({each.label for each in pictures}))
    if len(names) != class_count:
        raise ConfigError(
            f"{model}: {class_count} classes without names, and the pictures are of {len(names)} classes; say --labels "
            "FILE, one label a line"
        )
    return names


def _in_folders(where: Path) -> tuple[LabelledPicture, ...]:
    folders = sorted(each for each in where.iterdir() if each.is_dir())
    return tuple(LabelledPicture(path, folder.name) for folder in folders for path in _pictures_in(folder))


def _pictures_in(folder: Path) -> tuple[Path, ...]:
    return find_images(folder) if any(folder.iterdir()) else ()


def _in_list(file: Path) -> tuple[LabelledPicture, ...]:
    if file.suffix not in LIST_FILES:
        raise ConfigError(
            f"{file}: expected a folder with a folder for each class, or a list file that ends in "
            f"{' or '.join(LIST_FILES)}"
        )
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file}: cannot read the list of pictures: {error}") from None
    for number, row in enumerate(rows, 1):
        if len(row) != 2:
            raise ConfigError(f"{file}: row {number} has {len(row)} fields; expected 2: picture,class")
    pictures = tuple(LabelledPicture(file.parent / name.strip(), label.strip()) for name, label in rows)
    missing = [str(each.path) for each in pictures if not each.path.is_file()]
    if missing:
        raise ConfigError(
            f"{file}: {len(missing)} of {len(pictures)} pictures are missing: {_listed(missing)}; they lie relative to "
            "the list file"
        )
    return pictures


def _plain(name: str) -> str:
    return name.strip().lower().replace("_", " ")


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + rest
