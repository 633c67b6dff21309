"""H.264: finds the encoder of this machine, and encodes pictures into an MP4 file."""

from __future__ import annotations

import logging
import subprocess
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from edge_detector.buffers import BufferPool
from edge_detector.errors import ConfigError, SinkError
from edge_detector.overlay import Image
from edge_detector.registry import unknown
from edge_detector.system import child
from edge_detector.types import Size

log = logging.getLogger(__name__)

TICKS_PER_S = 90_000  # the usual clock of video: every common frame rate divides it
NOMINAL_FPS = 30  # encoders need a rate to plan their bits; each picture has its own time stamp
KEYFRAME_INTERVAL = 60  # pictures between two from which a player can start
FRAGMENT_S = 0.9  # each is one write and one sync of the disk, so a power cut loses less than a second
WRITE_BUFFER_BYTES = 4 * 2**20  # larger than a fragment, so that a fragment is one write
TRIAL_TIMEOUT_S = 20.0  # a Pi Zero 2 loads Python and FFmpeg in 5 s
NARROWEST_LENT = 32  # pixels: FFmpeg refuses planes of ours that are narrower (seen at 2)
VIDEO_DEVICES = Path("/sys/class/video4linux")
PI_ENCODER_DEVICE = "bcm2835-codec-encode"  # Raspberry Pi 0 to 4; the Pi 5 has none


@dataclass(frozen=True, slots=True)
class Codec:
    """An H.264 encoder of FFmpeg and its settings."""

    name: str
    longest_edge: int  # in pixels, of the pictures it takes
    movflags: str = "+empty_moov+default_base_moof"
    options: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    bits_per_pixel: float | None = None  # None: constant quality, set in the options


SOFTWARE = Codec(
    "libx264",
    longest_edge=16384,
    # Zero latency: no picture waits in the encoder for later ones. At 5 frames a second those would be seconds of film,
    # lost in a power cut.
    options={"preset": "veryfast", "tune": "zerolatency", "crf": "25"},
    threads=2,  # leaves two of a Pi's four cores for the detector
)
HARDWARE = Codec(
    "h264_v4l2m2m",
    longest_edge=1920,  # MAX_W_CODEC and MAX_H_CODEC in the kernel's bcm2835-v4l2-codec.c
    # It gives its parameters only with the first picture, so the file's header is written after that.
    movflags=f"{SOFTWARE.movflags}+delay_moov",
    bits_per_pixel=0.1,  # 2.8 Mbit/s at 1280x720 and 30 frames a second
)
CODECS = {"software": SOFTWARE, "hardware": HARDWARE}


def choose_codec(encoder: str) -> Codec:
    """The codec for the option ``encoder``: software, hardware, or auto, which means hardware if it works.

    Raises `ConfigError` for any other word.
    """
    if encoder == "auto":
        return _hardware_if_it_works()
    if encoder not in CODECS:
        raise ConfigError(unknown("encoder", encoder, [*CODECS, "auto"]))
    return CODECS[encoder]


@cache
def _hardware_if_it_works() -> Codec:
    if not has_pi_encoder():
        log.info("this machine has no hardware H.264 encoder; films are encoded by %s", SOFTWARE.name)
        return SOFTWARE
    if not encodes_in_a_child(HARDWARE):
        log.warning("the hardware H.264 encoder does not work; films are encoded by %s", SOFTWARE.name)
        return SOFTWARE
    log.info("films are encoded by the hardware encoder %s", HARDWARE.name)
    return HARDWARE


def codec_for(size: Size, codec: Codec) -> Codec:
    """``codec``, or the software codec if pictures of ``size`` are too large for ``codec``.

    Raises `SinkError` if they are too large for any film.
    """
    if max(size) <= codec.longest_edge:
        return codec
    width, height = size
    if max(size) > SOFTWARE.longest_edge:
        raise SinkError(
            f"a picture of {width}x{height} is too large for a film: {SOFTWARE.name} takes at most "
            f"{SOFTWARE.longest_edge} pixels each way; scale it down first"
        )
    log.warning("%dx%d is too large for the hardware encoder; films are encoded by %s", width, height, SOFTWARE.name)
    return SOFTWARE


