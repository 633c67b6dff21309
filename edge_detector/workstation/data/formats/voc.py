"""Pascal VOC: an XML file for each photograph, as LabelImg, Label Studio, CVAT and Roboflow write it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement
from xml.parsers import expat

from edge_detector.errors import ConfigError
from edge_detector.types import Size
from edge_detector.workstation.data.formats.locating import Folder, read_lines, split_of_path
from edge_detector.workstation.data.labelled import (
    Corners,
    Dataset,
    Entry,
    Label,
    LabelledPhotograph,
    Problem,
    Reading,
    split_of,
)

LARGEST_XML = 16 * 2**20  # bytes of one photograph's annotations
ROOT_ELEMENT = re.compile(rb"<annotation[\s>/]")  # <annotations> is of CVAT's own format
FLAG = re.compile(r"\s+-?[01]$")  # whether the class of the list is on the photograph
START_BYTES = 2048  # in which the root element begins
CORNERS = ("xmin", "ymin", "xmax", "ymax")
IMAGE_FOLDERS = ("images", "JPEGImages", "Images", "img")


def find(path: Path, folder: Folder) -> tuple[Path, ...]:
    """The VOC files at ``path``, itself or in the folder."""
    if path.is_file():
        return (path,) if path.suffix.lower() == ".xml" else ()
    return tuple(each for each in folder.with_suffix(".xml") if _is_voc(each))


def read(path: Path, files: Sequence[Path], folder: Folder) -> Reading:
    """The annotations of all ``files``; the photographs are beside them, or in a folder beside theirs."""
    splits = _listed_splits(folder)
    entries: list[Entry] = []
    problems: list[Problem] = []
    spoken_of: set[Path | None] = set()  # photographs with an annotation file, whole or damaged
    for file in files:
        try:
            entry, found = _entry(file, folder, splits)
        except ConfigError as error:
            problems.append(Problem("unreadable annotations", str(file), str(error)))
            spoken_of.add(_image(file, "", folder))
            continue
        entries.append(entry)
        spoken_of.add(entry.image)
        problems += found
    return Reading(
        format="voc",
        entries=tuple(entries),
        classes=tuple(sorted({label.name for entry in entries for label in entry.labels})),
        problems=tuple(problems),
        unlabelled=tuple(image for image in folder.images if image not in spoken_of) if path.is_dir() else (),
    )


def write(dataset: Dataset, folder: Path, images: Sequence[Path]) -> None:
    """An XML file for each photograph in Annotations/, below the folder of its split."""
    for photograph, image in zip(dataset.labelled, images, strict=True):
        target = folder / photograph.split / "Annotations" / f"{image.stem}.xml"
        target.parent.mkdir(parents=True, exist_ok=True)
        tree = ElementTree.ElementTree(_element(photograph, image))
        ElementTree.indent(tree)
        tree.write(target, encoding="utf-8")


def image_folder(split: str) -> str:
    """Where in a written set the photographs of a split are."""
    return os.path.join(split, "JPEGImages")  # noqa: PTH118 - of names, not of paths that exist


def _is_voc(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(START_BYTES)
    except OSError:
        return False
    plain = start.replace(b"\0", b"")  # UTF-16 as well
    return not start or ROOT_ELEMENT.search(plain) is not None or path.parent.name.lower() == "annotations"


def _entry(file: Path, folder: Folder, splits: dict[str, str]) -> tuple[Entry, list[Problem]]:
    root = _parse(file)
    labels, problems = [], []
    for number, each in enumerate(root.iter("object"), start=1):
        try:
            labels.append(_label(each))
        except ConfigError as error:
            problems.append(Problem("damaged annotation", str(file), f"object {number} {error}"))
    name = (root.findtext("filename") or "").strip()
    entry = Entry(
        image=_image(file, name, folder),
        name=name or file.stem,
        where=file,
        labels=tuple(labels),
        split=splits.get(file.stem, "") or split_of_path(file, folder.root) or split_of(folder.root.name),
        stated_size=_stated_size(root),
    )
    return entry, problems


def _image(file: Path, name: str, folder: Folder) -> Path | None:
    """Its name without the suffix is that of the annotations; where none has it, what they call it counts."""
    inside = [file.parent, *(file.parent / each for each in IMAGE_FOLDERS)]
    beside = [file.parent.parent / each for each in IMAGE_FOLDERS]
    deeper = [above / file.parent.name for above in _siblings(file.parent.parent, folder)]
    places = [*inside, *beside, *deeper]
    found = folder.image_of_stem(file.stem, *places) or folder.image_of_stem(unquote(file.stem), *places)
    return found or (folder.image(PureWindowsPath(name).name, *places) if name else None)


def _siblings(parent: Path, folder: Folder) -> Iterator[Path]:
    """images/ beside annotations/, both with a folder for each split."""
    if parent.is_relative_to(folder.root) and parent != folder.root:
        yield from (parent.parent / each for each in IMAGE_FOLDERS)


def _listed_splits(folder: Folder) -> dict[str, str]:
    """The split of each annotation file by its stem, from ImageSets/Main/train.txt and the like."""
    lines: list[tuple[str, str]] = []
    for file in folder.with_suffix(".txt"):
        if file.parent.parent.name == "ImageSets" and (split := split_of(file.stem)) and "_" not in file.stem:
            lines += [(line, split) for line in read_lines(file) if line]
    # A stem may have spaces, and may end as a flag does: the whole line comes first.
    flagless = {_listed_stem(FLAG.sub("", line)): split for line, split in lines}
    return flagless | {_listed_stem(line): split for line, split in lines}


def _listed_stem(line: str) -> str:
    """Without the folder before it."""
    return line.rpartition("/")[2].strip('"')


def _parse(file: Path) -> Element:
    """The root element. Raises `ConfigError` for what is no XML, and for a document type: there entities hide."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(error.strerror or str(error)) from None
    if len(data) > LARGEST_XML:
        raise ConfigError(f"larger than {LARGEST_XML // 2**20} MB; is it the annotations of one photograph?")
    try:
        _refuse_document_type(data)
        return ElementTree.fromstring(data)
    except (expat.ExpatError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise ConfigError(f"not XML: {error if data else 'the file is empty'}") from None


def _refuse_document_type(data: bytes) -> None:
    """Raises `ConfigError` before an entity is expanded ("billion laughs", CWE-776); VOC files have none."""

    def refuse(*_: object) -> None:
        raise ConfigError("declares a document type, which no annotation tool writes; remove it")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(data, True)


def _label(element: Element) -> Label:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise ConfigError("has no name")
    box = element.find("bndbox")
    if box is None:
        raise ConfigError("has no bndbox; only boxes can be read")
    x1, y1, x2, y2 = (_number(box, corner) for corner in CORNERS)
    return Label((x1, y1, x2, y2), name)


def _number(box: Element, corner: str) -> float:
    text = box.findtext(corner)
    try:
        return float(text or "")
    except ValueError:
        raise ConfigError(f"has {corner} {text!r}; expected a number") from None


def _stated_size(root: Element) -> Size | None:
    """None if the file does not say it, or says 0, as some tools do."""
    numbers = [root.findtext(f"size/{side}") or "" for side in ("width", "height")]
    try:
        width, height = (float(number) for number in numbers)
    except ValueError:
        return None
    usable = math.isfinite(width) and math.isfinite(height) and width >= 1 and height >= 1
    return (round(width), round(height)) if usable else None


def _element(photograph: LabelledPhotograph, image: Path) -> Element:
    root = Element("annotation")
    SubElement(root, "folder").text = image.parent.name
    SubElement(root, "filename").text = image.name
    size = SubElement(root, "size")
    for side, pixels in zip(("width", "height", "depth"), (*photograph.size, 3), strict=True):
        SubElement(size, side).text = str(pixels)
    SubElement(root, "segmented").text = "0"
    for name, box in zip(photograph.labels, photograph.boxes.tolist(), strict=True):
        root.append(_object(name, box))
    return root


def _object(name: str, box: Corners) -> Element:
    element = Element("object")
    SubElement(element, "name").text = name
    for key, value in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
        SubElement(element, key).text = value
    corners = SubElement(element, "bndbox")
    for corner, pixels in zip(CORNERS, box, strict=True):
        SubElement(corners, corner).text = f"{round(pixels, 2):g}" if pixels < 1e5 else str(round(pixels))
    return element
