"""Pictures as a USB camera encodes them, and ways to spoil them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

START_OF_SCAN, HUFFMAN_TABLES = 0xDA, 0xC4


def smooth(width: int, height: int) -> NDArray[np.uint8]:
    """(H, W, 3) waves in all three channels, from whole numbers alone."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = abs((rows + columns) % 510 - 255), abs(rows * 2 % 400 - 200), abs(columns % 500 - 250)
    return np.stack(channels, axis=-1).astype(np.uint8)


def encoded(
    image: NDArray[np.uint8], *, quality: int = 85, sampling: int = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422
) -> bytes:
    """A JPEG as cameras make it: colours of half the width, the tables of the standard."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imencode(".jpg", image, options)[1].tobytes()


def without_tables(data: bytes) -> bytes:
    """Without the Huffman tables, as the AVI1 flavour of motion JPEG is, which many cameras send."""
    kept, place = data[:2], 2
    while data[place + 1] != START_OF_SCAN:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4])
        if data[place + 1] != HUFFMAN_TABLES:
            kept += data[place:end]
        place = end
    return kept + data[place:]
