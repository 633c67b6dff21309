"""One film: an MP4 file that can be played up to its last second whatever happens to the program or the power."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from edge_detector.errors import SinkError
from edge_detector.overlay import Image
from edge_detector.sinks.encoder import TICKS_PER_S, Codec, Encoder

NS_PER_TICK = Fraction(10**9, TICKS_PER_S)


class SyncedFile(io.FileIO):
    """A file whose every write goes to the disk at once and whole, and whose first failure is its last.

    After a failure it swallows whatever follows, so that closing the film cannot spoil what is there.
    """

    def __init__(self, path: Path, *, count: Callable[[int], None]) -> None:
        """``count`` is told the number of bytes of every write."""
        super().__init__(path, "w")
        self.bytes_written = 0
        self._count = count
        self._failed = False

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        if self._failed:
            return len(data)
        start = self.tell()
        try:
            self._write_whole(memoryview(data))
        except OSError:
            self._failed = True
            self.truncate(start)  # half a fragment would stop a player
            raise
        self.bytes_written += len(data)
        self._count(len(data))
        return len(data)

    def _write_whole(self, rest: memoryview) -> None:
        while rest:
            rest = rest[super().write(rest) :]
        os.fdatasync(self.fileno())


class Film:
    """A film that pictures are added to, each shown from its own time stamp until the next.

    The first picture decides the size.
    """

    def __init__(self, path: Path, codec: Codec, *, count: Callable[[int], None]) -> None:
        """``count`` is told the size of every write. Raises `SinkError` if ``path`` cannot be written."""
        self.path = path
        self.frames = 0
        try:
            self._file = SyncedFile(path, count=count)
        except OSError as error:
            raise _cannot_write(path, error) from error
        self._codec = codec
        self._encoder: Encoder | None = None
        self._start_ns = 0
        self._pts = -1

    def __repr__(self) -> str:
        state = "closed" if self._file.closed else "open"
        return f"<Film {str(self.path)!r} {state} {self.frames} frames {self.duration_s:.1f} s>"

    @property
    def duration_s(self) -> float:
        """From the first picture to the last."""
        return max(self._pts, 0) / TICKS_PER_S

    @property
    def bytes_written(self) -> int:
        """What has gone to the disk so far."""
        return self._file.bytes_written

    def add(self, image: Image, timestamp_ns: int) -> None:
        """Append ``image``; another size than the film's is fitted into it with black borders.

        Raises `SinkError` if the disk does not take it.
        """
        try:
            if self._encoder is None:
                self._start_ns = timestamp_ns
                self._encoder = Encoder(self._file, (image.shape[1], image.shape[0]), self._codec)
            ticks = round((timestamp_ns - self._start_ns) / NS_PER_TICK)
            self._pts = max(self._pts + 1, ticks)  # the format demands that time goes on; a clip in a loop begins anew
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


def _cannot_write(path: Path, error: Exception) -> SinkError:
    return SinkError(f"{path}: cannot write the film: {getattr(error, 'strerror', None) or error}")
