"""COCO JSON: one file for many photographs, as pycocotools, Label Studio, CVAT and Roboflow write it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edge_detector.errors import ConfigError
from edge_detector.types import Size
from edge_detector.workstation.data.formats.locating import Folder, read_text, split_of_path
from edge_detector.workstation.data.images import check_coco
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

SEARCHED_BYTES = 65_536  # at both ends
LISTS = (b'"images"', b'"annotations"')
OBJECTS = "instances_"  # what COCO's own files of boxes are called, and those of other tasks beside them
OTHER_TASKS = ("captions_", "image_info_", "labels_", "panoptic_", "person_keypoints_", "stuff_")


def find(path: Path, folder: Folder) -> tuple[Path, ...]:
    """The COCO files at ``path``, itself or in the folder."""
    if path.is_file():
        return (path,) if path.suffix.lower() == ".json" else ()
    found = tuple(each for each in folder.with_suffix(".json") if _is_coco(each))
    has_objects = any(each.stem.startswith(OBJECTS) for each in found)
    return tuple(each for each in found if not (has_objects and each.stem.startswith(OTHER_TASKS)))


def read(path: Path, files: Sequence[Path], folder: Folder) -> Reading:
    """The annotations of all ``files``: one, or one for each split. Raises `ConfigError` if they tell no splits."""
    splits = {file: _split(file, folder.root, alone=len(files) == 1) for file in files}
    if len(set(splits.values())) < len(files):
        raise ConfigError(
            f"{path}: {len(files)} COCO files ({', '.join(file.name for file in files)}) whose names tell no splits, "
            "such as train.json and val.json; name the one to read"
        )
    parts = [_read_file(file, folder, split) for file, split in splits.items()]
    entries = tuple(entry for part in parts for entry in part.entries)
    labelled = {entry.image for entry in entries}
    return Reading(
        format="coco",
        entries=entries,
        classes=tuple(dict.fromkeys(name for part in parts for name in part.classes)),
        problems=tuple(problem for part in parts for problem in part.problems),
        unlabelled=tuple(image for image in folder.images if image not in labelled) if path.is_dir() else (),
    )


def write(dataset: Dataset, folder: Path, images: Sequence[Path]) -> None:
    """A file for each split, or annotations.json."""
    rows = list(zip(dataset.labelled, images, strict=True))
    for split in sorted({each.split for each in dataset.labelled}):
        content = _content([row for row in rows if row[0].split == split], dataset.classes, folder)
        (folder / f"{split or 'annotations'}.json").write_text(json.dumps(content), encoding="utf-8")


def image_folder(split: str) -> str:
    """Where in a written set the photographs of a split are."""
    return f"images/{split}" if split else "images"


def _split(file: Path, root: Path, *, alone: bool) -> str:
    named = split_of(file.stem) or split_of_path(file, root)
    return named or (split_of(root.name) if alone else "")


def _is_coco(path: Path) -> bool:
    """By its ends, for a file may have hundreds of megabytes. Label Studio's notes.json has no images."""
    try:
        with path.open("rb") as file:
            ends = file.read(SEARCHED_BYTES)
            file.seek(max(0, path.stat().st_size - SEARCHED_BYTES))
            ends += file.read(SEARCHED_BYTES)
    except OSError:
        return False
    return any(key in ends for key in LISTS)


def _read_file(file: Path, folder: Folder, split: str) -> Reading:
    content = _content_of(file)
    names = {each["id"]: str(each["name"]).strip() for each in content["categories"]}
    labels: dict[Any, list[Label]] = {each["id"]: [] for each in content["images"]}
    problems = []
    for place, each in enumerate(content["annotations"]):
        try:
            if not each.get("iscrowd"):
                labels[_known(each, "image_id", labels)].append(_label(each, names))
        except ConfigError as error:
            problems.append(Problem("damaged annotation", str(file), f"annotations[{place}] {error}"))
    entries = [_entry(file, folder, each, tuple(labels[each["id"]]), split) for each in content["images"]]
    return Reading("coco", tuple(entries), tuple(dict.fromkeys(names.values())), tuple(problems))


