"""Augmented views of photographs, and batches of them with their targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import area
from edge_detector.image_files import read_image
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.targets import Objects, TargetEncoder

MIN_VISIBLE = 0.3  # a crop that leaves less of an object's area removes the object
GREY = (128, 128, 128)  # around a photograph that is zoomed out; the network's input is about 0 there
LUMA = np.array((0.299, 0.587, 0.114), np.float32)  # what red, green and blue add to a pixel's grey
MIDDLE = np.float32(128)
PLAIN_SHARE = 0.3  # of the views: as the device sees the photograph, or its mirror image
EXPANDED_SHARE = 0.4  # of the other views: zoomed out; the rest is zoomed in
GREY_SHARE = 0.1
LEAST_ZOOM = 0.6  # a photograph that is zoomed out has at least so much of the view's sides
LEAST_PART = 0.6  # a view that is zoomed in shows at least about so much of the photograph's sides
SEEN_SHARES = (0.3, 0.5, 0.7, 0.9)
TRIES = 20
SMALLEST_AREA = 1e-9  # of a box, so that nothing is divided by 0

Image = NDArray[np.uint8]  # (H, W, 3) RGB


def read_rgb(path: Path) -> Image:
    """The photograph in RGB. Raises `SourceError` if it cannot be decoded."""
    return np.asarray(cv2.cvtColor(read_image(path).image, cv2.COLOR_BGR2RGB), np.uint8)


@dataclass(frozen=True, slots=True)
class Light:
    """How a view is lit; by default as the photograph is."""

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)  # red, green, blue
    offset: float = 0.0  # added to every pixel
    contrast: float = 1.0  # of each pixel to middle grey
    saturation: float = 1.0  # 0: grey, as a camera with infra-red light sees at night

    @classmethod
    def random(cls, rng: np.random.Generator) -> Light:
        """Darker or brighter, duller or brighter colours; one in ten is grey."""
        gain = rng.uniform(0.8, 1.2) * rng.uniform(0.94, 1.06, 3)
        return cls(
            gain=tuple(gain),
            offset=rng.uniform(-16, 16),
            contrast=rng.uniform(0.9, 1.1),
            saturation=0.0 if rng.random() < GREY_SHARE else rng.uniform(0.8, 1.2),
        )

    def apply(self, pixels: Image) -> Image:
        """The pixels in this light."""
        lit: NDArray[Any] = pixels.astype(np.float32)
        if self.saturation != 1.0:
            grey = (lit @ LUMA)[..., None]
            lit = grey + np.float32(self.saturation) * (lit - grey)
        if self.contrast != 1.0:
            lit = MIDDLE + np.float32(self.contrast) * (lit - MIDDLE)
        lit = lit * np.array(self.gain, np.float32) + np.float32(self.offset)
        changed: Image = np.rint(lit).clip(0, 255).astype(np.uint8)
        return changed


@dataclass(frozen=True, slots=True)
class View:
    """One random change of a photograph: mirrored, zoomed, shifted, lit differently; by default none."""

    flip: bool = False
    zoom: tuple[float, float] = (1.0, 1.0)  # y, x: above 1, only a part of the photograph is seen
    shift: tuple[float, float] = (0.0, 0.0)  # y, x: of the photograph's corner, as a fraction of the view
    light: Light = Light()

    @classmethod
    def random(cls, rng: np.random.Generator, objects: Objects | None = None) -> View:
        """Half are mirrored; three in ten are otherwise plain, the others are zoomed in or out, and lit differently.

        What is zoomed in shows at least one of the `objects` well enough: see `_window`.
        """
        flip = bool(rng.random() < 0.5)
        if rng.random() < PLAIN_SHARE:
            return cls(flip)
        zoom, shift = _expanded(rng) if rng.random() < EXPANDED_SHARE else _window(rng, objects)
        return cls(flip, zoom, shift, Light.random(rng))

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
        return np.asarray(view, np.uint8) if self.light == Light() else self.light.apply(np.asarray(view, np.uint8))

    def objects(self, objects: Objects) -> Objects:
        """The objects that are still in view, with their boxes in the view."""
        moved = self._moved(objects)
        seen = moved.clip(0, 1)
        visible = area(seen) > MIN_VISIBLE * area(moved)
        kept = replace(objects, boxes=seen)[visible]
        return kept.mirrored() if self.flip else kept

    def visible_shares(self, objects: Objects) -> NDArray[np.float32]:
        """(N,) how much of each object's area is in view."""
        moved = self._moved(objects)
        return np.asarray(area(moved.clip(0, 1)) / np.maximum(area(moved), SMALLEST_AREA), np.float32)

    def _moved(self, objects: Objects) -> NDArray[np.float32]:
        zoom, shift = (np.array(pair * 2, np.float32) for pair in (self.zoom, self.shift))
        return np.asarray(objects.boxes * zoom + shift, np.float32)


