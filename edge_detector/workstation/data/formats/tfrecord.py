"""TFRecord: examples with their photographs in them, as the scripts of the TF Object Detection API wrote them."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edge_detector.errors import ConfigError
from edge_detector.model_store.catalogue import cache_folder
from edge_detector.types import Size
from edge_detector.workstation.data.formats.locating import Folder, read_text, split_of_path
from edge_detector.workstation.data.formats.tfrecord_file import Features, is_record_file, read_examples, write_examples
from edge_detector.workstation.data.labelled import (
    Dataset,
    Entry,
    Label,
    LabelledPhotograph,
    Problem,
    Reading,
    split_of,
)

SUFFIXES = (".record", ".records", ".tfrecord", ".tfrecords")
SHARD = re.compile(r"\.(tf)?records?-\d+-of-\d+$", re.IGNORECASE)
SIDES = ("xmin", "ymin", "xmax", "ymax")
BOX, CLASS_TEXT, CLASS_ID = "image/object/bbox/", "image/object/class/text", "image/object/class/label"
ITEM = re.compile(r"item\s*\{([^}]*)\}")
ITEM_ID, ITEM_NAME = re.compile(r"\bid\s*:\s*(\d+)"), re.compile(r"\b(?:display_)?name\s*:\s*['\"]([^'\"]*)")
PHOTOGRAPHS = "photographs"
UNSAFE = re.compile(r"[^\w.-]+")
IMAGE_STARTS = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"BM": ".bmp"}


@dataclass(frozen=True, slots=True)
class Named:
    """What the numbers of classes mean, and where pictures go."""

    names: Mapping[int, str]  # by the numbers of the label map
    folder: Path  # for the photographs
    taken: set[str] = field(default_factory=set)  # file names in it


def find(path: Path, folder: Folder) -> tuple[Path, ...]:
    """The record files at ``path``, itself or in the folder."""
    if path.is_file():
        return (path,) if _is_named_so(path) or is_record_file(path) else ()
    return tuple(each for each in folder.files if _is_named_so(each))


def read(path: Path, files: Sequence[Path], folder: Folder) -> Reading:
    """The examples of all files. The photographs are written to the cache, where they stay for the next reading."""
    names = _label_map(folder) if path.is_dir() else _label_map_beside(path)
    entries: list[Entry] = []
    problems: list[Problem] = []
    ids: dict[str, int] = {name: number for number, name in names.items()}
    for file in files:
        named = Named(names, _photograph_folder(file))
        for number, features in enumerate(read_examples(file)):
            try:
                entries.append(_entry(file, number, features, named, folder.root))
                _learn(ids, features)
            except ConfigError as error:
                problems.append(Problem("damaged annotation", str(file), f"record {number} {error}"))
    found = {label.name for entry in entries for label in entry.labels} | set(names.values())
    return Reading(
        "tfrecord", tuple(entries), tuple(sorted(found, key=lambda name: (ids.get(name, 0), name))), tuple(problems)
    )


def write(dataset: Dataset, folder: Path, images: Sequence[Path]) -> None:
    """A .record for each split, or data.record, and label_map.pbtxt; the photographs are in them."""
    rows = list(zip(dataset.labelled, images, strict=True))
    for split in sorted({each.split for each in dataset.labelled}):
        examples = (_features(*row, dataset.classes) for row in rows if row[0].split == split)
        write_examples(folder / f"{split or 'data'}.record", examples)
    items = (f"item {{\n  id: {number}\n  name: '{name}'\n}}\n" for number, name in enumerate(dataset.classes, start=1))
    shutil.rmtree(folder / PHOTOGRAPHS)  # the records hold them
    (folder / "label_map.pbtxt").write_text("".join(items), encoding="utf-8")


def image_folder(split: str) -> str:
    """Where photographs lie for a moment, until the records hold them."""
    return f"{PHOTOGRAPHS}/{split}" if split else PHOTOGRAPHS


def _is_named_so(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES or SHARD.search(path.name) is not None


def _entry(file: Path, number: int, features: Features, named: Named, root: Path) -> Entry:
    name = _text(features, "image/filename") or _text(features, "image/source_id") or f"{number}"
    data = next(iter(features.get("image/encoded", ())), b"")
    if not isinstance(data, bytes) or not data:
        raise ConfigError(f"({name}) holds no photograph; expected image/encoded")
    return Entry(
        image=_unpacked(named, number, name, data),
        name=name,
        where=file,
        labels=tuple(_labels(features, named.names)),
        split=split_of(file.name) or split_of_path(file, root),
        stated_size=_stated_size(features),
        fractions=True,
    )


def _labels(features: Features, names: Mapping[int, str]) -> Iterator[Label]:
    sides: list[Sequence[Any]] = [features.get(BOX + side, ()) for side in SIDES]
    classes = list(_class_names(features, names))
    if len({len(classes), *map(len, sides)}) > 1:
        counts = ", ".join(
            f"{len(values)} {side}" for side, values in zip((*SIDES, "classes"), (*sides, classes), strict=True)
        )
        raise ConfigError(f"has {counts}; expected as many of each")
    for name, *corners in zip(classes, *sides, strict=True):
        x1, y1, x2, y2 = map(float, corners)
        yield Label((x1, y1, x2, y2), name)


def _class_names(features: Features, names: Mapping[int, str]) -> Iterator[str]:
    texts = features.get(CLASS_TEXT, ())
    if texts:
        yield from (str(each, "utf-8", "replace").strip() for each in texts if isinstance(each, bytes))
        return
    for number in features.get(CLASS_ID, ()):
        if not isinstance(number, int) or number not in names:
            raise ConfigError(f"has class {number!r} without a name; put label_map.pbtxt beside the file")
        yield names[number]


def _learn(ids: dict[str, int], features: Features) -> None:
    """Which number each class has, for their order."""
    for text, number in zip(features.get(CLASS_TEXT, ()), features.get(CLASS_ID, ()), strict=False):
        if isinstance(text, bytes) and isinstance(number, int):
            ids.setdefault(text.decode("utf-8", "replace").strip(), number)


def _text(features: Features, key: str) -> str:
    return b"".join(each for each in features.get(key, ())[:1] if isinstance(each, bytes)).decode("utf-8", "replace")


def _stated_size(features: Features) -> Size | None:
    width, height = (_number(features, f"image/{side}") for side in ("width", "height"))
    return (width, height) if width > 0 and height > 0 else None


def _number(features: Features, key: str) -> int:
    """The first number of ``key``; 0 if there is none."""
    value = next(iter(features.get(key, ())), 0)
    return value if isinstance(value, int) else 0


def _photograph_folder(file: Path) -> Path:
    """A folder of the file's own in the cache: of its path, size and time of change."""
    state = file.stat()
    key = hashlib.sha256(f"{file.resolve()} {state.st_size} {state.st_mtime_ns}".encode()).hexdigest()[:16]
    return cache_folder().parent / PHOTOGRAPHS / f"{UNSAFE.sub('_', file.stem)}-{key}"


