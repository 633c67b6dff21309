"""The pictures that people have corrected, as `edge-detector mistakes export` writes them, and what they said."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from edge_detector.boxes import iou
from edge_detector.errors import ConfigError
from edge_detector.types import Detections
from edge_detector.workstation.data.fingerprints import fingerprints_of
from edge_detector.workstation.data.grouping import DEFAULT_GROUPINGS, Photographs, groups_of
from edge_detector.workstation.data.images import read_coco_file
from edge_detector.workstation.data.labelled import TEST, TRAIN, VALIDATION, Corners, Dataset, LabelledPhotograph
from edge_detector.workstation.data.reading import read_dataset
from edge_detector.workstation.data.splitting import split

ANNOTATIONS = "annotations.json"
SAME_BOX = 0.5  # a detection belongs to a mark if they overlap by so much (IoU)
ONE_MOMENT = timedelta(minutes=5)  # pictures of one camera that follow closer are of one visit
SHARES = (0.55, 0.2, 0.25)  # to train on, to choose the weights by, and to judge the result by
FEWEST_GROUPS = 2

WRONG, RELABELLED, MISSED, RIGHT = "wrong", "relabelled", "missed", "right"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a person has said of one box."""

    verdict: str
    label: str  # what is there
    box: Corners  # pixels of the picture
    was: str = ""  # what the detector had called it

    def is_met(self, found: Detections) -> bool:
        """Whether a model that finds this is right at the marked place."""
        here = found[iou(np.array(self.box, np.float32), found.boxes) >= SAME_BOX]
        names = {detection.label for detection in here}
        if self.verdict == WRONG:
            return (self.was or self.label) not in names
        return self.label in names and not (self.verdict == RELABELLED and self.was in names)


@dataclass(frozen=True, slots=True, eq=False)
class MarkedPhotograph:
    """A corrected picture."""

    labelled: LabelledPhotograph
    exhaustive: frozenset[str]  # the classes of which every object on it has a box
    marks: tuple[Mark, ...]
    source: str = ""  # the camera
    taken: datetime | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MarkedSet:
    """Corrected pictures in three parts; what was taken at one moment is in one of them."""

    dataset: Dataset
    photographs: tuple[MarkedPhotograph, ...]

    def part(self, name: str) -> list[MarkedPhotograph]:
        """Those to train on, to validate with, or to judge by."""
        return [each for each in self.photographs if each.labelled.split == name]

    @property
    def training(self) -> list[MarkedPhotograph]:
        """Those to train on."""
        return self.part(TRAIN)

    @property
    def validation(self) -> list[MarkedPhotograph]:
        """Those by which the weights are chosen; there may be none."""
        return self.part(VALIDATION)

    @property
    def held_out(self) -> list[MarkedPhotograph]:
        """Those that the training never sees."""
        return self.part(TEST)


def read_marked(path: Path, unpacked: Path, *, seed: int) -> MarkedSet:
    """The set in ``path``: a folder or .zip file of the export, or any COCO file; a .zip is unpacked to ``unpacked``.

    Raises `ConfigError` if it cannot be read, or if all its pictures show one moment.
    """
    folder = _unzipped(path, unpacked) if path.suffix == ".zip" else path
    dataset = read_dataset(folder)
    file = folder / ANNOTATIONS if folder.is_dir() else folder
    said = _said(file) if file.is_file() and file.suffix == ".json" else {}
    photographs = [_marked(each, said.get(each.path.name, {}), dataset) for each in dataset.labelled]
    if not any(each.marks for each in photographs):
        raise ConfigError(f"{path}: nothing is marked on its {len(photographs)} pictures; expected some marks")
    return _in_parts(dataset, photographs, seed)


def _unzipped(path: Path, folder: Path) -> Path:
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file; expected what 'edge-detector mistakes export' has written")
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)  # it keeps every file below the folder
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: cannot be unpacked: {error}; was it cut short in a copy?") from None
    return folder


def _said(annotations: Path) -> dict[str, Mapping[str, Any]]:
    """What the file says of each picture, by the picture's file name."""
    return {Path(image["file_name"]).name: image for image in read_coco_file(annotations)["images"]}


def _marked(labelled: LabelledPhotograph, said: Mapping[str, Any], dataset: Dataset) -> MarkedPhotograph:
    everywhere = frozenset(dataset.classes) if dataset.exhaustive is None else dataset.exhaustive
    exhaustive = frozenset(said["exhaustive"]) if "exhaustive" in said else everywhere
    marks = tuple(map(_mark, said["mistakes"])) if "mistakes" in said else _marks_of_boxes(labelled)
    return MarkedPhotograph(labelled, exhaustive, marks, str(said.get("source", "")), _moment(said))


def _mark(said: Mapping[str, Any]) -> Mark:
    x, y, width, height = said["bbox"]
    return Mark(said["verdict"], said["label"], (x, y, x + width, y + height), said.get("was", ""))


def _marks_of_boxes(labelled: LabelledPhotograph) -> tuple[Mark, ...]:
    """A set that another tool has written: each of its boxes is to be found."""
    boxes = labelled.clipped.tolist()
    return tuple(Mark(MISSED, label, tuple(box)) for label, box in zip(labelled.labels, boxes, strict=True))


def _moment(said: Mapping[str, Any]) -> datetime | None:
    try:
        return datetime.fromisoformat(said["date_captured"])
    except (KeyError, TypeError, ValueError):
        return None


def _in_parts(dataset: Dataset, photographs: Sequence[MarkedPhotograph], seed: int) -> MarkedSet:
    groups = groups_of_moments(photographs)
    if len(groups) < FEWEST_GROUPS:
        raise ConfigError(
            f"{dataset.path}: its {len(photographs)} pictures show one moment, so nothing could be held out to judge "
            "by; mark pictures of other moments too"
        )
    if len(groups) < len(SHARES):
        parted = split(dataset, groups, (0.5, 0.5), seed=seed).dataset
        parts = {TRAIN: TRAIN, VALIDATION: TEST}
        labelled = [replace(each, split=parts[each.split]) for each in parted.labelled]
    else:
        labelled = list(split(dataset, groups, SHARES, seed=seed).dataset.labelled)
    marked = tuple(replace(each, labelled=one) for each, one in zip(photographs, labelled, strict=True))
    return MarkedSet(replace(dataset, labelled=tuple(labelled)), marked)


def groups_of_moments(photographs: Sequence[MarkedPhotograph]) -> list[list[int]]:
    """The places of the pictures, those of one moment together: by the time, or by looks and names where none is known.

    Not by looks where the time is known: to a camera that does not move, all moments look alike.
    """
    timed = [place for place, each in enumerate(photographs) if each.taken is not None]
    others = [place for place, each in enumerate(photographs) if each.taken is None]
    paths = [photographs[place].labelled.path for place in others]
    alike = groups_of(Photographs(paths, fingerprints_of(paths)), DEFAULT_GROUPINGS) if paths else []
    return [*_by_time(photographs, timed), *([others[place] for place in group] for group in alike)]


def _by_time(photographs: Sequence[MarkedPhotograph], places: Iterable[int]) -> Iterator[list[int]]:
    """Each picture with those before it, as long as they follow one another closely."""
    group: list[int] = []
    for place in sorted(places, key=lambda each: (photographs[each].source, photographs[each].taken)):
        if group and not _is_one_moment(photographs[group[-1]], photographs[place]):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _is_one_moment(one: MarkedPhotograph, other: MarkedPhotograph) -> bool:
    if one.taken is None or other.taken is None or one.source != other.source:
        return False
    return abs(one.taken - other.taken) <= ONE_MOMENT
