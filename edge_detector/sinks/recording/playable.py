"""Whether a film or a photograph can be played, told from a few of its bytes: nothing is decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

FILM_SUFFIX = ".mp4"
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"  # markers SOI and EOI (ITU-T T.81, table B.1)
BOX_HEAD_BYTES = 8  # of an MP4 file's parts: size, type (ISO/IEC 14496-12, 4.2)
LONG_HEAD_BYTES = 16  # where the size is 1, 64 bits follow
PICTURES = b"mdat"  # the box with the pictures
WITHOUT_PICTURES = frozenset({b"ftyp", b"styp", b"moov", b"moof", b"free", b"sidx"})


def is_playable(path: Path) -> bool:
    """Whether the MP4 or JPEG file ``path`` holds at least one whole picture; False for other kinds of files.

    Where that cannot be told, because the file cannot be read or has unknown parts, it counts as playable.
    """
    check = CHECKS.get(path.suffix)
    if check is None:
        return False
    try:
        with path.open("rb") as file:
            return check(file)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def _film_has_pictures(file: BinaryIO) -> bool:
    """A crash before the first fragment leaves a head alone, or half a fragment after it."""
    end = file.seek(0, os.SEEK_END)
    for kind, box_end in _boxes(file, end):
        if kind == PICTURES:
            return box_end <= end
        if kind not in WITHOUT_PICTURES:
            return True
    return False


def _boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int]]:
    """The type of each box, and where it ends."""
    start = 0
    while start + BOX_HEAD_BYTES <= end:
        file.seek(start)
        head = file.read(LONG_HEAD_BYTES)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:
            size = int.from_bytes(head[8:16], "big")
        start += max(size, BOX_HEAD_BYTES)
        yield kind, start


def _jpeg_is_whole(file: BinaryIO) -> bool:
    if file.read(len(JPEG_START)) != JPEG_START:
        return False
    file.seek(-len(JPEG_END), os.SEEK_END)  # there are as many bytes: its start has been read
    return file.read() == JPEG_END


CHECKS: dict[str, Callable[[BinaryIO], bool]] = {FILM_SUFFIX: _film_has_pictures, ".jpg": _jpeg_is_whole}
