"""USB and other V4L2 cameras, which may fall silent, be unplugged, and come back under another number."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_detector.config import Config
from edge_detector.errors import SourceError, SourceTimeout
from edge_detector.options import Spec, argument
from edge_detector.sources import capture, source_options, v4l2
from edge_detector.sources.base import Source
from edge_detector.types import Frame, Size

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.25  # for a camera that was unplugged; the kernel takes about a second to recognise it


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """``camera:0``."""

    device: str = argument("the camera's number, /dev/videoN, or a link such as those in /dev/v4l/by-id", default="0")


class OpenCamera(Protocol):
    """`capture.Capture`, or what stands in for it."""

    damaged: int  # pictures left out since it was opened

    def read(self) -> capture.Picture: ...
    def close(self) -> None: ...


class CameraSource(Source, options=CameraOptions):
    """The newest pictures of a V4L2 camera.

    One that falls silent for ``config.timeout``, or is gone, is opened once more, under the number that it has then;
    if no picture comes of that in the same time again, the source ends with `SourceTimeout`.
    """

    def __init__(
        self,
        spec: Spec,
        config: Config,
        _model_size: Size,
        *,
        opener: Callable[[v4l2.Device, Config], OpenCamera] = capture.Capture,
        root: Path = v4l2.ROOT,
    ) -> None:
        """``opener`` and ``root`` (of /dev and /sys): where tests plug in cameras that are not there."""
        self.restarts = 0
        self._wanted = source_options(CameraOptions, spec).device
        self._config = config
        self._timeout_s = float(config.timeout)
        self._opener = opener
        self._root = root
        self._device: v4l2.Device | None = None
        self._capture: OpenCamera | None = None
        self._sequence = 0
        self._damaged = 0  # pictures of the open camera that are in the sequence
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        state = "open" if self._capture else "closed"
        return f"<CameraSource {state} {self._device or self._wanted} frames={self._sequence} restarts={self.restarts}>"

    def open(self) -> None:
        self._open(v4l2.find(self._wanted, root=self._root))

    def close(self) -> None:
        self.stop()
        self._release()

    def stop(self) -> None:
        """End the iteration: with the next picture or its deadline, at once while looking for a lost camera."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        """Raises `SourceTimeout` for a camera that stays silent, or stays away."""
        while not self._stopped.is_set():
            picture = self._read()
            if picture is None:
                return
            content, timestamp_ns = picture
            self._sequence += self._newly_damaged()
            yield Frame(content, self._sequence, timestamp_ns)
            self._sequence += 1

    def _newly_damaged(self) -> int:
        """How many pictures were damaged since the newest whole one: each is a gap, as one that was dropped."""
        before, self._damaged = self._damaged, self._capture.damaged if self._capture else 0
        return max(0, self._damaged - before)

    def _read(self) -> capture.Picture | None:
        """The next picture, from the camera opened again if need be; None when stopped."""
        try:
            return self._capture.read() if self._capture else None
        except SourceError as lost:
            if self._stopped.is_set():
                return None
            log.warning("%s; opening it again", lost)
        self._reopen()
        return self._capture.read() if self._capture else None

    def _reopen(self) -> None:
        """Wait for the camera and open it; return without one when stopped.

        Raises `SourceTimeout` if it does not come back.
        """
        lost = self._device
        self._release()
        deadline_s = time.monotonic() + self._timeout_s
        while lost and time.monotonic() < deadline_s and not self._stopped.is_set():
            if (device := v4l2.find_again(lost, root=self._root)) and self._try(device):
                self.restarts += 1
                log.warning("%s: opened again, restart %d", device, self.restarts)
                return
            self._stopped.wait(LOOK_EVERY_S)
        if not self._stopped.is_set():
            raise SourceTimeout(
                f"{lost}: gone, and not back within {self._timeout_s:g} s; {v4l2.there_are(root=self._root)}"
            )

    def _try(self, device: v4l2.Device) -> bool:
        try:
            self._open(device)
        except SourceError as error:  # its node is there before the driver is ready
            log.debug("%s", error)
            return False
        return True

    def _open(self, device: v4l2.Device) -> None:
        self._capture = self._opener(device, self._config)
        self._device = device
        self._damaged = 0

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.close()
            self._capture = None
