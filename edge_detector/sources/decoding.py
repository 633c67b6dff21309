"""Films and streams opened with limits, and their decoded frames as upright pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import av
import cv2
import numpy as np
from av import VideoFrame
from av.container import InputContainer
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange
from numpy.typing import NDArray

from edge_detector.buffers import BufferPool
from edge_detector.limits import MOST_PIXELS
from edge_detector.scaling import scaled
from edge_detector.types import LazyPicture, Size

LIMITS = {"max_pixels": str(MOST_PIXELS)}  # FFmpeg refuses a larger picture before it decodes it

TURNS = {90: cv2.ROTATE_90_COUNTERCLOCKWISE, -90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, -180: cv2.ROTATE_180}

PutPlane = Callable[[NDArray[np.uint8], NDArray[np.uint8]], object]

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


def decode(packet: av.Packet[Any]) -> list[VideoFrame] | None:
    """The frames that ``packet`` completes, often one; None if it is damaged, or its picture too large."""
    try:
        return [frame for frame in packet.decode() if isinstance(frame, VideoFrame)]
    except ValueError:  # av.InvalidDataError; and FFmpeg's EINVAL, a class of several names, for a picture too large
        return None


class PictureMaker:
    """Makes lazy pictures of decoded frames, in memory that is used again; for any thread."""

    def __init__(self) -> None:
        self._whole = I420Converter()
        self._small = I420Converter()

    def __call__(self, frame: VideoFrame) -> LazyPicture:
        """Upright as the frame's display matrix says (telephones film sideways)."""
        return DecodedPicture(frame, self._whole, self._small)


class DecodedPicture(LazyPicture):
    """A frame as the decoder gives it.

    Frames of limited-range YUV 4:2:0, which are nearly all, go through OpenCV, which costs 1.0 ms less a frame than
    swscale (1280x720, one x86 core). OpenCV takes every YUV for BT.601 in the limited range; on BT.709 pictures that
    is 1.8 levels off on average and 13 at most, which no detector notices. Full-range pictures would lose contrast, so
    those go through swscale.

    The model's picture of a large frame is made of planes that are scaled first, which costs less than half of scaling
    the image. It is the same but for rounding, and for edges of colours, which are smooth.
    """

    def __init__(self, frame: VideoFrame, whole: I420Converter, small: I420Converter) -> None:
        self._frame, self._whole, self._small = frame, whole, small
        self._turn = TURNS.get(frame.rotation)
        super().__init__(self._turned((frame.width, frame.height)))
        limited = frame.color_range != ColorRange.JPEG
        self._planar = frame.format.name == "yuv420p" and limited and _even(self.size)

    def make(self) -> NDArray[np.uint8]:
        if not self._planar:
            return self._upright(np.ascontiguousarray(self._frame.to_ndarray(format="bgr24")))
        return self._upright(self._whole(self._frame, (self._frame.width, self._frame.height), np.copyto))

    def scaled(self, size: Size) -> NDArray[np.uint8]:
        if not (self._planar and _even(size) and self._has_colors_for(size)):
            return scaled(self.image, size)
        return self._upright(self._small(self._frame, self._turned(size), _scale_into))

    def glance(self) -> NDArray[np.uint8] | None:
        """The three planes, Y, U and V, as they lie in the frame."""
        if not self._planar:
            return None
        size = max(1, self._frame.width // 8), max(1, self._frame.height // 8)
        planes = [cv2.resize(_rows(plane), size, interpolation=cv2.INTER_AREA) for plane in self._frame.planes]
        return self._upright(cv2.merge(planes).astype(np.uint8, copy=False))

    def _has_colors_for(self, size: Size) -> bool:
        """Whether the planes of colours, of half the width and height, need not be enlarged for ``size``."""
        return self.size[0] >= 2 * size[0] and self.size[1] >= 2 * size[1]

    def _turned(self, size: Size) -> Size:
        """The size before a quarter turn from that after it, and the other way round."""
        return size if self._turn in (None, cv2.ROTATE_180) else (size[1], size[0])

    def _upright(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return image if self._turn is None else cv2.rotate(image, self._turn).astype(np.uint8, copy=False)


class I420Converter:
    """Makes images of decoded frames of YUV 4:2:0, all of one size, in memory that is used again; for any thread."""

    def __init__(self) -> None:
        self._i420 = BufferPool()
        self._images = BufferPool()

    def __call__(self, frame: VideoFrame, size: Size, put: PutPlane) -> NDArray[np.uint8]:
        """(H, W, 3) BGR; ``put(place, plane)`` fills the place of each plane, at ``size``, with the plane."""
        width, height = size
        i420 = self._i420.take((height * 3 // 2, width))  # the three planes below each other
        for place, plane in zip(_places(i420, size), frame.planes, strict=True):
            put(place, _rows(plane))
        image = self._images.take((height, width, 3))
        return cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420, dst=image).astype(np.uint8, copy=False)


def _places(i420: NDArray[np.uint8], size: Size) -> Iterator[NDArray[np.uint8]]:
    """The parts of ``i420`` for Y, U and V: the last two have half as many rows and columns."""
    flat, start = i420.reshape(-1), 0
    for step in (1, 2, 2):
        shape = size[1] // step, size[0] // step
        end = start + shape[0] * shape[1]
        yield flat[start:end].reshape(shape)
        start = end


def _even(size: Size) -> bool:
    return size[0] % 2 == size[1] % 2 == 0


def _rows(plane: VideoPlane) -> NDArray[np.uint8]:
    """(H, W) without the padding at the end of FFmpeg's rows."""
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width]


def _scale_into(place: NDArray[np.uint8], plane: NDArray[np.uint8]) -> None:
    height, width = place.shape
    scaled(plane, (width, height), dst=place)
