"""Photographs: from a file or its content to pixels, and from pixels to a JPEG file."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import SinkError, SourceError
from edge_detector.types import Frame

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def read_image(file: Path | str, *, sequence: int = 0) -> Frame:
    """The photograph in ``file``, turned upright as its EXIF data says.

    Raises `SourceError` if there is none.
    """
    file = Path(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror}") from None
    return replace(decode_image(data, name=str(file), sequence=sequence), file=file)


def decode_image(data: bytes, *, name: str = "picture", sequence: int = 0) -> Frame:
    """The photograph in ``data``, the content of an image file, turned upright as its EXIF data says.

    Raises `SourceError` that begins with ``name`` if there is none.
    """
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # for no data, and for more than 2**30 pixels
        raise SourceError(f"{name}: empty, or too large") from None
    if image is None:
        raise SourceError(f"{name}: not an image, or a damaged one")
    return Frame(image.astype(np.uint8, copy=False), sequence, time.monotonic_ns())


def encode_jpeg(image: NDArray[np.uint8], *, quality: int) -> bytes:
    """The picture (H, W, 3) BGR as a JPEG file; ``quality`` is 1 to 100.

    Raises `SinkError` if the picture is too large: JPEG files have at most 65,535 rows and columns.
    """
    done, encoded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
    if not done:
        height, width = image.shape[:2]
        raise SinkError(f"a picture of {width}x{height} is too large for a JPEG file; scale it down first")
    return encoded.tobytes()
