"""The camera on a Pi's ribbon cable, through picamera2: the picture, and the same picture scaled by the ISP."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.errors import ConfigError, SourceError, SourceTimeout
from edge_detector.options import Spec, argument, option
from edge_detector.sources import source_options
from edge_detector.sources.base import Source
from edge_detector.sources.v4l2 import there_are
from edge_detector.types import Frame, Size

log = logging.getLogger(__name__)

BUFFERS = 4  # one being exposed, one being read out, one waiting, one being copied here

# picamera2 names a format by libcamera's word for it, whose letters run from the highest byte: "RGB888" lies in
# memory as B, G, R, which is OpenCV's order.
BGR_IN_MEMORY = "RGB888"
PLANAR_YUV = "YUV420"


@dataclass(frozen=True, slots=True)
class Picamera2Options:
    """``picamera2:0?hflip=true&vflip=true``: mirrored, upside down, or both (turned by 180 degrees)."""

    camera: str = argument("its number among the cameras that libcamera finds", default="0")
    hflip: bool = option(False, "true: left and right exchanged")
    vflip: bool = option(False, "true: upside down; with hflip: turned by 180 degrees")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a camera that is no number."""
        if not self.camera.isdecimal():
            raise ConfigError(f"picamera2:{self.camera}: expected the camera's number, such as picamera2:0")


