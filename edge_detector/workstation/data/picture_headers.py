"""What the first bytes of an image file tell: its size, whether its EXIF data turns it, and when it was taken."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import IFD, Base

from edge_detector.errors import SourceError
from edge_detector.limits import MOST_PIXELS, MOST_PIXELS_IN_WORDS
from edge_detector.types import Size

Image.MAX_IMAGE_PIXELS = None  # this file has a limit of its own, the same as for every other picture

EXIF_TIME = "%Y:%m:%d %H:%M:%S"
TURNED = range(2, 9)  # the values of EXIF's Orientation that change the picture
SIDEWAYS = range(5, 9)  # those that swap width and height


@dataclass(frozen=True, slots=True)
class Header:
    """What an image file says of itself."""

    stored_size: Size
    orientation: int = 1  # EXIF's: 1 is upright, 2 to 8 turn or mirror the picture
    taken: datetime | None = None  # by the camera's clock

    @property
    def size(self) -> Size:
        """Of the upright picture."""
        return self.stored_size[::-1] if self.orientation in SIDEWAYS else self.stored_size

    @property
    def turned(self) -> bool:
        return self.orientation in TURNED


def read_header(path: Path) -> Header:
    """The header of an image file; the pixels are not decoded. Raises `SourceError` if there is no such image."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            header = Header(image.size, *_exif(image))
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        raise SourceError("the file is empty" if empty else "not an image, or a damaged one") from None
    except OSError as error:
        raise SourceError(error.strerror or str(error)) from None
    except (ValueError, SyntaxError, EOFError) as error:  # what Pillow's readers raise for damaged headers
        raise SourceError(f"a damaged image: {error}") from None
    if header.size[0] * header.size[1] > MOST_PIXELS:
        raise SourceError(f"too large; expected at most {MOST_PIXELS_IN_WORDS}; scale it down first")
    return header


def _exif(image: Image.Image) -> tuple[int, datetime | None]:
    """Orientation, and the time it was taken; damaged EXIF data says nothing."""
    try:
        exif = image.getexif()
        orientation = exif.get(Base.Orientation, 1)
        taken = exif.get_ifd(IFD.Exif).get(Base.DateTimeOriginal) or exif.get(Base.DateTime)
    except Exception:  # noqa: BLE001 - Pillow raises nearly anything for damaged EXIF data, and the picture is fine
        return 1, None
    return (orientation if orientation in TURNED else 1), _time(taken)


def _time(text: object) -> datetime | None:
    try:
        return datetime.strptime(str(text).strip("\0 "), EXIF_TIME)
    except ValueError:
        return None


def turned_upright(boxes: NDArray[np.float64], orientation: int) -> NDArray[np.float64]:
    """(N, 4) boxes x1, y1, x2, y2 of the stored picture as they are in the upright one; all are fractions.

    The orientations are those of EXIF 2.3, tag 0x0112.
    """
    x1, y1, x2, y2 = boxes.T
    turned = {
        2: (1 - x2, y1, 1 - x1, y2),
        3: (1 - x2, 1 - y2, 1 - x1, 1 - y1),
        4: (x1, 1 - y2, x2, 1 - y1),
        5: (y1, x1, y2, x2),
        6: (1 - y2, x1, 1 - y1, x2),
        7: (1 - y2, 1 - x2, 1 - y1, 1 - x1),
        8: (y1, 1 - x2, y2, 1 - x1),
    }
    return np.stack(turned.get(orientation, (x1, y1, x2, y2)), axis=1)
