"""Short films for tests, made on the spot, and ways to spoil them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = (160, 120)
RATE = 30


def picture(number: int) -> NDArray[np.uint8]:
    """A grey that tells the frame's number, above a band of noise that keeps the file from being tiny."""
    width, height = SIZE
    image = np.full((height, width, 3), level(number), np.uint8)
    image[height * 3 // 4 :] = np.random.default_rng(number).integers(0, 255, (height // 4, width, 3))
    return image


def level(number: int) -> int:
    return 20 + 8 * (number % 25)


def film(
    path: Path,
    *,
    frames: int = 30,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    title: str = "",
    size: tuple[int, int] = SIZE,
) -> Path:
    """``frames`` of `picture` at 30 fps; MP4 with its index in front, so that a piece of it can be opened.

    ``size``: to which they are scaled. ``title`` is written in Latin-1, as many programs do.
    """
    muxing = {"movflags": "faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=muxing, metadata_encoding="latin-1") as container:
        container.metadata["title"] = title
        stream = container.add_stream(codec, rate=RATE, options=options or {})
        stream.width, stream.height = size
        stream.bit_rate = 4_000_000  # enough for the noise, so that the grey stays what it was
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(frames):
            image = cv2.resize(picture(number), size, interpolation=cv2.INTER_NEAREST)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def with_huge_pictures(path: Path, *, small: int, huge: int) -> Path:
    """An AVI of JPEG pictures: ``small`` of 64x48, then ``huge`` black ones of 192 megapixels."""
    shapes = [(48, 64, 3)] * small + [(12_000, 16_000, 3)] * huge
    jpegs = {shape: cv2.imencode(".jpg", np.zeros(shape, np.uint8))[1].tobytes() for shape in set(shapes)}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.codec_context.open()
        for number, shape in enumerate(shapes):
            packet = av.Packet(jpegs[shape])
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, RATE)
            container.mux(packet)
    return path


def cut(path: Path, fraction: float) -> Path:
    """The first part of the file beside it, as a full card or a lost connection leaves it."""
    data = path.read_bytes()
    piece = path.with_stem(f"{path.stem}_cut")
    piece.write_bytes(data[: int(len(data) * fraction)])
    return piece


def whole_packets(path: Path, fraction: float) -> int:
    """How many packets lie whole in the first part of the file, in its own order."""
    limit = path.stat().st_size * fraction
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    return sum(packet.pos + packet.size <= limit for packet in packets)


def turned(path: Path, degrees: int) -> Path:
    """The MP4 with a display matrix that turns it clockwise, as telephones write it: only that changes."""
    matrices = {90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    a, b, c, d = (value * 0x10000 for value in matrices[degrees])
    matrix = np.array([a, b, 0, c, d, 0, 0, 0, 0x40000000], ">i4").tobytes()
    data = bytearray(path.read_bytes())
    start = data.index(b"tkhd") + 4 + 40  # after version, times, ids, duration, layer, group and volume (ISO 14496-12)
    data[start : start + len(matrix)] = matrix
    result = path.with_stem(f"{path.stem}_turned{degrees}")
    result.write_bytes(data)
    return result
