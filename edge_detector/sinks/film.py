"""One H.264 film: an MP4 in fragments, so that what has been written can be played whatever happens next."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray

from edge_detector.errors import SinkError
from edge_detector.types import Size

log = logging.getLogger(__name__)

TICKS_PER_S = 90_000  # the customary clock of video; divides by every usual frame rate
NS_PER_TICK = Fraction(10**9, TICKS_PER_S)
NOMINAL_FPS = 30  # the encoder wants one; each picture carries its own time
FRAGMENT_S = 0.9  # one write and one sync of the disk each: a power cut loses less than a second
WRITE_BUFFER_BYTES = 4 * 2**20  # more than a fragment: it reaches the file whole or not at all
ENCODER_THREADS = 2  # leaves two of a Pi's four cores to the detector

# Zero latency: no picture waits in the encoder for later ones, which at 5 frames a second would be seconds lost.
X264_OPTIONS = {"preset": "veryfast", "tune": "zerolatency", "crf": "25"}
MUXER_OPTIONS = {"movflags": "+empty_moov+default_base_moof", "frag_duration": str(round(FRAGMENT_S * 1e6))}


class SyncedFile(io.FileIO):
    """A file for the muxer to write to: every write goes to the disk at once, and the first failure is the last.

    After a failure it swallows whatever follows, so that closing the film cannot spoil what is there.
    """

    def __init__(self, path: Path, *, count: Callable[[int], None]) -> None:
        super().__init__(path, "w")
        self._count = count  # told the number of bytes of each write
        self._failed = False
        self.bytes_written = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        if self._failed:
            return len(data)
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[super().write(rest) :]
            os.fdatasync(self.fileno())
        except OSError:
            self._failed = True
            raise
        self._count(len(data))
        self.bytes_written += len(data)
        return len(data)


class Film:
    """A film that pictures are added to, each shown from its own time stamp until the next.

    The first picture decides the size.
    """

    def __init__(self, path: Path, *, count: Callable[[int], None]) -> None:
        """``count`` is told the size of every write. Raises `SinkError` if ``path`` cannot be written."""
        self.path = path
        self.frames = 0
        try:
            self._file = SyncedFile(path, count=count)
        except OSError as error:
            raise _cannot_write(path, error) from error
        self._encoder: Encoder | None = None
        self._start_ns = 0
        self._pts = -1

    def __repr__(self) -> str:
        return f"<Film {str(self.path)!r} {self.frames} frames {self.duration_s:.1f} s>"

    @property
    def duration_s(self) -> float:
        """From the first picture to the last."""
        return max(self._pts, 0) / TICKS_PER_S

    @property
    def bytes_written(self) -> int:
        return self._file.bytes_written

    def add(self, image: NDArray[np.uint8], timestamp_ns: int) -> None:
        """Append ``image`` (H, W, 3) BGR; another size than the film's is fitted into it with black borders.

        Raises `SinkError` if the disk does not take it.
        """
        try:
            if self._encoder is None:
                self._start_ns = timestamp_ns
                self._encoder = Encoder(self._file, (image.shape[1], image.shape[0]))
            self._pts = max(self._pts + 1, round((timestamp_ns - self._start_ns) / NS_PER_TICK))  # later than the last
            self._encoder.add(image, self._pts)
        except (OSError, FFmpegError) as error:
            raise _cannot_write(self.path, error) from error
        self.frames += 1

    def close(self) -> None:
        """Write what the encoder still holds and finish the file; a film without pictures is removed.

        Raises `SinkError` if the disk does not take it.
        """
        if self._file.closed:
            return
        try:
            if self._encoder is not None:
                self._encoder.close()
        except (OSError, FFmpegError) as error:
            raise _cannot_write(self.path, error) from error
        finally:
            self._file.close()
            if self._encoder is None:
                self.path.unlink(missing_ok=True)


class Encoder:
    """H.264 in fragmented MP4, into ``file``."""

    def __init__(self, file: SyncedFile, size: Size) -> None:
        self._size = size
        self._container = av.open(file, "w", format="mp4", options=MUXER_OPTIONS, buffer_size=WRITE_BUFFER_BYTES)
        self._stream = _add_stream(self._container, size)

    def add(self, image: NDArray[np.uint8], pts: int) -> None:
        """Encode ``image`` (H, W, 3) BGR, to be shown ``pts`` ticks after the beginning."""
        picture = av.VideoFrame.from_ndarray(_yuv420(fit(image, self._size)), format="yuv420p")
        picture.pts = pts
        picture.time_base = Fraction(1, TICKS_PER_S)
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


def fit(image: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """``image`` as it is if it has ``size``, else scaled into it with black borders."""
    width, height = size
    scale = min(width / image.shape[1], height / image.shape[0])
    if image.shape[:2] == (height, width):
        return image
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    scaled = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    right, bottom = width - inner[0] - left, height - inner[1] - top
    return cv2.copyMakeBorder(scaled, top, bottom, left, right, cv2.BORDER_CONSTANT)  # type: ignore[return-value]


def _yuv420(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Planes Y, U, V below each other, BT.601 limited range: OpenCV converts four times as fast as FFmpeg here.

    4:2:0 has one colour for two by two pixels: an odd edge is doubled.
    """
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)  # type: ignore[assignment]
    return cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)  # type: ignore[return-value]


def _add_stream(container: av.container.OutputContainer, size: Size) -> VideoStream:
    stream = container.add_stream("libx264", rate=NOMINAL_FPS, options=X264_OPTIONS)
    stream.width, stream.height = (edge + edge % 2 for edge in size)
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, TICKS_PER_S)
    stream.codec_context.thread_count = ENCODER_THREADS
    return stream


def _cannot_write(path: Path, error: Exception) -> SinkError:
    reason = getattr(error, "strerror", None) or str(error)
    return SinkError(f"{path}: cannot write the film: {reason}")
