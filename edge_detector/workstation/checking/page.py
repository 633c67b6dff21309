"""What a check found as one HTML file that needs no other: figures, problems, and pictures with their boxes."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.colors import class_color
from edge_detector.errors import SourceError
from edge_detector.image_files import encode_jpeg, read_image
from edge_detector.workstation.checking.checking import Check
from edge_detector.workstation.checking.reports import verdict
from edge_detector.workstation.data.images import spread_places
from edge_detector.workstation.data.labelled import LabelledPhotograph, Problem
from edge_detector.workstation.html_page import render_page

LONGEST_SIDE = 640  # pixels of a picture in the page
JPEG_QUALITY = 75
PICTURES_OF_A_KIND = 12  # of problem
LISTED_PROBLEMS = 200  # of a kind
OPENED_PROBLEMS = 20  # errors of a kind: longer lists are folded
MARK_SIDE = 6  # pixels: no box is drawn smaller
LINES_PER_SIDE = 30  # a caption's font size is the picture's longest side divided by this


@dataclass(frozen=True, slots=True)
class DrawnBox:
    """A box on a picture, in the picture's pixels."""

    name: str
    color: str  # of the class, as CSS writes it
    x: float
    y: float
    width: float
    height: float
    usable: bool = True  # by training


@dataclass(frozen=True, slots=True)
class Picture:
    """A photograph, made small, and what is known of it."""

    identity: str
    name: str
    part: str
    width: int
    height: int
    data_uri: str  # a JPEG file
    boxes: tuple[DrawnBox, ...]
    problems: tuple[Problem, ...]
    classes: tuple[str, ...]  # of its labels, also of those without a box to draw

    @property
    def text_size(self) -> float:
        return max(self.width, self.height) / LINES_PER_SIDE


def page(check: Check, *, pictures: int) -> str:
    """The whole page, with at most so many pictures: of each kind of problem some, then some of all others."""
    material = check.material
    of_place = _problems_of(check)
    colors = {name: _css(class_color(number)) for number, name in enumerate(material.classes)}
    shown = [
        picture
        for place in _chosen(len(material.photographs), of_place, pictures)
        if (picture := _picture(place, material.photographs[place], of_place.get(place, ()), colors)) is not None
    ]
    return render_page(
        "dataset.html",
        title=", ".join(dataset.path.name or str(dataset.path.resolve().name) for dataset in material.datasets),
        check=check,
        verdict=verdict(check),
        colors=colors,
        pictures=shown,
        anchors=_anchors(shown),
        listed=LISTED_PROBLEMS,
        opened=OPENED_PROBLEMS,
        short=short,
    )


def _problems_of(check: Check) -> dict[int, tuple[Problem, ...]]:
    """The problems of each photograph by its place: those that name its file, or annotations of it alone."""
    places: dict[str, list[int]] = {}
    for place, photograph in enumerate(check.material.photographs):
        for where in {str(photograph.path), str(photograph.where)}:
            places.setdefault(where, []).append(place)
    found: dict[int, list[Problem]] = {}
    for problem in check.problems:
        path, _, line = problem.where.rpartition(":")
        of = places.get(problem.where) or (places.get(path, []) if line.isdecimal() else [])
        if len(of) == 1:
            found.setdefault(of[0], []).append(problem)
    return {place: tuple(problems) for place, problems in found.items()}


def _chosen(count: int, problems: Mapping[int, Sequence[Problem]], at_most: int) -> list[int]:
    """Places of photographs, those with problems first."""
    kinds: dict[str, list[int]] = {}
    for place, of_place in problems.items():
        for problem in of_place:
            kinds.setdefault(problem.kind, []).append(place)
    first = dict.fromkeys(place for places in kinds.values() for place in places[:PICTURES_OF_A_KIND])
    others = [place for place in range(count) if place not in first]
    chosen = [*first][:at_most]
    rest = at_most - len(chosen)
    return [*chosen, *(others[place] for place in spread_places(len(others), rest))] if rest and others else chosen


def _picture(
    place: int, photograph: LabelledPhotograph, problems: tuple[Problem, ...], colors: Mapping[str, str]
) -> Picture | None:
    """None for a photograph that cannot be decoded."""
    try:
        image = read_image(photograph.path).image
    except SourceError:
        return None
    scale = min(1.0, LONGEST_SIDE / max(photograph.size))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return Picture(
        identity=f"picture{place}",
        name=photograph.path.name,
        part=photograph.split,
        width=small.shape[1],
        height=small.shape[0],
        data_uri=_data_uri(small),
        boxes=tuple(_boxes(photograph, scale, colors)),
        problems=problems,
        classes=tuple(sorted(set(photograph.labels))),
    )


def _boxes(photograph: LabelledPhotograph, scale: float, colors: Mapping[str, str]) -> Iterator[DrawnBox]:
    """The largest first, so that smaller ones are drawn on top; where a box has no area, a small dashed one."""
    finite, usable = np.flatnonzero(np.isfinite(photograph.boxes).all(axis=1)), photograph.usable
    boxes = photograph.clipped * scale
    sizes = np.maximum(np.nan_to_num(boxes[:, 2:] - boxes[:, :2]), MARK_SIDE)
    for row in finite[np.argsort(-sizes[finite].prod(axis=1), kind="stable")]:
        (x, y), (width, height) = boxes[row, :2].round(1).tolist(), sizes[row].round(1).tolist()
        name = photograph.labels[row]
        yield DrawnBox(name, colors[name], x, y, width, height, bool(usable[row]))


def _anchors(pictures: Sequence[Picture]) -> dict[str, str]:
    """Where a problem is -> the picture that shows it."""
    return {problem.where: picture.identity for picture in pictures for problem in picture.problems}


def _css(color: tuple[int, int, int]) -> str:
    blue, green, red = color
    return f"#{red:02x}{green:02x}{blue:02x}"


def _data_uri(image: NDArray[np.uint8]) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(image, quality=JPEG_QUALITY)).decode()


def short(path: str) -> str:
    """The last two parts of a path."""
    return "/".join(Path(path).parts[-2:])
