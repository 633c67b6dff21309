"""YOLO text: a .txt for each photograph, class x y width height a line, as Ultralytics, CVAT, Label Studio and LabelImg
write it. The classes are in data.yaml, classes.txt or obj.names."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.formats.locating import Folder, read_lines, read_text, split_of_path
from edge_detector.workstation.data.labelled import (
    TEST,
    TRAIN,
    VALIDATION,
    Dataset,
    Entry,
    Label,
    LabelledPhotograph,
    Problem,
    Reading,
)

NAME_FILES = ("classes.txt", "obj.names", "predefined_classes.txt")  # a class a line
SPLIT_KEYS = {"train": TRAIN, "val": VALIDATION, "test": TEST}  # of data.yaml and obj.data
IMAGES, LABELS = "images", "labels"
BOX_NUMBERS = 4
LEAST_POLYGON = 6  # numbers: three corners
LARGEST_YAML = 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """What the file with the classes says."""

    classes: tuple[str, ...]
    images: Mapping[str, tuple[Path, ...]]  # of each split that it names
    keypoints: bool = False  # whether keypoints follow the box in each line


def find(path: Path, folder: Folder) -> tuple[Path, ...]:
    """The file that names the classes: ``path`` itself, or one in the folder; of several, the best informed."""
    if path.is_file():
        return (path,) if path.suffix.lower() in (".yaml", ".yml", ".names", ".data") else ()
    described = [each for each in folder.with_suffix(".yaml", ".yml") if _is_described(each)]
    if described:
        return tuple(described)
    named = [each for each in folder.files if each.name.lower() in NAME_FILES]
    return tuple(named[:1]) if len({each.read_bytes() for each in named}) == 1 else tuple(named)


def read(path: Path, files: Sequence[Path], folder: Folder) -> Reading:
    """The labels of all photographs that the set names, or that are in it.

    Raises `ConfigError` if no class is named, or if several files name some.
    """
    if len(files) > 1:
        raise ConfigError(
            f"{path}: {len(files)} files name classes ({', '.join(map(str, files))}); name the one to read"
        )
    (file,) = files
    layout = _layout(file, folder)
    entries: list[Entry] = []
    problems: list[Problem] = []
    unlabelled: list[Path] = []
    for image, split in _images(layout, folder):
        labels = _label_file(image)
        if labels is None:
            unlabelled.append(image)
        found, wrong = _read_labels(labels, layout) if labels else ([], [])
        entries.append(Entry(image, image.name, labels or image, tuple(found), split, fractions=True))
        problems += wrong
    problems += _orphans(folder, entries)
    return Reading("yolo", tuple(entries), layout.classes, tuple(problems), tuple(unlabelled))


def write(dataset: Dataset, folder: Path, images: Sequence[Path]) -> None:
    """A text file for each photograph in labels/, and data.yaml. Scores are not written: YOLO has none to train on."""
    for photograph, image in zip(dataset.labelled, images, strict=True):
        target = _beside(image)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(_lines(photograph, dataset.classes)), encoding="utf-8")
    splits = {each.split for each in dataset.labelled}
    places = {key: image_folder(split) for key, split in SPLIT_KEYS.items() if split in splits}
    content = {"path": ".", **(places or {"train": IMAGES}), "names": dict(enumerate(dataset.classes))}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def image_folder(split: str) -> str:
    """Where in a written set the photographs of a split are."""
    return f"{IMAGES}/{split}" if split else IMAGES


def _is_described(path: Path) -> bool:
    try:
        return "names:" in read_text(path)
    except ConfigError:
        return False


def _layout(file: Path, folder: Folder) -> Layout:
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


def _images(layout: Layout, folder: Folder) -> Iterator[tuple[Path, str]]:
    """Each image once, with its split: as the layout says, else by the folders' names."""
    seen: set[Path] = set()
    for split, images in layout.images.items():
        for image in images:
            if image not in seen:
                seen.add(image)
                yield image, split
    if not layout.images:
        for image in folder.images:
            yield image, split_of_path(image, folder.root)


def _beside(image: Path) -> Path:
    """The label file of an image as Ultralytics looks for it: the last images/ in its path becomes labels/."""
    parts = list(image.with_suffix(".txt").parts)
    for place in range(len(parts) - 2, -1, -1):
        if parts[place].lower() == IMAGES:
            parts[place] = LABELS
            return Path(*parts)
    return image.with_suffix(".txt")


def _label_file(image: Path) -> Path | None:
    candidates = [_beside(image), image.with_suffix(".txt")]
    candidates += [each.with_suffix(".TXT") for each in candidates]
    return next((each for each in candidates if each.is_file()), None)


def _read_labels(file: Path, layout: Layout) -> tuple[list[Label], list[Problem]]:
    labels, problems = [], []
    try:
        lines = read_lines(file)
    except ConfigError as error:
        return [], [Problem("unreadable annotations", str(file), str(error).partition(": ")[2])]
    for number, line in enumerate(lines, start=1):
        try:
            if line:
                labels.append(_label(line, layout))
        except ConfigError as error:
            problems.append(Problem("damaged annotation", f"{file}:{number}", str(error)))
    return labels, problems


def _label(line: str, layout: Layout) -> Label:
    first, *words = line.split()
    name = layout.classes[_class_id(first, len(layout.classes))]
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        raise ConfigError(f"{line[:80]!r} has a word that is no number") from None
    if layout.keypoints:
        numbers = numbers[:BOX_NUMBERS]
    if len(numbers) == BOX_NUMBERS + 1:
        return Label(_corners(numbers[:BOX_NUMBERS]), name, _score(numbers[BOX_NUMBERS]))
    if len(numbers) >= LEAST_POLYGON and len(numbers) % 2 == 0:
        xs, ys = numbers[::2], numbers[1::2]
        return Label((min(xs), min(ys), max(xs), max(ys)), name)  # the box around a polygon
    if len(numbers) != BOX_NUMBERS:
        raise ConfigError(f"{len(numbers) + 1} values; expected class x y width height, or class and a polygon")
    return Label(_corners(numbers), name)


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


def _corners(numbers: Sequence[float]) -> tuple[float, float, float, float]:
    x, y, width, height = numbers
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _orphans(folder: Folder, entries: Sequence[Entry]) -> Iterator[Problem]:
    """Label files whose photograph is missing: those beside or below the ones that belong to one."""
    known = {entry.where for entry in entries}
    folders = {path.parent for path in known if path.suffix.lower() == ".txt"} | {
        path.parent for path in folder.with_suffix(".txt") if path.parent.name.lower() == LABELS
    }
    for path in folder.with_suffix(".txt"):
        if path.parent in folders and path not in known and _looks_labelled(path):
            yield Problem("missing image", str(path), f"there is no photograph {path.stem!r} for these labels")


def _looks_labelled(path: Path) -> bool:
    """Whether it is no classes.txt, train.txt or README.txt."""
    if path.name.lower() in NAME_FILES:
        return False
    try:
        lines = read_lines(path)
    except ConfigError:
        return False
    return bool(lines) and len(lines[0].split()) > BOX_NUMBERS


def _lines(photograph: LabelledPhotograph, classes: Sequence[str]) -> Iterator[str]:
    width, height = photograph.size
    for name, (x1, y1, x2, y2) in zip(photograph.labels, photograph.boxes.tolist(), strict=True):
        numbers = ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)
        yield " ".join([str(classes.index(name)), *(f"{number:.6f}" for number in numbers)]) + "\n"
