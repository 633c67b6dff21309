"""A stand-in for the packages picamera2 and libcamera that behaves like a camera: for tests without one.

It has the signatures of picamera2 0.3.38 and its physics. Frames come at the configured rate whether or not anybody
takes them; each needs a free buffer, and a request that is not released keeps its own; rows are padded to the
hardware's alignment; a capture that timed out stays in the queue, takes the next frame and blocks `stop`; a camera
can be opened once. Time is the `Sensor`'s, so a test can let an hour pass in no time.

    monkeypatch.setitem(sys.modules, "picamera2", fake_picamera2)
    monkeypatch.setitem(sys.modules, "libcamera", fake_picamera2.libcamera)
"""

# ruff: noqa: B006 - the signatures are those of the real package

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

SECOND_NS = 1_000_000_000
STRIDE = 64  # bytes; rows begin at multiples of it


@dataclass(slots=True)
class Sensor:
    """What hangs on the ribbon cable, and which Pi it hangs on."""

    model: str = "imx708"
    autofocus: bool = True
    rgb_lores: bool = True  # a Pi 5; before it the second stream could only be YUV
    only_format: str = ""  # a camera without an ISP: whatever is asked for, it gives this
    scene: Callable[[int], NDArray[np.uint8]] | None = None  # frame number -> (H, W, 3) in R, G, B
    silent: bool = False  # no frames: a loose cable, a firmware that hangs
    mended_by_restart: bool = False  # ... until it is stopped and started
    clock_ns: Callable[[], int] = time.monotonic_ns
    sleep: Callable[[float], None] = time.sleep
    acquired: bool = False
    openings: int = 0  # how many `Picamera2` were made of it: more than one leaks memory on a Pi


sensors: list[Sensor] = [Sensor()]  # those plugged in, by number


@dataclass(frozen=True, slots=True)
class Transform:
    """libcamera.Transform: what the sensor does to the picture."""

    rotation: int = 0
    hflip: bool = False
    vflip: bool = False
    transpose: bool = False


libcamera = SimpleNamespace(
    Transform=Transform,
    ColorSpace=SimpleNamespace(Smpte170m=lambda: "SMPTE170M"),
    controls=SimpleNamespace(AfModeEnum=SimpleNamespace(Manual=0, Auto=1, Continuous=2)),
)


class CompletedRequest:
    """One exposed frame in one set of buffers, which go back to the camera with the last `release`."""

    def __init__(self, request: Any, picam2: Picamera2) -> None:
        self.request = request  # (number of the buffers, {stream: memory}, metadata)
        self.picam2 = picam2
        self.ref_count = 1
        self.stop_count = picam2.stop_count
        self.config = {**picam2.camera_configuration()}

    def release(self) -> None:
        """Raises `RuntimeError` for one release too many."""
        self.ref_count -= 1
        if self.ref_count < 0:
            raise RuntimeError("CompletedRequest: lock now has negative ref_count")
        if self.ref_count == 0 and self.stop_count == self.picam2.stop_count:
            self.picam2.take_back(self.request[0])

    def get_metadata(self) -> dict[str, Any]:
        return dict(self.request[2])

    def make_array(self, name: str) -> NDArray[np.uint8]:
        """A copy of the stream's pixels: RGB without its padding, YUV with it, as the real one does."""
        config = self.config.get(name)
        if config is None:
            raise RuntimeError(f"Stream {name!r} is not defined")
        width, height = config["size"]
        memory = self.request[1][name]
        if config["format"] == "YUV420":
            return np.array(memory.reshape(height * 3 // 2, config["stride"]))
        rows = memory.reshape(height, config["stride"])[:, : width * 3]
        return np.ascontiguousarray(rows).reshape(height, width, 3).copy()


class Picamera2:
    """The camera as an application sees it."""

    @staticmethod
    def global_camera_info() -> list[dict[str, Any]]:
        return [
            {"Model": sensor.model, "Location": 2, "Rotation": 180, "Id": f"/base/{sensor.model}", "Num": number}
            for number, sensor in enumerate(sensors)
        ]

    def __init__(
        self, camera_num: int = 0, verbose_console: Any = None, tuning: Any = None, allocator: Any = None
    ) -> None:
        if camera_num >= len(sensors):
            raise RuntimeError(f"No camera number {camera_num} found")
        self._sensor = sensors[camera_num]
        if self._sensor.acquired:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self._sensor.acquired = True
        self._sensor.openings += 1
        self.stop_count = 0
        self.started = False
        self.dropped = 0  # frames for which there was no free buffer
        self._config: dict[str, Any] = {}
        self._abandoned = 0  # captures that timed out and still wait in the queue
        self._completed: deque[CompletedRequest] = deque()
        self._free: set[int] = set()
        self._start_ns = 0
        self._exposed = 0  # frames since the start

    @property
    def camera_controls(self) -> dict[str, tuple[Any, Any, Any]]:
        controls = {"FrameDurationLimits": (8333, 120_000_000, None), "ExposureTime": (1, 66_666, None)}
        return controls | ({"AfMode": (0, 2, 0)} if self._sensor.autofocus else {})

    def create_video_configuration(
        self,
        main: dict[str, Any] = {},
        lores: dict[str, Any] | None = None,
        raw: dict[str, Any] | None = {},
        transform: Transform = Transform(),
        colour_space: Any = None,
        buffer_count: int = 6,
        controls: dict[str, Any] = {},
        display: str | None = "main",
        encode: str | None = "main",
        queue: bool = True,
        sensor: dict[str, Any] = {},
        use_case: str = "video",
    ) -> dict[str, Any]:
        main = {"format": "XBGR8888", "size": (1280, 720)} | main
        return {
            "main": _even(main),
            "lores": None if lores is None else _even({"format": "YUV420", "size": main["size"]} | lores),
            "raw": raw,
            "transform": transform,
            "colour_space": colour_space,
            "buffer_count": buffer_count,
            "queue": queue,
            "controls": {"FrameDurationLimits": (33_333, 33_333)} | controls,
        }

    def configure(self, camera_config: Any = None) -> None:
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        main, lores = camera_config["main"], camera_config["lores"]
        if lores is not None:
            if lores["size"][0] > main["size"][0] or lores["size"][1] > main["size"][1]:
                raise RuntimeError("lores stream dimensions may not exceed main stream")
            if not self._sensor.rgb_lores and lores["format"] != "YUV420":
                raise RuntimeError("lores stream must be YUV")
        unknown = set(camera_config["controls"]) - set(self.camera_controls)
        if unknown:
            raise RuntimeError(f"Control {unknown.pop()} is not advertised by libcamera")
        given = {"format": self._sensor.only_format} if self._sensor.only_format else {}
        self._config = camera_config | {"main": _padded(main | given), "lores": lores and _padded(lores | given)}

    def camera_configuration(self) -> dict[str, Any]:
        return self._config

    def start(self, config: Any = None, show_preview: Any = False) -> None:
        if not self._config:
            raise RuntimeError("Camera has not been configured")
        if self._sensor.mended_by_restart and self.stop_count:
            self._sensor.silent = False
        self._free = set(range(self._config["buffer_count"]))
        self._start_ns, self._exposed = self._sensor.clock_ns(), 0
        self.started = True

    def capture_request(self, wait: Any = None, signal_function: Any = None, flush: Any = None) -> CompletedRequest:
        """The oldest frame not yet taken, or the next one.

        Raises `TimeoutError` after ``wait`` seconds; without ``wait`` a silent camera would hang the caller.
        """
        if wait is None and self._sensor.silent:
            raise RuntimeError("the real capture_request() would wait for ever here")
        deadline_ns = self._sensor.clock_ns() + int((wait or 3600) * SECOND_NS)
        while not self._completed:
            next_ns = self._start_ns + (self._exposed + 1) * self._frame_ns
            now_ns = self._sensor.clock_ns()
            if now_ns >= deadline_ns:
                self._abandoned += 1
                raise TimeoutError
            until_ns = deadline_ns if self._stalled else min(next_ns, deadline_ns)
            self._sensor.sleep(max(0, until_ns - now_ns) / SECOND_NS)
            self._expose()
        return self._completed.popleft()

    def cancel_all_and_flush(self) -> None:
        self._abandoned = 0

    def stop(self) -> None:
        if not self.started:
            return
        if self._abandoned and self._stalled:
            raise RuntimeError("the real stop() would wait for ever here, behind a capture that timed out")
        self.started = False
        self.stop_count += 1
        self._completed.clear()

    def close(self) -> None:
        self.stop()
        self._sensor.acquired = False

    def take_back(self, number: int) -> None:
        """A released request's buffers may be exposed again."""
        self._expose()  # what was due before the release found them still taken
        self._free.add(number)

    @property
    def _frame_ns(self) -> int:
        shortest_us: int = self._config["controls"]["FrameDurationLimits"][0]
        return shortest_us * 1000

    @property
    def _stalled(self) -> bool:
        return self._sensor.silent or not self._free

    def _expose(self) -> None:
        """Catch up with the clock: every frame that became due since the last look, or lost for want of a buffer."""
        due = (self._sensor.clock_ns() - self._start_ns) // self._frame_ns
        while self._exposed < due and self.started:
            self._exposed += 1
            if self._stalled:
                self.dropped += 1
            elif self._abandoned:  # taken by a capture that nobody waits for any more, and never given back
                self._abandoned -= 1
                self._free.pop()
            else:
                self._complete()

    def _complete(self) -> None:
        number = self._free.pop()
        exposed_ns = self._start_ns + (self._exposed - 1) * self._frame_ns
        metadata = {"SensorTimestamp": exposed_ns, "FrameDuration": self._frame_ns // 1000}
        streams = {name: self._config[name] for name in ("main", "lores") if self._config[name]}
        scene = _scene(self._sensor, self._exposed - 1, self._config)
        memory = {name: _pixels(scene, stream) for name, stream in streams.items()}
        self._completed.append(CompletedRequest((number, memory, metadata), self))
        while len(self._completed) > 1:  # only the newest waits; older ones go straight back
            self._free.add(self._completed.popleft().request[0])


def _even(stream: dict[str, Any]) -> dict[str, Any]:
    width, height = stream["size"]
    return stream | {"size": (width - width % 2, height - height % 2)}


def _padded(stream: dict[str, Any]) -> dict[str, Any]:
    """The stream with its row length in bytes."""
    width = stream["size"][0] * (1 if stream["format"] == "YUV420" else 3)
    return stream | {"stride": -(-width // STRIDE) * STRIDE}


def _scene(sensor: Sensor, number: int, config: dict[str, Any]) -> NDArray[np.uint8]:
    """What the sensor sees, in R, G, B, after its own mirroring."""
    width, height = config["main"]["size"]
    scene = np.full((height, width, 3), number % 256, np.uint8) if sensor.scene is None else sensor.scene(number)
    transform = config["transform"]
    return scene[:: -1 if transform.vflip else 1, :: -1 if transform.hflip else 1]


def _pixels(scene: NDArray[np.uint8], stream: dict[str, Any]) -> NDArray[np.uint8]:
    """A buffer as the ISP writes it: scaled, in the stream's format, rows padded."""
    bgr = cv2.resize(scene[..., ::-1].copy(), stream["size"], interpolation=cv2.INTER_AREA)
    if stream["format"] == "YUV420":
        extra = stream["stride"] - stream["size"][0]
        yuv = cv2.cvtColor(cv2.copyMakeBorder(bgr, 0, 0, 0, extra, cv2.BORDER_CONSTANT), cv2.COLOR_BGR2YUV_I420)
        return yuv.astype(np.uint8, copy=False).ravel()
    rows = bgr.reshape(len(bgr), -1)
    return np.pad(rows, ((0, 0), (0, stream["stride"] - rows.shape[1]))).ravel().astype(np.uint8, copy=False)
