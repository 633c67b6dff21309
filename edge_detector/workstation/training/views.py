"""Random views of photographs as input tensors, made as the device makes them: no labels are needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.manifest import InputSpec
from edge_detector.detect.preprocess import Preprocessor
from edge_detector.image_files import read_image
from edge_detector.types import Frame, TensorInfo

LEAST_PART = 0.6  # of the height and of the width that a view shows
GAINS = (0.8, 1.2)  # how much darker or brighter it is


class Views:
    """Batches of random views of photographs, for a float model with this input."""

    def __init__(self, paths: Sequence[Path], spec: InputSpec, *, batch: int, seed: int) -> None:
        """`batch`: views in one."""
        self._paths, self._batch, self._seed = paths, batch, seed
        width, height = spec.size
        self._preprocess = Preprocessor(spec, TensorInfo("image", (1, height, width, 3), np.dtype(np.float32)))

    def steps(self, first: int, end: int) -> Iterator[NDArray[np.float32]]:
        """(batch, H, W, 3) for the training steps from `first` on; the same for the same step, whenever it comes."""
        for step in range(first, end):
            rng = np.random.default_rng((self._seed, step))
            chosen = rng.choice(len(self._paths), self._batch, replace=len(self._paths) < self._batch)
            yield np.concatenate([self._tensor(view(read_image(self._paths[each]), rng)) for each in chosen])

    def _tensor(self, frame: Frame) -> NDArray[np.float32]:
        tensor, _ = self._preprocess(frame)
        return tensor.astype(np.float32)  # a copy: the next photograph overwrites the tensor


def view(frame: Frame, rng: np.random.Generator) -> Frame:
    """A random part of the frame, half of the time mirrored, darker or brighter."""
    part = _part(frame.image, rng)[:, :: rng.choice((-1, 1))]
    lit = np.clip(part * np.float32(rng.uniform(*GAINS)), 0, 255).astype(np.uint8)
    return replace(frame, picture=np.ascontiguousarray(lit))


def _part(image: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
    sizes = [max(1, round(side * rng.uniform(LEAST_PART, 1.0))) for side in image.shape[:2]]
    top, left = (rng.integers(0, side - size + 1) for side, size in zip(image.shape[:2], sizes, strict=True))
    return image[top : top + sizes[0], left : left + sizes[1]]
