"""A tiny world of coloured squares: what a detector of them calls wrong, and what people say of that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE, SQUARE = 64, 8  # pixels; a square fills one cell of the tiny detector
COLORS = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}  # BGR


@dataclass(frozen=True)
class Scene:
    """A grey picture with one square."""

    color: str
    row: int  # of eight
    column: int

    @property
    def image(self) -> NDArray[np.uint8]:
        image = np.full((SIDE, SIDE, 3), 90, np.uint8)
        image[self.row * 8 : self.row * 8 + SQUARE, self.column * 8 : self.column * 8 + SQUARE] = COLORS[self.color]
        return image

    @property
    def bbox(self) -> list[int]:
        """x, y, width, height."""
        return [self.column * 8, self.row * 8, SQUARE, SQUARE]


def scenes(color: str, count: int, *, seed: int) -> list[Scene]:
    """Squares at different places."""
    places = np.random.default_rng(seed).permutation(49)[:count]
    return [Scene(color, int(place) // 7, int(place) % 7) for place in places]


def write_set(folder: Path, named: Sequence[tuple[Scene, str]], categories: Sequence[str], **image: Any) -> Path:
    """A COCO set of scenes, each with the name that its square has; ``image``: more of each image's entry."""
    folder.mkdir(parents=True)
    for number, (scene, _) in enumerate(named):
        cv2.imwrite(str(folder / f"{number:03}.png"), scene.image)
    content = {
        "images": [
            {"id": number, "file_name": f"{number:03}.png", "width": SIDE, "height": SIDE, **image}
            for number in range(len(named))
        ],
        "annotations": [
            {"id": number + 1, "image_id": number, "category_id": categories.index(name), "bbox": scene.bbox}
            for number, (scene, name) in enumerate(named)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(categories)],
    }
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder
