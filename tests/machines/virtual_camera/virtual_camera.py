"""The real picamera2 on libcamera's virtual camera. Import this before picamera2.

That camera has neither a raw stream, which picamera2 asks every camera for when it opens it, nor RGB, which a Pi's ISP
gives; and picamera2 imports the KMS preview of a Pi. What is missing is added here, and nothing else is touched:
opening, configuring, starting, requests, time-outs, metadata, stopping and closing are picamera2's own.
"""

from __future__ import annotations

import sys
from functools import partial
from types import ModuleType
from typing import Any

import cv2
import numpy as np

ASKED, GIVEN = "RGB888", "NV12"


class AnyFormat:
    """Every pixel format is its own name."""

    def __getattr__(self, name: str) -> str:
        return name


kms = ModuleType("pykms")
kms.PixelFormat = AnyFormat()  # type: ignore[attr-defined]
sys.modules["pykms"] = kms

import libcamera  # noqa: E402 - after the stand-in for pykms
import picamera2  # noqa: E402
from picamera2.allocators import LibcameraAllocator  # noqa: E402
from picamera2.request import CompletedRequest  # noqa: E402


class VirtualCamera(picamera2.Picamera2):
    """A `Picamera2` whose pictures arrive as NV12 and leave as on a Pi."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.allocator = LibcameraAllocator(self.camera)

    def _get_raw_modes(self) -> list[dict[str, Any]]:
        stream = self.camera.generate_configuration([libcamera.StreamRole.Viewfinder]).at(0)
        return [{"format": str(stream.pixel_format), "size": (stream.size.width, stream.size.height)}]

    def create_video_configuration(self, **wanted: Any) -> dict[str, Any]:
        if wanted.get("lores"):
            raise RuntimeError("the virtual camera has one stream")
        return super().create_video_configuration(main=wanted.pop("main", {}) | {"format": GIVEN}, **wanted)

    def camera_configuration(self, name: str = "main") -> Any:
        found = super().camera_configuration()
        return found | {"main": found["main"] | {"format": ASKED}}


def make_array(request: CompletedRequest, name: str) -> np.ndarray:
    """What "RGB888" is on a Pi: blue, green, red in memory."""
    stream = request.config[name]
    (width, height), stride = stream["size"], stream["stride"]
    rows = request.make_buffer(name)[: stride * height * 3 // 2].reshape(-1, stride)  # the rest is padding
    return cv2.cvtColor(rows[:, :width], cv2.COLOR_YUV2BGR_NV12)


CompletedRequest.make_array = make_array
picamera2.picamera2.DmaAllocator = partial(LibcameraAllocator, None)  # its own needs a kernel's DMA heaps
picamera2.Picamera2 = VirtualCamera
