"""The last seconds of annotated pictures in memory, so that a clip can begin before its object appears."""

from __future__ import annotations

import logging
from collections import deque
from typing import NamedTuple

from edge_detector.image_files import decode_image, encode_jpeg
from edge_detector.overlay import Image

log = logging.getLogger(__name__)

QUALITY = 90  # of the JPEG pictures: about 0.2 MB each at 1280x720


class BufferedPicture(NamedTuple):
    """An annotated picture in memory."""

    timestamp_ns: int
    jpeg: bytes

    @property
    def image(self) -> Image:
        return decode_image(self.jpeg).image


class PreRollBuffer:
    """The newest pictures as JPEG, oldest first, in a limited amount of memory."""

    def __init__(self, *, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._pictures: deque[BufferedPicture] = deque()
        self._size_bytes = 0
        self._has_warned = False  # of too little memory

    def __len__(self) -> int:
        return len(self._pictures)

    def __repr__(self) -> str:
        return f"<PreRollBuffer {len(self)} pictures {self._size_bytes / 1e6:.1f} of {self._limit_bytes / 1e6:.0f} MB>"

    @property
    def over_limit(self) -> bool:
        """Whether the pictures take more than the limit."""
        return self._size_bytes > self._limit_bytes

    def append(self, image: Image, timestamp_ns: int) -> None:
        """Add ``image``; the caller then removes the oldest pictures while `over_limit`."""
        picture = BufferedPicture(timestamp_ns, encode_jpeg(image, quality=QUALITY))
        self._pictures.append(picture)
        self._size_bytes += len(picture.jpeg)

    @property
    def oldest_ns(self) -> int:
        """The time stamp of the oldest picture; the buffer must not be empty."""
        return self._pictures[0].timestamp_ns

    def pop_oldest(self) -> BufferedPicture:
        picture = self._pictures.popleft()
        self._size_bytes -= len(picture.jpeg)
        return picture

    def drop_before(self, timestamp_ns: int) -> None:
        """Remove the pictures older than ``timestamp_ns``, and then the oldest while `over_limit`."""
        while self._pictures and self.oldest_ns < timestamp_ns:
            self.pop_oldest()
        if self._pictures and self.over_limit:
            self._report_shortage()
        while self._pictures and self.over_limit:
            self.pop_oldest()

    def _report_shortage(self) -> None:
        if not self._has_warned:
            held_s = (self._pictures[-1].timestamp_ns - self.oldest_ns) / 1e9
            limit_mb = self._limit_bytes / 1e6
            log.warning("sink clips: %g MB hold only the last %.1f s; raise its option memory", limit_mb, held_s)
        self._has_warned = True
