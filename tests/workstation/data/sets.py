"""Small labelled sets for tests: photographs, and annotations as tools write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from tests.workstation.graphs import photograph

Box = tuple[str, float, float, float, float]  # class, x1, y1, x2, y2

WIDTH, HEIGHT = 64, 48


def picture(path: Path, *, seed: int = 0) -> Path:
    """A colourful picture of 64x48 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    done, data = cv2.imencode(path.suffix, photograph(np.random.default_rng(seed)))
    assert done
    path.write_bytes(data.tobytes())
    return path


def turned_picture(path: Path, orientation: int) -> Path:
    """A picture stored as 64x48 pixels, which EXIF data turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    Image.fromarray(photograph(np.random.default_rng(0))).save(path, exif=exif)
    return path


def voc_xml(*boxes: Box, filename: str = "", size: tuple[int, int] | None = (WIDTH, HEIGHT)) -> str:
    """As LabelImg writes it."""
    objects = "".join(
        f"<object><name>{name}</name><bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
        "</bndbox></object>"
        for name, x1, y1, x2, y2 in boxes
    )
    sides = "" if size is None else f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>"
    return f"<annotation><folder>f</folder><filename>{filename}</filename>{sides}{objects}</annotation>"


def voc_set(folder: Path, photographs: Sequence[Sequence[Box]], *, first: int = 0, stem: str = "shot") -> Path:
    """A folder with annotations/ and images/."""
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    for number, boxes in enumerate(photographs, start=first):
        name = f"{stem}{number}"
        picture(folder / "images" / f"{name}.png", seed=number)
        (folder / "annotations" / f"{name}.xml").write_text(voc_xml(*boxes, filename=f"{name}.png"), encoding="utf-8")
    return folder


def yolo_set(folder: Path, lines: Sequence[str], *, names: str = "[cat, dog]") -> Path:
    """A folder as Ultralytics has it, with a photograph for each of ``lines``."""
    for number, text in enumerate(lines):
        picture(folder / "images" / "train" / f"{number}.png", seed=number)
        label = folder / "labels" / "train" / f"{number}.txt"
        label.parent.mkdir(parents=True, exist_ok=True)
        label.write_text(text, encoding="utf-8")
    (folder / "data.yaml").write_text(f"path: .\ntrain: images/train\nnames: {names}\n", encoding="utf-8")
    return folder
