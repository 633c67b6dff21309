"""Reading a V4L2 camera with a deadline, through OpenCV."""

from __future__ import annotations

import time

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import SourceError, SourceTimeout
from edge_detector.sources.v4l2 import Device
from edge_detector.types import Size

# One buffer to fill while the other is read. OpenCV's own four would let a slow reader see pictures 100 ms old; with
# one the driver of USB cameras drops every second picture.
BUFFERS = 2

STALE_NS = 1_000_000_000  # a time stamp older than this is not on our clock

Picture = tuple[NDArray[np.uint8], int]  # (H, W, 3) BGR; time stamp on the time.monotonic_ns() clock


class Capture:
    """One opened camera.

    Waits with ``VideoCapture.waitAny``, the one call of OpenCV whose deadline V4L2 keeps: CAP_PROP_READ_TIMEOUT_MSEC
    is for other back ends, and a plain ``read`` of a silent camera blocks for ten seconds.
    """

    def __init__(self, device: Device, size: Size, fps: float) -> None:
        """Raises `SourceError`."""
        self.device = device
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # a failure is told once, by us
        self._capture = cv2.VideoCapture(str(device.path), cv2.CAP_V4L2)
        if not self._capture.isOpened():
            raise SourceError(f"{device}: cannot be opened; is another program using it, and are you in group video?")
        self._ask_for(size, fps)

    def close(self) -> None:
        self._capture.release()

    def read(self, timeout_s: float) -> Picture:
        """The next picture.

        Raises `SourceTimeout` after ``timeout_s`` seconds without one, `SourceError` at once if the camera is gone.
        """
        deadline_s = time.monotonic() + timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            if self._wait(left_s):
                whole, image = self._capture.retrieve()
                if whole:  # a USB camera's first JPEG is often damaged
                    return image.astype(np.uint8, copy=False), self._exposed_ns()
        raise SourceTimeout(f"{self.device}: silent for {timeout_s:g} s; is the camera connected?")

    def _wait(self, timeout_s: float) -> bool:
        try:
            ready, _ = cv2.VideoCapture.waitAny([self._capture], max(1, int(timeout_s * 1e9)))  # 0 means for ever
        except cv2.error:
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

    def _exposed_ns(self) -> int:
        """The driver's time stamp, which OpenCV hands on as a position; now, if it is not on our clock."""
        now_ns = time.monotonic_ns()
        stamp_ns = int(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        return stamp_ns if 0 <= now_ns - stamp_ns < STALE_NS else now_ns
