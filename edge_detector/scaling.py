"""How a picture is scaled for a model: in one way only, so that its pixels are always the same."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.types import Size


def scaled(image: NDArray[np.uint8], size: Size, *, dst: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """``image`` (H, W) or (H, W, 3) at ``size``, in ``dst`` if that fits.

    The pixels are the same on a Pi and on the machine that measured the model: OpenCV promises that for
    INTER_LINEAR_EXACT. Its INTER_LINEAR rounds differently on ARM (seen in 5.0), which moved boxes by a tenth.
    """
    return cv2.resize(image, size, dst=dst, interpolation=cv2.INTER_LINEAR_EXACT).astype(np.uint8, copy=False)