def _content_of(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(file))
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{file}: not JSON: {error}") from None
    except RecursionError:
        raise ConfigError(f"{file}: not COCO annotations: nested too deeply") from None
    if isinstance(content, list) and content and isinstance(content[0], dict) and "data" in content[0]:
        raise ConfigError(f"{file}: Label Studio's own JSON; export as COCO, YOLO or Pascal VOC XML instead")
    _check_ids(file, check_coco(file, content))
    return content


def _check_ids(file: Path, content: dict[str, Any]) -> None:
    """Raises `ConfigError` for ids that are no numbers or texts, or that two entries have."""
    for kind in ("images", "categories"):
        seen = set()
        for place, entry in enumerate(content[kind]):
            identity = entry["id"]
            if not isinstance(identity, int | str):
                raise ConfigError(f"{file}: {kind}[{place}] has the id {identity!r}; expected a number or text")
            if identity in seen:
                raise ConfigError(f"{file}: {kind}[{place}] has the id {identity!r} of another")
            seen.add(identity)


def _entry(file: Path, folder: Folder, image: Mapping[str, Any], labels: tuple[Label, ...], split: str) -> Entry:
    name = str(image["file_name"])
    return Entry(
        image=folder.image(name, *_image_folders(file)),
        name=name,
        where=file,
        labels=labels,
        split=split,
        stated_size=_stated_size(image),
    )


def _image_folders(file: Path) -> Iterator[Path]:
    """Beside the file; in images/; as CVAT has it, in ../images/default beside annotations/instances_default.json."""
    subset = file.stem.removeprefix("instances_")
    for folder in (file.parent, file.parent.parent) if file.parent.name.lower() == "annotations" else (file.parent,):
        yield from (folder, folder / "images", folder / "images" / subset, folder / subset)


def _stated_size(image: Mapping[str, Any]) -> Size | None:
    try:
        width, height = (round(float(image[side])) for side in ("width", "height"))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (width, height) if width > 0 and height > 0 else None


def _label(annotation: Mapping[str, Any], names: Mapping[Any, str]) -> Label:
    name = names[_known(annotation, "category_id", names)]
    score = annotation.get("score", 1.0)
    if not isinstance(score, int | float) or not 0 < score <= 1:
        raise ConfigError(f"has the score {score!r}; expected more than 0, at most 1")
    return Label(_corners(annotation["bbox"]), name, float(score))


def _known(annotation: Mapping[str, Any], key: str, known: Mapping[Any, Any]) -> Any:
    value = annotation.get(key)
    if isinstance(value, list | dict) or value not in known:
        raise ConfigError(f"has the unknown {key} {value!r}; the file lists {len(known)}")
    return value


def _corners(bbox: object) -> Corners:
    try:
        if not isinstance(bbox, list):
            raise TypeError
        x, y, width, height = (math.nan if each is None else float(each) for each in bbox)
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(f"has the bbox {bbox!r}; expected four numbers: x, y, width, height") from None
    return x, y, x + width, y + height


def _content(rows: list[tuple[LabelledPhotograph, Path]], classes: Sequence[str], folder: Path) -> dict[str, Any]:
    images = [
        {"id": number, "file_name": path.relative_to(folder).as_posix(), "width": each.size[0], "height": each.size[1]}
        for number, (each, path) in enumerate(rows, start=1)
    ]
    annotations = [
        each for number, (photograph, _) in enumerate(rows, 1) for each in _rows(number, photograph, classes)
    ]
    return {
        "images": images,
        "annotations": [{"id": number, **each} for number, each in enumerate(annotations, start=1)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes, start=1)],
    }


def _rows(image_id: int, photograph: LabelledPhotograph, classes: Sequence[str]) -> Iterator[dict[str, Any]]:
    sizes = photograph.boxes[:, 2:] - photograph.boxes[:, :2]
    boxes = np.concatenate([photograph.boxes[:, :2], sizes], axis=1).round(2).tolist()
    for box, name, score in zip(boxes, photograph.labels, photograph.scores.tolist(), strict=True):
        sure = {} if score == 1.0 else {"score": round(score, 4)}
        common = {"image_id": image_id, "category_id": classes.index(name) + 1, "bbox": box}
        yield {**common, "area": box[2] * box[3], "iscrowd": 0, **sure}
