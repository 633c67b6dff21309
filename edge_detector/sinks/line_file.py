"""A text file that holds whole lines only, whatever happens to the disk, the power or the reader."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

from edge_detector.errors import ReaderGone, SinkError

STANDARD_OUTPUT = Path("-")
STANDARD_OUTPUT_FD = 1
TAIL_BYTES = 2**16  # longer than any line written here


class LineFile:
    """Lines go out one by one and unbuffered, so that ``tail -f`` and pipes see them at once.

    A line that did not fit on the disk is taken back; one torn by a power cut is removed when the file is opened.
    """

    def __init__(self, path: Path, *, append: bool) -> None:
        """``path`` may be ``-``, standard output. Raises `SinkError` if it cannot be written."""
        self.name = "standard output" if path == STANDARD_OUTPUT else str(path)
        self._broken_pipe = ReaderGone if path == STANDARD_OUTPUT else SinkError
        try:
            self._file = _open(path, append=append)
        except OSError as error:
            raise SinkError(f"{self.name}: cannot be written: {error.strerror}") from error
        self.on_disk = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        self.empty = not self.on_disk or self._file.tell() == 0

    def __repr__(self) -> str:
        return f"<LineFile {self.name!r} {'closed' if self._file.closed else 'open'}>"

    def write(self, line: str) -> int:
        """Write ``line`` and its end; returns how many bytes that took.

        Raises `SinkError` when the disk is full or the reader of a pipe has gone.
        """
        data = f"{line}\n".encode(errors="surrogateescape")  # names of files may hold any bytes
        try:
            self._write_whole(data)
        except BrokenPipeError:
            raise self._broken_pipe(f"{self.name}: the program that read it has ended") from None
        except OSError as error:
            raise SinkError(f"{self.name}: cannot be written: {error.strerror}") from error
        self.empty = False
        return len(data)

    def close(self) -> None:
        self._file.close()

    def _write_whole(self, data: bytes) -> None:
        start = self._file.tell() if self.on_disk else 0
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._file.write(rest) or 0 :]
        except OSError:
            if self.on_disk:
                self._file.truncate(start)
            raise


def _open(path: Path, *, append: bool) -> io.FileIO:
    if path == STANDARD_OUTPUT:
        return io.FileIO(STANDARD_OUTPUT_FD, "w", closefd=False)
    file = io.FileIO(path, "a+" if append else "w")
    if append and file.seekable():
        _cut_torn_line(file)
    return file


def _cut_torn_line(file: io.FileIO) -> None:
    end = file.seek(0, os.SEEK_END)
    start = file.seek(max(0, end - TAIL_BYTES))
    tail = file.read()
    if tail and not tail.endswith(b"\n"):
        file.truncate(start + tail.rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)