def has_pi_encoder(devices: Path = VIDEO_DEVICES) -> bool:
    """Whether the kernel has the Raspberry Pi's H.264 encoder."""
    return any(name.read_text().strip() == PI_ENCODER_DEVICE for name in devices.glob("video*/name"))


def encodes(codec: Codec, size: Size = (640, 480)) -> bool:
    """Whether ``codec`` turns a second of black pictures into packets on this machine."""
    black = np.zeros((size[1], size[0], 3), np.uint8)
    try:
        context = av.CodecContext.create(codec.name, "w")
        _set_up(context, codec, size)  # type: ignore[arg-type]
        pictures = [_picture(black, pts * TICKS_PER_S // NOMINAL_FPS, BufferPool()) for pts in range(NOMINAL_FPS)]
        return any(context.encode(picture) for picture in [*pictures, None])  # type: ignore[attr-defined]
    except (OSError, ValueError, FFmpegError) as error:
        log.debug("%s: %s", codec.name, error)
        return False


def encodes_in_a_child(codec: Codec) -> bool:
    """`encodes`, in a process of its own: a driver that hangs or crashes does not affect this process."""
    try:
        trial = subprocess.run(
            [sys.executable, "-P", "-m", __name__, codec.name],
            env=child.environment(),
            timeout=TRIAL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        log.debug("%s: no answer within %g s", codec.name, TRIAL_TIMEOUT_S)
        return False
    return trial.returncode == 0


class Encoder:
    """Encodes pictures of ``size`` into ``file``, as MP4 in fragments."""

    def __init__(self, file: BinaryIO, size: Size, codec: Codec) -> None:
        self._size = size
        self._planes = BufferPool()
        options = {"movflags": codec.movflags, "frag_duration": str(round(FRAGMENT_S * 1e6))}
        self._container: OutputContainer = av.open(
            file, "w", format="mp4", options=options, buffer_size=WRITE_BUFFER_BYTES
        )
        self._stream: VideoStream = self._container.add_stream(codec.name, rate=NOMINAL_FPS)  # type: ignore[assignment]
        _set_up(self._stream.codec_context, codec, size)

    def add(self, image: Image, pts: int) -> None:
        """Encode ``image`` (`scaled_with_borders` if its size differs), shown ``pts`` ticks after the start."""
        picture = _picture(scaled_with_borders(image, self._size), pts, self._planes)
        self._container.mux(self._stream.encode(picture))

    def close(self) -> None:
        """Write the pictures that are still in the encoder, and the end of the file."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def scaled_with_borders(image: Image, size: Size) -> Image:
    """``image`` itself if it has this ``size``, else scaled to fit into it, with black borders."""
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    scaled = cv2.resize(image, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    fitted = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    fitted[top : top + inner[1], left : left + inner[0]] = scaled
    return fitted


def _set_up(context: av.VideoCodecContext, codec: Codec, size: Size) -> None:
    context.width, context.height = (edge + edge % 2 for edge in size)
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(NOMINAL_FPS)
    context.time_base = Fraction(1, TICKS_PER_S)
    context.gop_size = KEYFRAME_INTERVAL
    context.thread_count = codec.threads
    context.options = codec.options
    if codec.bits_per_pixel is not None:
        context.bit_rate = round(codec.bits_per_pixel * size[0] * size[1] * NOMINAL_FPS)


def _picture(image: Image, pts: int, pool: BufferPool) -> av.VideoFrame:
    """``image`` as YUV 4:2:0, BT.601 limited range. OpenCV converts it four times as fast as FFmpeg.

    In 4:2:0 two by two pixels share one colour, so the last row or column of an odd size is repeated.
    """
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
    planes = pool.take((image.shape[0] * 3 // 2, image.shape[1]))  # Y, U, V below each other
    cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420, dst=planes)
    lend = av.VideoFrame.from_numpy_buffer if image.shape[1] >= NARROWEST_LENT else av.VideoFrame.from_ndarray
    picture = lend(planes, format="yuv420p")  # FFmpeg holds the planes as long as it needs them
    picture.pts = pts
    picture.time_base = Fraction(1, TICKS_PER_S)
    return picture


if __name__ == "__main__":  # the process that `encodes_in_a_child` starts
    sys.exit(0 if encodes(next(codec for codec in CODECS.values() if codec.name == sys.argv[1])) else 1)
