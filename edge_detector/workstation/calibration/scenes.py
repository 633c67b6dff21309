"""Which pictures show the same scene: the frames of one film are one sample, however many they are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

MIN_SCENES = 8  # fewer say little about the pictures that the model will see
CELLS = 16  # along each side of the grid that stands for a picture
SAME_DIRECTION = 0.005  # two cells that differ by less, as a fraction of the range, have no direction: noise turns it
# How much the outlines of pictures of one scene agree, at least; 0 is chance, 1 is equal. On 1,000 photographs of eight
# sets all but a handful of pairs were below; frames of eleven films of fixed cameras, night and infrared, were above.
SAME_SCENE = 0.45


def outline(image: NDArray[np.generic], *, span: float) -> NDArray[np.float32]:
    """Where the picture (H, W, 3) becomes brighter and darker, from cell to cell of a coarse grid; length 1.

    This is the "difference hash" of picture search: it hardly changes with the light or with what moves through the
    scene. `span`: the difference between black and white.
    """
    grey = image.astype(np.float32).mean(2)
    cells = cv2.resize(grey, (CELLS + 1, CELLS + 1), interpolation=cv2.INTER_AREA)
    steps = np.concatenate([np.diff(cells, axis=0)[:, :CELLS].ravel(), np.diff(cells, axis=1)[:CELLS].ravel()])
    directions = np.sign(steps) * (np.abs(steps) > SAME_DIRECTION * span)
    found: NDArray[np.float32] = (directions / max(float(np.linalg.norm(directions)), 1.0)).astype(np.float32)
    return found


def first_of_each_scene(outlines: Sequence[NDArray[np.float32]]) -> list[int]:
    """The place of the first picture of every scene. Pictures are of one scene if they agree, or others between do."""
    stack = np.array(outlines)
    same = stack @ stack.T >= SAME_SCENE
    np.fill_diagonal(same, True)  # a picture without any outline agrees with none
    first = np.arange(len(stack))
    while True:
        earlier = np.where(same, first, len(stack)).min(1, initial=len(stack))
        if np.array_equal(earlier, first):
            return np.unique(first).tolist()
        first = earlier
