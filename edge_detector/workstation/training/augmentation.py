"""Augmented views of photographs, and batches of them with their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import area
from edge_detector.image_files import read_image
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.targets import Objects, TargetEncoder

MIN_VISIBLE = 0.3  # a crop that leaves less of an object's area removes the object
GREY = (128, 128, 128)  # around a photograph that is zoomed out; the network's input is about 0 there

Image = NDArray[np.uint8]  # (H, W, 3) RGB


def read_rgb(path: Path) -> Image:
    """The photograph in RGB. Raises `SourceError` if it cannot be decoded."""
    return np.asarray(cv2.cvtColor(read_image(path).image, cv2.COLOR_BGR2RGB), np.uint8)


@dataclass(frozen=True, slots=True)
class View:
    """One random change of a photograph: mirrored, zoomed, shifted, lit differently; by default none."""

    flip: bool = False
    zoom: tuple[float, float] = (1.0, 1.0)  # y, x: above 1, only a part of the photograph is seen
    shift: tuple[float, float] = (0.0, 0.0)  # y, x: of the photograph's corner, as a fraction of the view
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)  # red, green, blue
    offset: float = 0.0  # added to every pixel

    @classmethod
    def random(cls, rng: np.random.Generator) -> View:
        """Seven in ten are zoomed, shifted and lit differently; half of all are mirrored."""
        if rng.random() < 0.3:
            return cls(flip=bool(rng.random() < 0.5))
        scale = np.exp(rng.uniform(np.log(0.6), np.log(1.8)))
        zoom = scale * np.exp(rng.uniform(-0.15, 0.15, 2))
        gain = rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3)
        return cls(
            flip=bool(rng.random() < 0.5),
            zoom=tuple(zoom),
            shift=tuple((1 - zoom) * rng.random(2)),
            gain=tuple(gain),
            offset=rng.uniform(-16, 16),
        )

    def image(self, photograph: Image, side: int) -> Image:
        """(side, side, 3): the view of the photograph, which is resampled only once."""
        height, width = photograph.shape[:2]
        scale_y, scale_x = self.zoom[0] * side / height, self.zoom[1] * side / width
        # Pixel centres lie at .5: without zoom this is what the device does, but for rounding.
        top, left = self.shift[0] * side + scale_y / 2 - 0.5, self.shift[1] * side + scale_x / 2 - 0.5
        matrix = np.array([[scale_x, 0, left], [0, scale_y, top]])
        view = cv2.warpAffine(photograph, matrix, (side, side), borderMode=cv2.BORDER_CONSTANT, borderValue=GREY)
        if self.flip:
            view = view[:, ::-1]
        lit = view * np.array(self.gain, np.float32) + np.float32(self.offset)
        pixels: Image = np.rint(lit).clip(0, 255).astype(np.uint8)
        return pixels

    def objects(self, objects: Objects) -> Objects:
        """The objects that are still in view, with their boxes in the view."""
        zoom, shift = (np.array(pair * 2, np.float32) for pair in (self.zoom, self.shift))
        moved = objects.boxes * zoom + shift
        seen = moved.clip(0, 1)
        visible = area(seen) > MIN_VISIBLE * area(moved)
        kept = replace(objects, boxes=seen)[visible]
        return kept.mirrored() if self.flip else kept


class Batch(NamedTuple):
    """N views and their targets; each index begins with the number of its view."""

    images: Image  # (N, side, side, 3) RGB
    score_index: NDArray[np.int32]  # (K, 3) view, anchor, class
    scores: NDArray[np.float32]  # (K,)
    box_index: NDArray[np.int32]  # (M, 2) view, anchor
    boxes: NDArray[np.float32]  # (M, 4)
    box_weights: NDArray[np.float32]  # (M,)


def batches(
    photographs: Sequence[Photograph], encoder: TargetEncoder, *, size: int, side: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """One epoch: every photograph once, in random order, in a random view; what does not fill a batch is left out."""
    order = rng.permutation(len(photographs))
    for start in range(0, len(order) - size + 1, size):
        yield _batch([photographs[index] for index in order[start : start + size]], encoder, side, rng)


def _batch(photographs: list[Photograph], encoder: TargetEncoder, side: int, rng: np.random.Generator) -> Batch:
    views = [View.random(rng) for _ in photographs]
    targets = [encoder.targets(view.objects(each.objects)) for view, each in zip(views, photographs, strict=True)]
    return Batch(
        images=np.stack([v.image(read_rgb(p.path), side) for v, p in zip(views, photographs, strict=True)]),
        score_index=_numbered([target.score_index for target in targets]),
        scores=np.concatenate([target.scores for target in targets]),
        box_index=_numbered([target.box_index[:, None] for target in targets]),
        boxes=np.concatenate([target.boxes for target in targets]),
        box_weights=np.concatenate([target.box_weights for target in targets]),
    )


def _numbered(indices: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """The rows of all lists, each row with the number of its list before it."""
    numbers = np.repeat(np.arange(len(indices), dtype=np.int32), [len(rows) for rows in indices])
    return np.concatenate([numbers[:, None], np.concatenate(indices)], axis=1)
