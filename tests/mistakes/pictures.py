"""Marked pictures to test with: a dog that is a cat, a person that is one, and a cat that nobody found."""

from __future__ import annotations

import cv2
import numpy as np

from edge_detector.mistakes.record import BY_HAND, Found, Marked

SIZE = (320, 240)
FOUND = (
    Found("dog", 0.9, (10.0, 20.0, 110.0, 220.0)),
    Found("person", 0.6, (150.0, 20.0, 200.0, 120.0)),
    Found("dog", 0.5, (210.0, 20.0, 300.0, 120.0)),
)
SAID = {
    "objects": [
        {"found": 0, "verdict": "relabelled", "label": "cat"},
        {"found": 2, "verdict": "wrong"},
        {"box": [5, 5, 60, 50], "label": "cat"},
    ],
    "exhaustive": ["cat", "dog"],
}


def offer(reason: str = BY_HAND, *, taken_s: float = 1e9) -> Marked:
    """A picture that nobody has judged."""
    return Marked("", taken_s, SIZE, "model", "0", reason, FOUND)


def jpeg(shade: int = 0, *, noise: bool = False) -> bytes:
    """A picture of one shade; with ``noise`` it is large."""
    width, height = SIZE
    image = np.full((height, width, 3), shade, np.uint8)
    if noise:
        image = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
    return bytes(cv2.imencode(".jpg", image)[1])