def _unpacked(named: Named, number: int, name: str, data: bytes) -> Path:
    """The photograph as a file in the folder, written if it is not there yet."""
    stem = UNSAFE.sub("_", Path(name.replace("\\", "/")).stem)[-80:]
    suffix = next((suffix for start, suffix in IMAGE_STARTS.items() if data.startswith(start)), ".img")
    unique = f"{stem}-{number}" if stem.lower() in named.taken else stem
    named.taken.add(unique.lower())
    path = named.folder / f"{unique}{suffix}"
    try:
        if not path.is_file() or path.stat().st_size != len(data):
            named.folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"{path}: the photograph cannot be written there: {error.strerror}") from None
    return path


def _label_map_beside(file: Path) -> dict[int, str]:
    maps = sorted(file.parent.glob("*.pbtxt"))
    return _parsed(maps[0]) if len(maps) == 1 else {}


def _label_map(folder: Folder) -> dict[int, str]:
    maps = folder.with_suffix(".pbtxt")
    return _parsed(maps[0]) if len(maps) == 1 else {}


def _parsed(file: Path) -> dict[int, str]:
    """The items of a label map: id and name."""
    found = {}
    for item in ITEM.findall(read_text(file)):
        number, name = ITEM_ID.search(item), ITEM_NAME.search(item)
        if number and name:
            found[int(number[1])] = name[1].strip()
    return found


def _features(photograph: LabelledPhotograph, image: Path, classes: Sequence[str]) -> Features:
    width, height = photograph.size
    x1, y1, x2, y2 = photograph.boxes.T
    name = image.name.encode()
    kind = b"png" if image.suffix.lower() == ".png" else b"jpeg"
    return {
        "image/height": [height],
        "image/width": [width],
        "image/filename": [name],
        "image/source_id": [name],
        "image/encoded": [image.read_bytes()],
        "image/format": [kind],
        BOX + "xmin": (x1 / width).tolist(),
        BOX + "xmax": (x2 / width).tolist(),
        BOX + "ymin": (y1 / height).tolist(),
        BOX + "ymax": (y2 / height).tolist(),
        CLASS_TEXT: [label.encode() for label in photograph.labels],
        CLASS_ID: [classes.index(label) + 1 for label in photograph.labels],
    }
