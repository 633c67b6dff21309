"""What a labelled data set of any format says: its photographs, the boxes on them, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import area
from edge_detector.errors import ConfigError
from edge_detector.types import Size
from edge_detector.workstation.data.coco import normal_name
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.targets import Objects

LISTED_PROBLEMS = 5  # that one message names
TRAIN, VALIDATION, TEST = "train", "validation", "test"
# What folders and files of the splits are called.
SPLIT_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "test": TEST,
    "testing": TEST,
}

Corners = tuple[float, float, float, float]  # x1, y1, x2, y2


@dataclass(frozen=True, slots=True)
class Label:
    """One object as an annotation file says it, unchecked."""

    box: Corners
    name: str
    score: float = 1.0  # of the teacher that proposed it; 1 for a person's


@dataclass(frozen=True, slots=True)
class Entry:
    """What an annotation file says of one photograph, before anybody has looked at the photograph."""

    image: Path | None  # None: nobody finds it
    name: str  # what the annotations call the photograph
    where: Path  # the annotation file
    labels: tuple[Label, ...]
    split: str = ""
    stated_size: Size | None = None
    fractions: bool = False  # whether boxes are fractions of the photograph; else pixels of `stated_size`


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with a data set, and where."""

    kind: str
    where: str
    message: str
    error: bool = True  # else only worth knowing

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the annotation files of one data set say, all together."""

    format: str
    entries: tuple[Entry, ...]
    classes: tuple[str, ...]  # in the set's own order
    problems: tuple[Problem, ...] = ()
    unlabelled: tuple[Path, ...] = ()  # photographs that no annotation file speaks of


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPhotograph:
    """A photograph that is there, and the labels of its annotations; the boxes may be anything."""

    path: Path
    size: Size  # upright, as `image_files.read_image` gives it
    boxes: NDArray[np.float64]  # (N, 4) x1, y1, x2, y2, pixels of the upright photograph
    labels: tuple[str, ...]  # (N,)
    scores: NDArray[np.float32]  # (N,)
    split: str
    where: Path  # the annotation file
    rotated: bool = False  # whether its EXIF data turns it

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(N,) boxes that are numbers and have an area inside the photograph."""
        return np.isfinite(self.boxes).all(axis=1) & (area(self.clipped) > 0)

    @property
    def clipped(self) -> NDArray[np.float64]:
        """(N, 4) the boxes, cut at the edges of the photograph."""
        return np.clip(self.boxes, 0, np.array(self.size * 2, np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Labelled photographs of one format, all of them read and measured."""

    path: Path
    format: str
    labelled: tuple[LabelledPhotograph, ...]
    classes: tuple[str, ...]
    exhaustive: frozenset[str] | None = None  # the classes whose every object has a box; None: all classes
    problems: tuple[Problem, ...] = ()
    unlabelled: tuple[Path, ...] = ()

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that the set itself has, training first; empty if it has none."""
        found = {each.split for each in self.labelled} - {""}
        return tuple(split for split in (TRAIN, VALIDATION, TEST) if split in found)

    def photographs(self, labels: Sequence[str], *, split: str | None = None) -> list[Photograph]:
        """The photographs with the objects of the classes ``labels``, as training takes them; None: of all splits.

        A photograph without such objects is there too: it shows what is not to be found. Boxes are cut at the edges;
        those without an area are left out. Names match as in `coco.match`: ``Traffic_Light`` is ``traffic light``.
        """
        class_ids = {normal_name(label): class_id for class_id, label in enumerate(labels)}
        chosen = (each for each in self.labelled if split is None or each.split == split)
        return [_photograph(each, class_ids) for each in chosen]

    def negatives(self, labels: Sequence[str]) -> NDArray[np.bool_]:
        """(C,) of each class, whether a place without a box of it is known to show none of it."""
        known = None if self.exhaustive is None else set(map(normal_name, self.exhaustive))
        return np.array([known is None or normal_name(label) in known for label in labels], np.bool_)

    def require_sound(self) -> None:
        """Raises `ConfigError` that names the errors of the set, if it has any."""
        errors = [problem for problem in self.problems if problem.error]
        if errors:
            named = "; ".join(map(str, errors[:LISTED_PROBLEMS]))
            rest = f"; and {len(errors) - LISTED_PROBLEMS} more" if len(errors) > LISTED_PROBLEMS else ""
            raise ConfigError(f"{named}{rest}; edge-detector dataset check {self.path} lists all")


def split_of(*names: str) -> str:
    """The split that the first of the names speaks of, such as ``val`` or ``instances_train2017``; empty if none."""
    for name in names:
        words = "".join(letter if letter.isalpha() else " " for letter in name.lower()).split()
        found = [SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES]
        if found:
            return found[0]
    return ""


def _photograph(each: LabelledPhotograph, class_ids: Mapping[str, int]) -> Photograph:
    names = [normal_name(label) for label in each.labels]
    rows = np.array([name in class_ids for name in names], np.bool_) & each.usable
    x1, y1, x2, y2 = each.clipped[rows].T / np.array(each.size * 2, np.float64)[:, None]
    objects = Objects(
        boxes=np.stack([y1, x1, y2, x2], axis=1).astype(np.float32),
        class_ids=np.array([class_ids[names[row]] for row in np.flatnonzero(rows)], np.int32),
        scores=each.scores[rows],
    )
    return Photograph(each.path, each.size, objects)
