"""Motion JPEG of network cameras: pictures stay as they came until somebody looks, as those of USB cameras do."""

from __future__ import annotations

from typing import Any

import av
import numpy as np

from edge_detector.errors import PictureError
from edge_detector.sources.jpeg import START_OF_IMAGE, JpegPicture, jpeg_picture

MOTION_JPEG = "mjpeg"  # FFmpeg's name
EXIF = b"Exif\0\0"  # begins data that may say how a picture is turned, which FFmpeg heeds
HEADER_BYTES = 4096  # Exif data begin after a few bytes; JFIF's may stand before them


def kept_jpeg(packet: av.Packet[Any]) -> JpegPicture | None:
    """The picture of a packet of motion JPEG, not decoded; None for what FFmpeg must decode.

    That is every other codec, and JPEG of which OpenCV would make another picture: one with Exif data, and two fields
    that make one picture. Raises `PictureError` for a picture that is cut, or too large.
    """
    codec = packet.stream.codec_context
    if not packet.size or codec is None or codec.name != MOTION_JPEG:
        return None
    data = bytes(packet)  # a copy, for the packet would keep its whole connection in memory
    if EXIF in data[:HEADER_BYTES]:
        return None
    picture = jpeg_picture(np.frombuffer(data, np.uint8))
    if picture is None:
        raise PictureError(f"a JPEG of {packet.size} bytes that is cut, or too large")
    is_field = picture.size[1] < codec.height and data.count(START_OF_IMAGE) > 1  # in this order: counting takes long
    return None if is_field else picture
