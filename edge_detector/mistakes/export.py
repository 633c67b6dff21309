"""The marked pictures as a data set for the workstation: photographs and one COCO annotation file."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError, SinkError
from edge_detector.mistakes.record import MISSED, Mark, Marked
from edge_detector.mistakes.store import PICTURE, Store
from edge_detector.toml import to_value
from edge_detector.types import Box
from edge_detector.version import __version__

ANNOTATIONS = "annotations.json"
SIDE_FILE = "dataset.toml"  # where the workstation's readers look for the classes of which a whole set is exhaustive


def coco(pictures: Sequence[Marked]) -> dict[str, Any]:
    """The annotations of ``pictures``, whose files are called ID.jpg.

    An image's ``exhaustive`` lists the classes of which every object on it is annotated: an object of another class
    may be there without an annotation. Its ``mistakes`` are what the person has said, object by object.
    """
    names = sorted({label for picture in pictures for label in _labels(picture)})
    numbers = {name: number for number, name in enumerate(names, start=1)}
    objects = [(image_id, *each) for image_id, picture in enumerate(pictures, start=1) for each in picture.objects]
    return {
        "info": {"description": "pictures corrected by hand", "contributor": f"edge-detector {__version__}"},
        "images": [_image(image_id, picture) for image_id, picture in enumerate(pictures, start=1)],
        "annotations": [
            {"id": number, "image_id": image_id, "category_id": numbers[label], "iscrowd": 0, **_size(box)}
            for number, (image_id, label, box) in enumerate(objects, start=1)
        ],
        "categories": [{"id": number, "name": name} for name, number in numbers.items()],
    }


def export(store: Store, out: Path) -> int:
    """Write the judged pictures of ``store`` into the new folder or .zip file ``out``; returns how many there are.

    Raises `ConfigError` if ``out`` is there already or nothing is judged, `SinkError` if it cannot be written.
    """
    if out.exists():
        raise ConfigError(f"{out}: is there already; give the name of a new folder, or of a new file NAME.zip")
    pictures = [picture for picture in store.kept() if (store.folder / f"{picture.id}{PICTURE}").is_file()]
    if not pictures:
        raise ConfigError(f"{store.folder}: no picture is marked yet; mark some on the page first")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as made:
            folder = Path(made) / "set"
            _write_folder(store, pictures, folder)
            (_zipped(folder) if out.suffix == ".zip" else folder).rename(out)
    except OSError as error:
        raise SinkError(f"{out}: cannot be written: {error.strerror or error}") from error
    return len(pictures)


def _write_folder(store: Store, pictures: Sequence[Marked], folder: Path) -> None:
    folder.mkdir()
    there = []
    for picture in pictures:
        try:
            shutil.copyfile(store.folder / f"{picture.id}{PICTURE}", folder / f"{picture.id}{PICTURE}")
        except FileNotFoundError:  # made room meanwhile
            continue
        there.append(picture)
    (folder / ANNOTATIONS).write_text(json.dumps(coco(there), ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / SIDE_FILE).write_text(_side_text(there), encoding="utf-8")


def _side_text(pictures: Sequence[Marked]) -> str:
    """Without it a reader would take every class for complete on every picture."""
    everywhere = set.intersection(*(set(picture.exhaustive) for picture in pictures)) if pictures else set()
    return (
        "# The classes of which every picture of this set has all objects. Each picture has its own list, exhaustive,\n"
        f"# in {ANNOTATIONS}: of a class that is not in it, an object without an annotation may be there.\n"
        f"exhaustive = {to_value(sorted(everywhere))}\n"
    )


def _zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    # A JPEG does not become smaller. A Pi without network believes that it is 1970, which no ZIP file can say.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return path


def _labels(picture: Marked) -> list[str]:
    return [*picture.exhaustive, *(mark.label for mark in picture.marks), *(label for label, _ in picture.objects)]


def _image(image_id: int, picture: Marked) -> dict[str, Any]:
    width, height = picture.size
    return {
        "id": image_id,
        "file_name": f"{picture.id}{PICTURE}",
        "width": width,
        "height": height,
        "date_captured": datetime.fromtimestamp(picture.taken_s, UTC).isoformat(timespec="seconds"),
        "exhaustive": list(picture.exhaustive),
        "mistakes": [_mistake(mark, picture) for mark in picture.marks],
        "model": picture.model,
        "source": picture.source,
        "reason": picture.reason,
    }


def _mistake(mark: Mark, picture: Marked) -> dict[str, Any]:
    said = {"verdict": mark.verdict, "label": mark.label, "bbox": _size(mark.box)["bbox"]}
    if mark.verdict == MISSED or mark.found is None:
        return said
    found = picture.found[mark.found]
    return {**said, "was": found.label, "score": round(found.score, 4)}


def _size(box: Box) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    return {
        "bbox": [round(x1, 2), round(y1, 2), round(x2 - x1, 2), round(y2 - y1, 2)],
        "area": round((x2 - x1) * (y2 - y1), 2),
    }
