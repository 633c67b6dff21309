"""Where a YOLO set says which classes and splits it has: data.yaml, Darknet's obj.data, or a list of classes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.formats.locating import Folder, read_lines, read_text
from edge_detector.workstation.data.labelled import TEST, TRAIN, VALIDATION

SPLIT_KEYS = {"train": TRAIN, "val": VALIDATION, "test": TEST}  # of data.yaml and obj.data
LARGEST_YAML = 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """What the file with the classes says."""

    classes: tuple[str, ...]
    images: Mapping[str, tuple[Path, ...]]  # of each split that it names
    keypoints: bool = False  # whether keypoints follow the box in each line


def read_layout(file: Path, folder: Folder) -> Layout:
    """What the file with the classes says. Raises `ConfigError` if it names none, or a place that is not there."""
    if file.suffix.lower() in (".yaml", ".yml"):
        return _from_yaml(file)
    if file.suffix.lower() == ".data":
        return _from_data(file, folder)
    data = [each for each in folder.files if each.name == "obj.data"]
    return _from_data(data[0], folder) if data else Layout(_named(file, read_lines(file)), {})


def _from_yaml(file: Path) -> Layout:
    """As Ultralytics reads it: a path, folders or lists of images for each split, and names."""
    content = _yaml(file)
    names = content.get("names")
    if isinstance(names, dict):
        names = [names.get(number, names.get(str(number))) for number in range(len(names))]
    if not isinstance(names, list) or None in names:
        raise ConfigError(
            f"{file}: names is {content.get('names')!r}; expected a list of classes, or 0: name and so on"
        )
    images = {
        split: tuple(image for entry in _listed(content[key]) for image in _of_split(file, content.get("path"), entry))
        for key, split in SPLIT_KEYS.items()
        if content.get(key)
    }
    return Layout(_named(file, [str(name).strip() for name in names]), images, "kpt_shape" in content)


def _yaml(file: Path) -> dict[str, Any]:
    text = read_text(file)
    if len(text) > LARGEST_YAML:
        raise ConfigError(f"{file}: larger than {LARGEST_YAML // 2**20} MB; is it a data.yaml?")
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{file}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{file}: expected keys and values, such as names: [dog]")
    return content


def _from_data(file: Path, folder: Folder) -> Layout:
    """Darknet's obj.data, as CVAT writes it: key = value a line, the names in a file of their own."""
    values = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in read_lines(file))}
    names = _near(file, values.get("names", "obj.names"))
    if names is None:
        raise ConfigError(f"{file}: names = {values.get('names')!r}, but there is no such file")
    keys = {**SPLIT_KEYS, "valid": VALIDATION}
    lists = {split: _near(file, values[key]) for key, split in keys.items() if key in values}
    images = {split: tuple(_of_list(each, folder)) for split, each in lists.items() if each is not None}
    return Layout(_named(names, read_lines(names)), {split: found for split, found in images.items() if found})


def _named(file: Path, names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        raise ConfigError(f"{file}: names no class")
    return tuple(names)


def _near(file: Path, name: str) -> Path | None:
    """Darknet's paths start where it was run: CVAT writes data/obj.names for what is beside obj.data."""
    candidates = (file.parent / name, file.parent / Path(name).name)
    return next((each for each in candidates if each.is_file()), None)


def _listed(entry: object) -> list[str]:
    return [str(each) for each in entry] if isinstance(entry, list) else [str(entry)]


def _of_split(file: Path, base: object, entry: str) -> tuple[Path, ...]:
    """The images of one entry of data.yaml. Raises `ConfigError` if there is no such folder or file."""
    place = _place(file, str(base or ""), entry)
    if place.is_dir():
        return Folder(place).images
    return tuple(_of_list(place, Folder(file.parent)))


def _place(file: Path, base: str, entry: str) -> Path:
    """Where it says; relative to its own folder, where the set was moved; and as Roboflow means ../train."""
    relative = entry.lstrip("./") or "."
    candidates = [file.parent / base / entry, file.parent / entry, file.parent / relative]
    for each in candidates:
        if each.exists():
            return Path(os.path.normpath(each))
    raise ConfigError(f"{file}: there is no {entry!r} in {file.parent / base}; expected the folder of a split's images")


def _of_list(file: Path, folder: Folder) -> Iterator[Path]:
    """The images that a text file lists; those that are not there are found by their label file, as orphans."""
    for line in read_lines(file):
        image = folder.image(line, file.parent, folder.root) if line else None
        if image is not None:
            yield image