class Picamera2Source(Source, options=Picamera2Options):
    """The newest pictures of a camera that libcamera knows, time-stamped at the start of their exposure.

    A camera that is silent for ``config.timeout`` is stopped and started once; if it stays silent, the source ends
    with `SourceTimeout`. It is never opened a second time in one process: each `Picamera2` keeps its contiguous
    memory until the process ends.
    """

    def __init__(self, spec: Spec, config: Config, model_size: Size) -> None:
        """Raises `ConfigError` for a camera that is no number, or an unknown option."""
        self.restarts = 0
        self._options = source_options(Picamera2Options, spec)
        self._number = int(self._options.camera)
        self._config = config
        self._model_size = model_size
        self._timeout_s = float(config.timeout)
        self._camera: Any = None
        self._small: Mapping[str, Any] | None = None  # the configuration of the stream for the model, if there is one
        self._sequence = -1
        self._newest_ns = 0
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        state = "open" if self._camera else "closed"
        return f"<Picamera2Source {state} {self._name} frames={self._sequence + 1} restarts={self.restarts}>"

    @property
    def _name(self) -> str:
        return f"picamera2:{self._number}"

    def open(self) -> None:
        picamera2, libcamera = _packages()
        found = [str(camera.get("Model", "?")) for camera in picamera2.Picamera2.global_camera_info()]
        if self._number >= len(found):
            raise SourceError(
                f"{self._name}: no such camera; libcamera finds: {', '.join(found) or 'none'}; is the ribbon cable "
                f"seated at both ends, and what does 'rpicam-hello --list-cameras' say? {there_are()}"
            )
        try:
            self._camera = picamera2.Picamera2(self._number)
            self._configure(libcamera)
            self._camera.start()
        except RuntimeError as error:
            self._release()
            raise SourceError(
                f"{self._name}: cannot be started: {error}; is another program using the camera?"
            ) from error

    def close(self) -> None:
        self.stop()
        self._release()

    def stop(self) -> None:
        """End the iteration, with the next picture or its deadline."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        """Raises `SourceTimeout` for a camera that stays silent, `SourceError` for one that fails otherwise."""
        while not self._stopped.is_set():
            try:
                frame = self._read()
            except RuntimeError as error:  # what picamera2 and libcamera raise for everything
                raise SourceError(f"{self._name}: the camera failed: {error}") from error
            if frame is None:
                return
            yield frame

    def _read(self) -> Frame | None:
        """The next frame, after a restart if need be; None when stopped."""
        try:
            return self._capture()
        except TimeoutError:
            if self._stopped.is_set():
                return None
            log.warning("%s: silent for %g s; stopping and starting it", self._name, self._timeout_s)
        self._restart()
        try:
            return self._capture()
        except TimeoutError:
            raise SourceTimeout(
                f"{self._name}: silent for {self._timeout_s:g} s, and again after a restart; is its cable loose?"
            ) from None

    def _capture(self) -> Frame:
        """Copy one request and give it back at once: the camera has few buffers, and stalls without them.

        Raises `TimeoutError`.
        """
        request = self._camera.capture_request(wait=self._timeout_s)
        try:
            image = request.make_array("main")
            small = request.make_array("lores") if self._small else None
            metadata = request.get_metadata()
        finally:
            request.release()
        exposed_ns = on_monotonic_clock(metadata.get("SensorTimestamp"))
        self._sequence += self._steps(exposed_ns, metadata)
        self._newest_ns = exposed_ns
        return Frame(image, self._sequence, exposed_ns, small=self._small_bgr(small))

    def _steps(self, exposed_ns: int, metadata: Mapping[str, Any]) -> int:
        """How many frames the camera has exposed since the newest: more than one where it had no free buffer."""
        duration_ns = 1000 * int(metadata.get("FrameDuration", 0))
        if self._sequence < 0 or not duration_ns:
            return 1
        return max(1, round((exposed_ns - self._newest_ns) / duration_ns))

    def _small_bgr(self, picture: NDArray[np.uint8] | None) -> NDArray[np.uint8] | None:
        if picture is None or self._small is None or self._small["format"] == BGR_IN_MEMORY:
            return picture
        width, _ = self._small["size"]
        bgr = cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420)[:, :width]  # rows come with their padding
        return np.ascontiguousarray(bgr, dtype=np.uint8)

    def _restart(self) -> None:
        # First forget the capture that timed out: it waits in picamera2's queue, would take the next picture and
        # never give it back, and stop() would wait behind it for ever.
        self._camera.cancel_all_and_flush()
        self._camera.stop()
        self._camera.start()
        self.restarts += 1

    def _configure(self, libcamera: ModuleType) -> None:
        """The picture, and a smaller one for the model in the best format that this Pi's ISP gives.

        Before the Pi 5 the second stream can only be YUV: picamera2 rejects others with `RuntimeError`. libcamera
        itself never rejects a format; it takes another that the camera has, so what it took is looked at.
        """
        rejected: RuntimeError | None = None
        for small in self._small_streams():
            try:
                self._camera.configure(self._configuration(libcamera, small))
            except RuntimeError as error:
                rejected = error
                continue
            if _format(self._camera, "lores") == (small and small["format"]):
                self._small = self._camera.camera_configuration()["lores"]
                self._check_format()
                return
        raise rejected or RuntimeError("its second stream has a format that was not asked for")

    def _check_format(self) -> None:
        got = _format(self._camera, "main")
        if got != BGR_IN_MEMORY:  # a USB camera, which libcamera lists too
            raise RuntimeError(f"it gives {got} pictures; if it is a USB camera, use --source 0 or /dev/videoN")

    def _small_streams(self) -> list[dict[str, Any] | None]:
        """What to try for the second stream; it may not be larger than the first in either direction."""
        if self._model_size[0] > self._config.size[0] or self._model_size[1] > self._config.size[1]:
            return [None]
        return [{"size": self._model_size, "format": form} for form in (BGR_IN_MEMORY, PLANAR_YUV)] + [None]

    def _configuration(self, libcamera: ModuleType, small: dict[str, Any] | None) -> dict[str, Any]:
        configuration: dict[str, Any] = self._camera.create_video_configuration(
            main={"size": self._config.size, "format": BGR_IN_MEMORY},
            lores=small,
            transform=libcamera.Transform(hflip=self._options.hflip, vflip=self._options.vflip),
            colour_space=libcamera.ColorSpace.Smpte170m(),  # the YUV that OpenCV converts from: BT.601, limited range
            buffer_count=BUFFERS,
            controls=self._controls(libcamera),
        )
        return configuration

    def _controls(self, libcamera: ModuleType) -> dict[str, Any]:
        """The frame rate and continuous autofocus, where the camera has them; picamera2 rejects what it has not."""
        frame_us = round(1e6 / self._config.fps)
        wanted = {
            "FrameDurationLimits": (frame_us, frame_us),
            "AfMode": libcamera.controls.AfModeEnum.Continuous,
        }
        return {name: value for name, value in wanted.items() if name in self._camera.camera_controls}

    def _release(self) -> None:
        if self._camera is None:
            return
        self._camera.cancel_all_and_flush()  # as in _restart: close() stops first
        self._camera.close()
        self._camera = None


def _format(camera: Any, stream: str) -> str | None:
    """What libcamera chose for a stream; None for one that there is not."""
    configuration = camera.camera_configuration()[stream]
    return configuration and str(configuration["format"])


def on_monotonic_clock(sensor_ns: int | None) -> int:
    """A SensorTimestamp on the clock of ``time.monotonic_ns()``; now, where the camera gives none.

    libcamera's documentation promises CLOCK_BOOTTIME; the Pi's receivers stamp with CLOCK_MONOTONIC. The two differ
    by the time spent in suspend, so a stamp ahead of the monotonic clock is one of the former.
    """
    now_ns = time.monotonic_ns()
    if sensor_ns is None:
        return now_ns
    if sensor_ns <= now_ns:
        return sensor_ns
    return sensor_ns - (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - now_ns)


def _packages() -> tuple[ModuleType, ModuleType]:
    """picamera2 and libcamera, which come from the Pi's own package archive.

    Raises `SourceError` where they are missing.
    """
    try:
        import libcamera
        import picamera2
    except ImportError as error:
        raise SourceError(
            f"picamera2: not usable here ({error}); on a Pi: sudo apt install python3-picamera2, and a virtual "
            "environment made with --system-site-packages by /usr/bin/python3"
        ) from None
    return picamera2, libcamera
