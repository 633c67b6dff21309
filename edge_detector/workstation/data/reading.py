"""A labelled data set of any format: which format it is, is found by looking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Protocol

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.workstation.data import exhaustive
from edge_detector.workstation.data.completing import completed
from edge_detector.workstation.data.format_table import FORMATS, MADE_OF_OTHERS
from edge_detector.workstation.data.formats.locating import Folder
from edge_detector.workstation.data.labelled import Dataset, Problem, Reading


class Format(Protocol):
    """What the module of a format has."""

    def find(self, path: Path, folder: Folder) -> tuple[Path, ...]:
        """The annotation files of this format at ``path``, a file or a folder; empty if it has none.

        ``folder``: all files there, or beside the file.
        """

    def read(self, path: Path, files: Sequence[Path], folder: Folder) -> Reading:
        """What the ``files``, which `find` found at ``path``, say.

        Raises `ConfigError` if they cannot be used at all.
        """

    def write(self, dataset: Dataset, folder: Path, images: Sequence[Path]) -> None:
        """Write the annotations; each photograph of ``dataset`` has been copied to the one of ``images``."""

    def image_folder(self, split: str) -> str:
        """Where in a written set the photographs of a split are, relative to its folder."""


def read_dataset(path: Path, *, format_name: str | None = None) -> Dataset:
    """The photographs and labels of a set, ready to train on: `Dataset.photographs`.

    ``path``: a folder, or a file such as annotations.json, data.yaml or train.record. Raises `ConfigError` if it is of
    no format or of several, or if anything is wrong: a photograph missing or damaged, a label that says nothing.
    """
    dataset = scan_dataset(path, format_name=format_name)
    dataset.require_sound()
    return dataset


def scan_dataset(path: Path, *, format_name: str | None = None) -> Dataset:
    """As `read_dataset`, but what is wrong with single photographs and labels is listed in `Dataset.problems`."""
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder")
    folder = Folder(path if path.is_dir() else path.parent)
    names = FORMATS if format_name is None else (format_name,)
    found = {name: files for name in names if (files := format_of(name).find(path, folder))}
    name, files = _only_one(path, found)
    reading = format_of(name).read(path, files, folder)
    labelled, problems = completed(reading.entries)
    left_out = [_left_out(file, name) for other, files in found.items() if other != name for file in files]
    return Dataset(
        path=path,
        format=name,
        labelled=labelled,
        classes=reading.classes,
        exhaustive=exhaustive.read_exhaustive(path, reading.classes),
        problems=(*reading.problems, *problems, *left_out),
        unlabelled=reading.unlabelled,
    )


def format_of(name: str) -> Format:
    """The module of a format. Raises `ConfigError` that lists the known ones."""
    if name not in FORMATS:
        raise ConfigError(unknown("format", name, FORMATS))
    module: Format = import_module(FORMATS[name])
    return module


def _named(files: Sequence[Path]) -> str:
    return files[0].name + (f" and {len(files) - 1} more" if len(files) > 1 else "")


def _only_one(path: Path, found: Mapping[str, tuple[Path, ...]]) -> tuple[str, tuple[Path, ...]]:
    """The format of a set. Raises `ConfigError` if it is none, or one of several."""
    if not found:
        raise ConfigError(
            f"{path}: no annotations in it; expected Pascal VOC (.xml), YOLO (data.yaml, classes.txt or obj.names), "
            "COCO (.json) or TFRecord (.record)"
        )
    first = {name: files for name, files in found.items() if name != MADE_OF_OTHERS} or found
    if len(first) > 1:
        named = " and ".join(f"{name} ({_named(files)})" for name, files in first.items())
        raise ConfigError(f"{path}: it could be {named}; name the file or folder to read, or use --from")
    return next(iter(first.items()))


def _left_out(file: Path, name: str) -> Problem:
    message = f"left out, for the folder has annotations of the format {name} too; to read it, name it"
    return Problem("left out", str(file), message, error=False)
