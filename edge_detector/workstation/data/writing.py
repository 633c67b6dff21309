"""Write a data set in any format, with its photographs: the new folder needs no other file."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from edge_detector.errors import ConfigError
from edge_detector.image_files import encode_jpeg, read_image
from edge_detector.workstation.data.exhaustive import NAME as SIDE_FILE
from edge_detector.workstation.data.exhaustive import as_text
from edge_detector.workstation.data.labelled import Dataset, LabelledPhotograph
from edge_detector.workstation.data.reading import format_of
from edge_detector.workstation.graph.model_files import make_folder, writing

CUT_PX = 0.5  # pixels: less is rounding
UPRIGHT_QUALITY = 95  # of JPEG, for photographs that EXIF data turned


@dataclass(frozen=True, slots=True)
class Written:
    """What was changed on the way."""

    photographs: int
    turned: int  # photographs that are stored upright now
    cut: int  # boxes that reached over an edge
    left_out: int  # boxes without an area in the photograph


def write_dataset(dataset: Dataset, folder: Path, format_name: str) -> Written:
    """Write photographs and annotations; boxes are cut at the edges, and those without an area left out.

    Photographs that EXIF data turns are stored upright, for many readers ignore it. Raises `ConfigError` if the folder
    has files already, `SinkError` if it cannot be written.
    """
    target = format_of(format_name)
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: the folder has files already; name a new one")
    make_folder(folder)
    clean = replace(dataset, labelled=tuple(map(_clean, dataset.labelled)))
    with writing(folder):
        names = _names(dataset.labelled)
        images = [
            _copy(each, folder / target.image_folder(each.split) / name)
            for each, name in zip(clean.labelled, names, strict=True)
        ]
        target.write(clean, folder, images)
        if dataset.exhaustive is not None:
            (folder / SIDE_FILE).write_text(as_text(dataset.exhaustive), encoding="utf-8")
    return _summary(dataset)


def _clean(photograph: LabelledPhotograph) -> LabelledPhotograph:
    rows = photograph.usable
    return replace(
        photograph,
        boxes=photograph.clipped[rows],
        labels=tuple(name for name, row in zip(photograph.labels, rows, strict=True) if row),
        scores=photograph.scores[rows],
    )


def _names(photographs: Iterable[LabelledPhotograph]) -> list[str]:
    """A file name for each; those that two folders have get a number, also if their suffixes alone differ."""
    names: list[str] = []
    taken: set[str] = set()
    for photograph in photographs:
        stem, suffix, number = photograph.path.stem, photograph.path.suffix, 1
        while stem.lower() in taken:
            number += 1
            stem = f"{photograph.path.stem}_{number}"
        taken.add(stem.lower())
        names.append(f"{stem}{suffix}")
    return names


def _copy(photograph: LabelledPhotograph, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not photograph.rotated:
        shutil.copyfile(photograph.path, target)
        return target
    image = read_image(photograph.path).image
    if target.suffix.lower() in (".jpg", ".jpeg"):
        target.write_bytes(encode_jpeg(image, quality=UPRIGHT_QUALITY))
    else:
        target.write_bytes(cv2.imencode(target.suffix, image)[1].tobytes())
    return target


def _summary(dataset: Dataset) -> Written:
    usable = [photograph.usable for photograph in dataset.labelled]
    cut = (
        (np.abs(photograph.boxes - photograph.clipped)[rows] > CUT_PX).any(axis=1).sum()
        for photograph, rows in zip(dataset.labelled, usable, strict=True)
    )
    return Written(
        photographs=len(dataset.labelled),
        turned=sum(photograph.rotated for photograph in dataset.labelled),
        cut=int(sum(cut)),
        left_out=int(sum((~rows).sum() for rows in usable)),
    )
