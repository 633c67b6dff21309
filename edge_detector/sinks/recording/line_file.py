"""A text file of complete lines, even after a full disk or a power cut."""

from __future__ import annotations

import contextlib
import io
import os
import stat
from pathlib import Path

from edge_detector.errors import ReaderGone, SinkError
from edge_detector.sinks.recording.disk import write_error

STANDARD_OUTPUT = Path("-")
STANDARD_OUTPUT_FD = 1
TAIL_BYTES = 2**16  # longer than any line written here


class LineFile:
    """Writes each line at once, without a buffer, so that ``tail -f`` and pipes see it immediately.

    A line that does not fit on the disk is removed again. A line left incomplete by a power cut is removed when the
    file is opened.
    """

    def __init__(self, path: Path, *, append: bool, limit_bytes: int | None = None) -> None:
        """``path`` may be ``-``, standard output. Before the file would exceed ``limit_bytes``, it is rotated.

        Raises `SinkError` if it cannot be written.
        """
        self.name = "standard output" if path == STANDARD_OUTPUT else str(path)
        self._path = path
        self._limit_bytes = limit_bytes
        self._broken_pipe = ReaderGone if path == STANDARD_OUTPUT else SinkError
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

        Raises `DiskFull`, or `SinkError` if the disk fails or the reader of a pipe has ended.
        """
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
        file = _open(self._path, append=False)
        self._file.close()
        self._file, self.empty = file, True

    def close(self) -> None:
        self._file.close()

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
    if path == STANDARD_OUTPUT:
        return io.FileIO(STANDARD_OUTPUT_FD, "w", closefd=False)
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
