"""JPEG pictures of cameras: kept as they came, and decoded when somebody looks, no larger than is needed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import PictureError
from edge_detector.limits import MOST_PIXELS
from edge_detector.scaling import scaled
from edge_detector.types import LazyPicture, Size

START_OF_IMAGE, END_OF_IMAGE = b"\xff\xd8", b"\xff\xd9"
START_OF_SCAN = 0xDA
FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # ITU-T T.81, table B.1: SOF0 to SOF15

# By how much a decoder may reduce the width and height. What it leaves out is never computed.
REDUCTIONS = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
WHOLE = cv2.IMREAD_COLOR


class JpegPicture(LazyPicture):
    """A picture as the camera encoded it.

    The model's picture is decoded at a half, a quarter or an eighth where `reduction_for` allows it, and then scaled
    as all pictures are: that takes less than half the time. It is made so whether somebody looks or not, so the same
    is found.
    """

    def __init__(self, data: NDArray[np.uint8], size: Size) -> None:
        """``data`` (N,): the whole JPEG, as `size_in` has accepted it; ``size`` is what that says."""
        super().__init__(size)
        self._data = data

    def make(self) -> NDArray[np.uint8]:
        """Raises `PictureError` if it cannot be decoded."""
        return self._decoded(WHOLE)

    def scaled(self, size: Size) -> NDArray[np.uint8]:
        """Raises `PictureError` if it cannot be decoded."""
        reduction = reduction_for(self.size, size)
        image = self._decoded(REDUCTIONS[reduction]) if reduction > 1 else self.image
        return scaled(image, size)

    def glance(self) -> NDArray[np.uint8]:
        """Raises `PictureError` if it cannot be decoded."""
        return self._decoded(REDUCTIONS[8])

    def _decoded(self, flags: int) -> NDArray[np.uint8]:
        try:
            # Motion JPEG has no orientation: a picture is as the camera holds it.
            image = cv2.imdecode(self._data, flags | cv2.IMREAD_IGNORE_ORIENTATION)
        except cv2.error as error:
            raise PictureError(f"a JPEG of {len(self._data)} bytes that OpenCV refuses: {error}") from None
        if image is None:
            raise PictureError(f"a damaged JPEG of {len(self._data)} bytes; is the camera's cable in order?")
        return image.astype(np.uint8, copy=False)


def jpeg_picture(data: NDArray[np.uint8]) -> JpegPicture | None:
    """The picture of a JPEG (N,), decoded when somebody looks; None if it is cut or too large.

    What stands behind its end stays: a driver may give its whole buffer.
    """
    size = size_in(data.tobytes())
    return JpegPicture(data, size) if size and size[0] * size[1] <= MOST_PIXELS else None


def reduction_for(picture: Size, needed: Size) -> int:
    """By how much a picture of a size may be reduced for a model that needs another; 1: not at all.

    What is left is at least as large as ``needed`` in both directions, and twice as large in one. Less costs YOLOX a
    hundredth of its mean average precision: the decoder's own scaling is softer than what the model was trained with.
    """
    return next((by for by in REDUCTIONS if _is_enough(picture[0] / by, picture[1] / by, needed)), 1)


def _is_enough(width: float, height: float, needed: Size) -> bool:
    ratios = width / needed[0], height / needed[1]
    return min(ratios) >= 1 and max(ratios) >= 2


def size_in(data: bytes) -> Size | None:
    """The size that a whole JPEG says it has; None for one that is cut, or none at all. Nothing is decoded.

    Tables may be missing: many cameras leave out those of the standard (ITU-T T.81, annex K), and decoders know them.
    """
    if not data.startswith(START_OF_IMAGE):
        return None
    size, place = None, 2
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker in FRAME_HEADERS:
            size = int.from_bytes(data[place + 7 : place + 9]), int.from_bytes(data[place + 5 : place + 7])
        if marker == START_OF_SCAN:
            return size if size and min(size) and data.rfind(END_OF_IMAGE, place) > 0 else None
        place += 2 + int.from_bytes(data[place + 2 : place + 4])
    return None
