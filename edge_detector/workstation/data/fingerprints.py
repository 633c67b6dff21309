"""Perceptual hashes: photographs that look alike have fingerprints of which most bits are the same.

As pHash does it (C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010, 3.2.1), but
with 255 bits instead of 64: whether each low frequency of the small grey picture is above the median of them all.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from edge_detector.errors import ConfigError, SourceError
from edge_detector.workstation.progress import progress

SIDE = 32  # pixels of the small picture
FREQUENCIES = 16  # of each direction, the lowest
DECODED_SIDE = 128  # pixels: a JPEG file is decoded no larger than needed
# Measured on six sets: the same photograph at half the size, compressed to JPEG's quality 50 or a fifth brighter
# differs in at most 0.10 of the bits, cropped by 1 % in 0.16; other photographs in 0.34 and more.
ALIKE = 0.16
# Of two that follow each other less is enough: frames of clips a second apart differ in 0.02 to 0.33, mostly.
BURST = 0.33
ROWS_AT_ONCE = 1024

Fingerprint = NDArray[np.bool_]  # (255,)


def fingerprint(path: Path) -> Fingerprint:
    """The fingerprint of a photograph, turned upright. All of the file is read.

    Raises `SourceError` if it is damaged or cut short.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            image.draft("L", (DECODED_SIDE, DECODED_SIDE))
            upright = ImageOps.exif_transpose(image.convert("L"))
            small = upright.resize((SIDE, SIDE), Image.Resampling.BOX)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:  # what Pillow's decoders raise
        raise SourceError(f"damaged or cut short: {error}") from None
    return _above_median(np.asarray(small, np.float64))


def fingerprints_of(paths: Sequence[Path]) -> list[Fingerprint]:
    """The fingerprints of photographs. Raises `ConfigError` that names those that cannot be read."""
    found, damaged = [], []
    for path in progress(paths, "photographs"):
        try:
            found.append(fingerprint(path))
        except SourceError as error:
            damaged.append(f"{path}: {error}")
    if damaged:
        raise ConfigError("; ".join(damaged[:5]) + (f"; and {len(damaged) - 5} more" if len(damaged) > 5 else ""))
    return found


def stacked(fingerprints: Sequence[Fingerprint]) -> NDArray[np.bool_]:
    """(N, 255) the fingerprints as rows."""
    return np.array(fingerprints, np.bool_).reshape(-1, FREQUENCIES**2 - 1)


def alike(fingerprints: NDArray[np.bool_], at_most: float) -> Iterator[tuple[int, int, float]]:
    """The pairs of rows of ``fingerprints`` (N, 255) that differ in no more than that share of bits, and that share.

    Of rows that are the same, only the first is compared with others: each later one is a pair with it alone.
    """
    _, first, which = np.unique(np.packbits(fingerprints, axis=1), axis=0, return_index=True, return_inverse=True)
    for row, place in enumerate(first[which.ravel()].tolist()):
        if place != row:
            yield place, row, 0.0
    different = np.sort(first)
    signs = np.where(fingerprints[different], np.float32(1), np.float32(-1))
    for start in range(0, len(signs), ROWS_AT_ONCE):
        share = (1 - signs[start : start + ROWS_AT_ONCE] @ signs[start:].T / signs.shape[1]) / 2
        for row, other in np.argwhere(np.triu(share <= at_most + 1e-6, k=1)).tolist():
            yield int(different[start + row]), int(different[start + other]), float(share[row, other])


def difference(first: Fingerprint, second: Fingerprint) -> float:
    """The share of bits that differ: 0 for the same picture, about 0.5 for two that have nothing in common."""
    return float((first != second).mean())


def _above_median(grey: NDArray[np.float64]) -> Fingerprint:
    transform = _cosines()
    lowest = (transform @ grey @ transform.T).ravel()[1:]  # without the first: the mean brightness
    above: Fingerprint = lowest > np.median(lowest)
    return above


@cache
def _cosines() -> NDArray[np.float64]:
    """(FREQUENCIES, SIDE) the discrete cosine transform."""
    places = np.arange(SIDE)
    return np.cos(np.pi * (2 * places + 1) * np.arange(FREQUENCIES)[:, None] / (2 * SIDE))
