"""The picture of a visit: what is in a box, small."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.types import Box, Frame

PICTURE_PX = 256  # longer side
MARGIN = 0.15  # of the box's size, shown around it


def best_picture(frame: Frame, box: Box) -> NDArray[np.uint8]:
    """What is in ``box`` and a little around it, (h, w, 3) BGR, at most `PICTURE_PX` high and wide; a copy."""
    (x1, y1, x2, y2), (width, height) = box, frame.size
    beside, above = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    left, top = _inside(x1 - beside, width - 1), _inside(y1 - above, height - 1)
    right, bottom = max(left + 1, _inside(x2 + beside, width)), max(top + 1, _inside(y2 + above, height))
    part = frame.image[top:bottom, left:right]
    scale = min(1.0, PICTURE_PX / max(part.shape[:2]))
    size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    return np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), np.uint8)


def _inside(edge: float, limit: int) -> int:
    return int(min(max(edge, 0), limit))
