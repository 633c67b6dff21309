"""Reading a V4L2 camera with a deadline, through OpenCV."""

from __future__ import annotations

import logging
import math
import os
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.errors import SourceError, SourceTimeout
from edge_detector.sources.jpeg import jpeg_picture
from edge_detector.sources.v4l2 import Device
from edge_detector.types import LazyPicture, Size

log = logging.getLogger(__name__)

# One buffer to fill while the other is read. OpenCV's own four would let a slow reader see pictures 100 ms old; with
# one the driver of USB cameras drops every second picture.
BUFFERS = 2

STALE_NS = 1_000_000_000  # a time stamp older than this is not on our clock

JPEG_FORMATS = ("MJPG", "JPEG")  # V4L2's names for pictures that come as JPEG

# (H, W, 3) BGR, or what becomes that; time stamp on the time.monotonic_ns() clock
Picture = tuple[NDArray[np.uint8] | LazyPicture, int]


class Capture:
    """One opened camera.

    Waits with ``VideoCapture.waitAny``, the one call of OpenCV with a deadline that V4L2 keeps: it does not know
    CAP_PROP_READ_TIMEOUT_MSEC, and a plain ``read`` of a silent camera blocks for ten seconds.
    """

    def __init__(self, device: Device, config: Config) -> None:
        """Raises `SourceError`."""
        self.device = device
        self._timeout_s = float(config.timeout)
        # The wait for the first picture has no deadline but this one, in whole seconds, read once in a process.
        os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", str(math.ceil(self._timeout_s)))
        self._capture = cv2.VideoCapture(str(device.path), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            allowed = os.access(device.path, os.R_OK | os.W_OK)
            hint = "is another program using it?" if allowed else "not permitted; are you in group video?"
            raise SourceError(f"{device}: cannot be opened: {hint}")
        self._ask_for(config.size, config.fps)
        self._encoded = self._keeps_jpeg()
        self.damaged = 0  # pictures left out

    def close(self) -> None:
        self._capture.release()
        if self.damaged:
            log.warning("%s: %d damaged pictures left out", self.device, self.damaged)
            self.damaged = 0

    def read(self) -> Picture:
        """The next picture.

        Raises `SourceTimeout` after ``config.timeout`` without one, `SourceError` at once if the camera is gone.
        """
        deadline_s = time.monotonic() + self._timeout_s
        while time.monotonic() < deadline_s:
            if self._wait(deadline_s):
                picture = self._retrieve()
                if picture is not None:
                    return picture, self._exposed_ns()
                self.damaged += 1
        raise SourceTimeout(f"{self.device}: silent for {self._timeout_s:g} s; is the camera connected?")

    def _retrieve(self) -> NDArray[np.uint8] | LazyPicture | None:
        """The picture that waits; None for one that is damaged, as a USB camera's first JPEG often is, or too large."""
        try:
            whole, image = self._capture.retrieve()
        except cv2.error as error:
            log.debug("%s: a picture that OpenCV refuses: %s", self.device, error)
            return None
        if not whole:
            return None
        data = image.astype(np.uint8, copy=False)
        return jpeg_picture(data.reshape(-1)) if self._encoded else in_rows(data, self._size)

    def _wait(self, deadline_s: float) -> bool:
        """Whether there is a picture before the deadline."""
        left_ns = max(1, int((deadline_s - time.monotonic()) * 1e9))  # 0 would mean for ever
        try:
            ready, _ = cv2.VideoCapture.waitAny([self._capture], left_ns)
        except cv2.error:
            if time.monotonic() >= deadline_s:  # silent from the first picture on, which OpenCV takes for an error
                return False
            raise SourceError(f"{self.device}: unplugged, or its driver failed") from None
        return ready

    def _ask_for(self, size: Size, fps: float) -> None:
        """MJPEG first: uncompressed, USB 2 carries 1280x720 at ten frames a second. It may choose other values."""
        for key, value in (
            (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
            (cv2.CAP_PROP_FRAME_WIDTH, size[0]),
            (cv2.CAP_PROP_FRAME_HEIGHT, size[1]),
            (cv2.CAP_PROP_FPS, fps),
            (cv2.CAP_PROP_BUFFERSIZE, BUFFERS),
        ):
            self._capture.set(key, value)

    def _keeps_jpeg(self) -> bool:
        """Whether pictures come as JPEG, and OpenCV hands them on so; else it makes images of whatever they are."""
        fourcc = int(self._capture.get(cv2.CAP_PROP_FOURCC)) & 0xFFFFFFFF  # -1 where the driver says nothing
        encoded = fourcc.to_bytes(4, "little").decode("latin-1") in JPEG_FORMATS
        return encoded and bool(self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0))

    @property
    def _size(self) -> Size:
        """What the camera has chosen."""
        width, height = map(self._capture.get, (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        return int(width), int(height)

    def _exposed_ns(self) -> int:
        """The driver's time stamp, which OpenCV hands on as a position; now, if it is not on our clock."""
        now_ns = time.monotonic_ns()
        stamp_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return stamp_ns if 0 <= now_ns - stamp_ns < STALE_NS else now_ns


def in_rows(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """``image`` as (H, W, 3).

    OpenCV 4.11, the last for numpy 1 and so Bookworm's, hands on in one row what a camera delivers as BGR
    (opencv/opencv#27166).
    """
    return image.reshape(size[1], size[0], 3) if image.shape[0] == 1 else image
