"""Pictures: read from a file, decoded from its content, taken from an array, and encoded as JPEG."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import PictureError, SinkError, SourceError
from edge_detector.limits import MOST_PIXELS_IN_WORDS
from edge_detector.types import Frame

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")

Picture = Frame | Path | str | NDArray[np.uint8]  # what `as_frame` takes


def as_frame(picture: Picture) -> Frame:
    """``picture`` as a frame: a frame itself, the path of a photograph, or an array (H, W, 3) of uint8, BGR.

    An array is copied. Raises `SourceError` for a file that cannot be read, `PictureError` for what is no picture.
    """
    if isinstance(picture, Frame):
        return picture
    if isinstance(picture, Path | str):
        return read_image(picture)
    if not isinstance(picture, np.ndarray):
        raise PictureError(_unknown_kind(picture))
    _check(picture)
    # Copy: the frame keeps these pixels, and the caller's array stays theirs to write to.
    return Frame(np.array(picture, order="C"), 0, time.monotonic_ns())


def read_image(file: Path | str, *, sequence: int = 0) -> Frame:
    """The photograph in ``file``, turned upright as its EXIF data says.

    Raises `SourceError` if the file cannot be read or is no image.
    """
    file = Path(file)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise SourceError(f"{file}: {error.strerror}") from None
    return replace(decode_image(data, name=str(file), sequence=sequence), file=file)


def decode_image(data: bytes, *, name: str = "picture", sequence: int = 0) -> Frame:
    """The photograph in ``data``, the content of an image file, turned upright as its EXIF data says.

    Raises `SourceError`, which begins with ``name``, if ``data`` is no image, or one of more than `MOST_PIXELS` pixels
    (``edge_detector/__init__.py`` sets that limit).
    """
    if not data:
        raise SourceError(f"{name}: empty; expected a JPEG, PNG, BMP, WebP or TIFF file")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        raise SourceError(f"{name}: too large; expected at most {MOST_PIXELS_IN_WORDS}; scale it down first") from None
    if image is None:
        raise SourceError(f"{name}: not an image, or a damaged one; expected a JPEG, PNG, BMP, WebP or TIFF file")
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


def shrunk(image: NDArray[np.uint8], longest_px: int) -> NDArray[np.uint8]:
    """``image``, (H, W, 3), with at most ``longest_px`` pixels on its longer side; itself if it has no more."""
    height, width = image.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _check(image: NDArray[Any]) -> None:
    if image.dtype != np.uint8:
        raise PictureError(
            f"the array holds {image.dtype}; expected uint8, 0 to 255: image.astype(np.uint8), "
            "or (image * 255).astype(np.uint8) if its values are 0 to 1"
        )
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise PictureError(
            f"the array has the shape {image.shape}; expected (height, width, 3), blue, green, red{_way_out(image)}"
        )


def _way_out(image: NDArray[np.uint8]) -> str:
    """How an array with other colours becomes a BGR picture."""
    if image.ndim == 2 or image.shape[2:] == (1,):
        return "; of a grey picture make one with cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)"
    if image.shape[2:] == (4,):
        return "; of a BGRA picture make one with cv2.cvtColor(image, cv2.COLOR_BGRA2BGR)"
    return ""


def _unknown_kind(picture: object) -> str:
    if picture is None:
        return "the picture is None: cv2.imread gives None for a file it cannot read; pass the file's path instead"
    expected = "expected a Frame, the path of a photograph, or an array (height, width, 3) of uint8"
    return f"the picture is of type {type(picture).__name__}; {expected}"
