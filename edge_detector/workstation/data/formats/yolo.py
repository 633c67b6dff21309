"""YOLO text: a .txt for each photograph, class x y width height a line, as Ultralytics, CVAT, Label Studio and LabelImg
write it. The classes are in data.yaml, classes.txt or obj.names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import yaml

from edge_detector.errors import ConfigError
from edge_detector.workstation.data.formats.locating import Folder, read_lines, read_text, split_of_path
from edge_detector.workstation.data.formats.yolo_layout import SPLIT_KEYS, Layout, read_layout
from edge_detector.workstation.data.formats.yolo_line import BOX_NUMBERS, label_lines, parse_label
from edge_detector.workstation.data.labelled import (
    Dataset,
    Entry,
    Label,
    Problem,
    Reading,
)

NAME_FILES = ("classes.txt", "obj.names", "predefined_classes.txt")  # a class a line
FILE_SUFFIXES = (".yaml", ".yml", ".names", ".data")
IMAGES, LABELS = "images", "labels"


def find(path: Path, folder: Folder) -> tuple[Path, ...]:
    """The file that names the classes: ``path`` itself, or one in the folder; of several, the best informed."""
    if path.is_file():
        usable = path.suffix.lower() in FILE_SUFFIXES or path.name.lower() in NAME_FILES
        return (path,) if usable else ()
    described = [each for each in folder.with_suffix(".yaml", ".yml") if _is_described(each)]
    if described:
        return tuple(described)
    named = [each for each in folder.files if each.name.lower() in NAME_FILES]
    if named and not _labelled_images(folder):
        return ()  # LabelImg reads classes from such a file, whatever it writes
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
    layout = read_layout(file, folder)
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
        target.write_text("".join(label_lines(photograph, dataset.classes)), encoding="utf-8")
    splits = {each.split for each in dataset.labelled}
    places = {key: image_folder(split) for key, split in SPLIT_KEYS.items() if split in splits}
    content = {"path": ".", **(places or {"train": IMAGES}), "names": dict(enumerate(dataset.classes))}
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def image_folder(split: str) -> str:
    """Where in a written set the photographs of a split are."""
    return f"{IMAGES}/{split}" if split else IMAGES


def _labelled_images(folder: Folder) -> bool:
    """Whether a text file has the name of an image."""
    stems = {image.stem for image in folder.images}
    return any(text.stem in stems for text in folder.with_suffix(".txt"))


def _is_described(path: Path) -> bool:
    try:
        return "names:" in read_text(path)
    except ConfigError:
        return False


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
    candidates += [each.with_name(quote(each.name)) for each in candidates]  # Label Studio's names may be of a URL
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
                labels.append(parse_label(line, layout.classes, keypoints=layout.keypoints))
        except ConfigError as error:
            problems.append(Problem("damaged annotation", f"{file}:{number}", str(error)))
    return labels, problems


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
