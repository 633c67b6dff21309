"""Films and streams opened with limits, and their decoded frames as upright BGR pictures."""

from __future__ import annotations

from collections.abc import Mapping

import av
import cv2
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from edge_detector.buffers import BufferPool
from edge_detector.limits import MOST_PIXELS

LIMITS = {"max_pixels": str(MOST_PIXELS)}  # FFmpeg refuses a larger picture before it decodes it

TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, -90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, -180: cv2.ROTATE_180}

NO_OPTIONS: Mapping[str, str] = {}


def open_container(
    address: str, *, options: Mapping[str, str] = NO_OPTIONS, timeout: tuple[float, float] | None = None
) -> InputContainer:
    """The film or stream at ``address``.

    Raises what `av.open` raises.
    """
    # Titles and names of sessions come in any encoding; nothing here reads them.
    container = av.open(address, metadata_errors="replace", options={**LIMITS, **options}, timeout=timeout)
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = LIMITS
    return container


def why_not(container: InputContainer) -> str:
    """Why no picture of ``container`` can be decoded: ``has no pictures in it, only audio``; "" if they can."""
    if not container.streams.video:
        kinds = ", ".join(stream.type for stream in container.streams)
        return f"has no pictures in it, only {kinds or 'nothing'}"
    if container.streams.video[0].codec_context is None:
        return "its pictures are encoded in a way that FFmpeg does not know; expected a film such as H.264 in MP4"
    return ""


class BgrConverter:
    """Makes pictures of decoded frames, in memory that is used again; for one thread at a time."""

    def __init__(self) -> None:
        self._pictures = BufferPool()
        self._planes: NDArray[np.uint8] = np.empty((0, 0), np.uint8)  # (H * 3 / 2, W) I420, overwritten by each frame

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """(H, W, 3) BGR, contiguous, turned upright as the frame's display matrix says (telephones film sideways)."""
        image = self._convert(frame)
        turn = TURNS.get(frame.rotation)
        return image if turn is None else cv2.rotate(image, turn).astype(np.uint8, copy=False)

    def _convert(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Through OpenCV where it can, which costs 1.0 ms less a frame than swscale (1280x720, one x86 core).

        OpenCV takes every YUV for BT.601 in the limited range; on BT.709 pictures that is 1.8 levels off on average
        and 13 at most, which no detector notices. Full-range pictures would lose contrast, so those go through swscale.
        """
        full_range = frame.color_range == ColorRange.JPEG
        if frame.format.name == "yuv420p" and not full_range and frame.width % 2 == frame.height % 2 == 0:
            picture = self._pictures.take((frame.height, frame.width, 3))
            cv2.cvtColor(self._i420(frame), cv2.COLOR_YUV2BGR_I420, dst=picture)
            return picture
        return np.ascontiguousarray(frame.to_ndarray(format="bgr24"))

    def _i420(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """The three planes below each other, without the padding at the end of FFmpeg's rows."""
        if self._planes.shape != (frame.height * 3 // 2, frame.width):
            self._planes = np.empty((frame.height * 3 // 2, frame.width), np.uint8)
        flat, start = self._planes.reshape(-1), 0
        for plane in frame.planes:
            rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            flat[start : start + rows.size].reshape(rows.shape)[:] = rows
            start += rows.size
        return self._planes