Pair = tuple[float, float]


def _expanded(rng: np.random.Generator) -> tuple[Pair, Pair]:
    """Zoom and shift of a photograph that is smaller than the view, somewhere on grey: objects become smaller."""
    zoom = rng.uniform(LEAST_ZOOM, 1.0) * np.exp(rng.uniform(-0.1, 0.1, 2))
    return _placed(np.minimum(zoom, 1.0), rng)


def _window(rng: np.random.Generator, objects: Objects | None) -> tuple[Pair, Pair]:
    """Zoom and shift of a part of the photograph, as in Liu et al., "SSD: Single Shot MultiBox Detector", 2.2.

    Of at least one object, a random share must be seen. After `TRIES`, the photograph as a whole.
    """
    share = rng.choice(SEEN_SHARES)
    for _ in range(TRIES):
        parts = rng.uniform(LEAST_PART, 1.0) * np.exp(rng.uniform(-0.15, 0.15, 2))
        zoom, shift = _placed(1 / np.minimum(parts, 1.0), rng)
        if objects is None or not len(objects) or View(zoom=zoom, shift=shift).visible_shares(objects).max() >= share:
            return zoom, shift
    return (1.0, 1.0), (0.0, 0.0)


def _placed(zoom: NDArray[np.float64], rng: np.random.Generator) -> tuple[Pair, Pair]:
    """The zoom with a random shift that leaves no gap beside a photograph that is larger than the view."""
    shift = (1 - zoom) * rng.random(2)
    return (float(zoom[0]), float(zoom[1])), (float(shift[0]), float(shift[1]))


class Batch(NamedTuple):
    """N views and their targets; each index begins with the number of its view."""

    images: Image  # (N, side, side, 3) RGB
    score_index: NDArray[np.int32]  # (K, 3) view, anchor, class
    scores: NDArray[np.float32]  # (K,)
    box_index: NDArray[np.int32]  # (M, 2) view, anchor
    boxes: NDArray[np.float32]  # (M, 4)
    box_weights: NDArray[np.float32]  # (M,)
    negatives: NDArray[np.float32]  # (N, C) 0: a place without a box may show this class


Labelled = tuple[Photograph, tuple[int, ...]]  # a photograph, and the classes that may be on it without a box


def batches(
    photographs: Sequence[Labelled],
    encoder: TargetEncoder,
    *,
    classes: int,
    size: int,
    side: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """One epoch: every photograph once, in random order, in a random view; what does not fill a batch is left out."""
    order = rng.permutation(len(photographs))
    for start in range(0, len(order) - size + 1, size):
        yield _batch([photographs[index] for index in order[start : start + size]], encoder, classes, side, rng)


def _batch(
    labelled: list[Labelled], encoder: TargetEncoder, classes: int, side: int, rng: np.random.Generator
) -> Batch:
    photographs = [photograph for photograph, _ in labelled]
    views = [View.random(rng, each.objects) for each in photographs]
    targets = [encoder.targets(view.objects(each.objects)) for view, each in zip(views, photographs, strict=True)]
    return Batch(
        images=np.stack([v.image(read_rgb(p.path), side) for v, p in zip(views, photographs, strict=True)]),
        score_index=_numbered([target.score_index for target in targets]),
        scores=np.concatenate([target.scores for target in targets]),
        box_index=_numbered([target.box_index[:, None] for target in targets]),
        boxes=np.concatenate([target.boxes for target in targets]),
        box_weights=np.concatenate([target.box_weights for target in targets]),
        negatives=np.stack(
            [np.isin(np.arange(classes), open_classes, invert=True) for _, open_classes in labelled]
        ).astype(np.float32),
    )


def _numbered(indices: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """The rows of all lists, each row with the number of its list before it."""
    numbers = np.repeat(np.arange(len(indices), dtype=np.int32), [len(rows) for rows in indices])
    return np.concatenate([numbers[:, None], np.concatenate(indices)], axis=1)
