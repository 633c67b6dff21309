"""Writes one film: an MP4 file that plays up to its last second even after a crash or a power cut."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from edge_detector.errors import SinkError
from edge_detector.overlay import Image
from edge_detector.sinks.recording.disk import Outage, write_error
from edge_detector.sinks.recording.encoder import TICKS_PER_S, Codec, Encoder, codec_for
from edge_detector.sinks.recording.recording_folder import RecordingFolder
from edge_detector.sinks.recording.synced_file import SyncedFile

NS_PER_TICK = Fraction(10**9, TICKS_PER_S)


class Mp4Writer:
    """Writes pictures to an MP4 file. Each is shown from its own time stamp until that of the next.

    The first picture decides the size of the film.
    """

    def __init__(self, path: Path, codec: Codec, *, count: Callable[[int], None]) -> None:
        """``count`` is called with the number of bytes of every write.

        Raises `DiskFull`, or `SinkError` if ``path`` cannot be written.
        """
        self.path = path
        self.frames = 0
        try:
            self._file = SyncedFile(path, count=count)
        except OSError as error:
            raise write_error(f"{path}: cannot write the film", error) from error
        self._codec = codec
        self._encoder: Encoder | None = None
        self._start_ns = 0
        self._pts = -1
        self._safe_frames = 0  # how many of the frames are on the disk

    def __repr__(self) -> str:
        state = "closed" if self._file.closed else "open"
        return f"<Mp4Writer {str(self.path)!r} {state} {self.frames} frames {self.duration_s:.1f} s>"

    @property
    def duration_s(self) -> float:
        """From the first picture to the last."""
        return max(self._pts, 0) / TICKS_PER_S

    @property
    def bytes_written(self) -> int:
        """The number of bytes on the disk so far."""
        return self._file.bytes_written

    @property
    def failed(self) -> bool:
        """Whether a write to the disk has failed."""
        return self._file.failed

    def add(self, image: Image, timestamp_ns: int) -> None:
        """Append ``image``. If its size is not the film's, it is scaled and gets black borders.

        Raises `DiskFull`, after which nothing more can be added, or `SinkError` if the disk fails or the first
        picture is too large for a film.
        """
        bytes_before = self.bytes_written
        try:
            if self._encoder is None:
                self._encoder = self._open_encoder(image)
                self._start_ns = timestamp_ns
            ticks = round((timestamp_ns - self._start_ns) / NS_PER_TICK)
            self._pts = max(self._pts + 1, ticks)  # MP4 needs times that grow; a video played in a loop starts again
            self._encoder.add(image, self._pts)
        except (OSError, FFmpegError) as error:
            raise self._cannot_write(error, lost=self.frames - self._safe_frames + 1) from error
        if self.bytes_written > bytes_before:  # a fragment has been written that ends before this picture
            self._safe_frames = self.frames
        self.frames += 1

    def close(self) -> None:
        """Write the pictures that are still in the encoder and finish the file. A film without pictures is deleted.

        Raises `DiskFull` if the last second does not fit, or `SinkError` if the disk fails.
        """
        if self._file.closed:
            return
        try:
            if self._encoder is not None:
                self._encoder.close()
        except (OSError, FFmpegError) as error:
            raise self._cannot_write(error, lost=self.frames - self._safe_frames) from error
        finally:
            self._file.close()
            if self.failed:
                self.frames = self._safe_frames
            if self.frames == 0:
                self.path.unlink(missing_ok=True)

    def _open_encoder(self, image: Image) -> Encoder:
        size = (image.shape[1], image.shape[0])
        return Encoder(self._file, size, codec_for(size, self._codec))

    def _cannot_write(self, error: Exception, *, lost: int) -> SinkError:
        return write_error(f"{self.path}: cannot write the film", error, lost=lost)


def finish_recording(writer: Mp4Writer, folder: RecordingFolder, outage: Outage) -> None:
    """Finish the file of ``writer`` and add it to the recordings of ``folder``.

    Raises `SinkError` if the disk fails, `DiskFull` only if ``outage`` does not tolerate it.
    """
    with outage.full_disk_tolerated():
        writer.close()
    if writer.failed:
        folder.raise_reserve()
    if writer.frames:
        folder.add(writer.path)
