"""A text file of complete lines, even after a full disk or a power cut."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import stat
from pathlib import Path

from edge_detector.errors import ReaderGone, SinkError
from edge_detector.sinks.recording.disk import DiskFull, check_room, write_error

log = logging.getLogger(__name__)

STANDARD_OUTPUT = Path("-")
STANDARD_ERROR = Path("/dev/stderr")
STREAMS = {STANDARD_OUTPUT: (1, "standard output"), STANDARD_ERROR: (2, "standard error")}  # descriptor, name
TAIL_BYTES = 2**16  # longer than any line written here


class LineFile:
    """Writes each line at once, without a buffer, so that ``tail -f`` and pipes see it immediately.

    A line that does not fit on the disk is removed again. A line left incomplete by a power cut is removed when the
    file is opened. A file that someone deletes is made again, with its folder.
    """

    def __init__(self, path: Path, *, append: bool, limit_bytes: int | None = None, reserve_bytes: int = 0) -> None:
        """``path`` may be `STANDARD_OUTPUT` or `STANDARD_ERROR`.

        Before a file would exceed ``limit_bytes``, it is rotated; nothing is written while its disk has less than
        ``reserve_bytes`` free.

        Raises `SinkError` if it cannot be written.
        """
        self._is_stream = path in STREAMS
        self.name = STREAMS[path][1] if self._is_stream else str(path)
        self._path = path
        self._limit_bytes = limit_bytes
        self._reserve_bytes = reserve_bytes
        self._broken_pipe = ReaderGone if self._is_stream else SinkError
        try:
            self._file = _open(path, append=append)
        except OSError as error:
            raise write_error(f"{self.name}: cannot be written", error) from error
        self.on_disk = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        self.empty = not self.on_disk or self._file.tell() == 0

    def __repr__(self) -> str:
        return f"<LineFile {self.name!r} {'closed' if self._file.closed else 'open'}>"

    def write(self, line: str, *, head: str | None = None) -> int:
        """Write ``line`` and a line end; in an empty file, ``head`` comes before it. Returns the number of bytes.

        Raises `DiskFull`, also if the file was deleted and cannot be made again, or `SinkError` if the disk fails or
        the reader of a pipe has ended.
        """
        if self.on_disk and not self._is_stream:
            self._ensure_exists()
            check_room(self._path.parent, self._reserve_bytes, free_bytes=self._free_bytes)
        try:
            if self._is_full(coming_bytes=len(_encoded(line))):
                self.rotate()
            data = _encoded(line if head is None or not self.empty else f"{head}\n{line}")
            self._write_whole(data)
        except BrokenPipeError:
            raise self._broken_pipe(f"{self.name}: the program that read it has ended") from None
        except OSError as error:
            raise write_error(f"{self.name}: cannot be written", error) from error
        self.empty = False
        return len(data)

    def rotate(self) -> None:
        """Rename the file to NAME.1, which replaces an earlier NAME.1, and begin an empty file."""
        with contextlib.suppress(FileNotFoundError):  # another program has moved it already
            self._path.replace(predecessor(self._path))
        self._begin(append=False)

    def close(self) -> None:
        self._file.close()

    def _ensure_exists(self) -> None:
        if os.fstat(self._file.fileno()).st_nlink:
            return
        try:
            self._begin(append=True)  # someone may have put another file there
        except OSError as error:
            raise DiskFull(f"{self.name}: was deleted, and cannot be made again: {error.strerror}") from error
        log.warning("%s: was deleted; it is made again", self.name)

    def _begin(self, *, append: bool) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = _open(self._path, append=append)
        self._file.close()
        self._file, self.empty = file, file.tell() == 0

    def _free_bytes(self, _folder: Path) -> int:
        """On the disk of the open file: someone may have renamed its folder."""
        disk = os.fstatvfs(self._file.fileno())
        return disk.f_bavail * disk.f_frsize

    def _is_full(self, *, coming_bytes: int) -> bool:
        if self._limit_bytes is None or self.empty or not self.on_disk:
            return False
        return self._file.tell() + coming_bytes > self._limit_bytes

    def _write_whole(self, data: bytes) -> None:
        start = self._file.tell() if self.on_disk else 0
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            if self.on_disk:
                self._file.truncate(start)
                self._file.seek(start)
            raise


def predecessor(path: Path) -> Path:
    """The name that a file gets when it is rotated."""
    return path.with_name(f"{path.name}.1")


def _encoded(line: str) -> bytes:
    return f"{line}\n".encode(errors="surrogateescape")  # names of files may hold any bytes


def _open(path: Path, *, append: bool) -> io.FileIO:
    if path in STREAMS:
        return io.FileIO(STREAMS[path][0], "w", closefd=False)
    file = io.FileIO(path, "a+" if append else "w")
    if append and file.seekable():
        _remove_incomplete_line(file)
    return file


def _remove_incomplete_line(file: io.FileIO) -> None:
    end = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, end - TAIL_BYTES))
    tail = file.read()
    if tail and not tail.endswith(b"\n"):
        file.truncate(start + tail.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
