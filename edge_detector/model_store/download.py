"""Downloads a file: resumed where it broke off, verified, and put in place in one step.

    download(url, Path("model.tflite"), blob_id="28b6bdee...")

The unfinished file is called ``model.tflite.part``; only verified content gets the final name.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from edge_detector.errors import DownloadError, SourceTimeout
from edge_detector.prefetch import Prefetch
from edge_detector.version import __version__

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]  # (bytes so far, bytes in all if the server says)

# Longest wait for an answer, and for each piece after it; shorter than prefetch.JOIN_TIMEOUT_S, so that after Ctrl-C
# the thread ends in time.
SILENCE_TIMEOUT_S = 8.0
ATTEMPT_TIMEOUT_S = 600.0  # after this, a very slow server is asked again for the rest
MOST_ATTEMPTS = 6
FIRST_PAUSE_S = 1.0  # between attempts, doubled each time: half a minute in all
MOST_BYTES = 200_000_000  # no model for a Pi is larger; a broken server must not fill the SD card
PIECE_BYTES = 2**16


class Interrupted(Exception):
    """The connection broke; what arrived is kept, and another attempt can continue from there."""


class Piece(NamedTuple):
    """Some bytes of a file, their offset in it, and its length if the server says."""

    offset: int
    data: bytes
    total: int | None


def no_progress(done: int, total: int | None) -> None:
    """Shows nothing."""


def download(
    url: str,
    path: Path,
    *,
    blob_id: str,
    progress: Progress = no_progress,
    timeout_s: float = SILENCE_TIMEOUT_S,
    pause: Callable[[float], object] = time.sleep,
) -> None:
    """Download ``url`` to ``path``; does nothing if the file is there already.

    Raises `DownloadError` if it cannot be downloaded or written, or is not the file with ``blob_id``.
    """
    if path.is_file() and git_blob_id(path) == blob_id:
        return
    try:
        with _part(path) as file:
            resumed = file.seek(0, os.SEEK_END) > 0
            if _blob_id(file) != blob_id:  # otherwise only the last step is missing
                _fetch(url, file, progress, timeout_s, pause)
            if resumed and _blob_id(file) != blob_id:  # the old part was of another file
                file.truncate(0)
                _fetch(url, file, progress, timeout_s, pause)
            _verify(file, url, blob_id)
            os.fsync(file.fileno())
            Path(file.name).replace(path)
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(f"{path}: cannot be written: {error.strerror}") from None


def git_blob_id(path: Path) -> str:
    """What git calls this content: the SHA-1 of ``blob SIZE``, a zero byte and the content."""
    with path.open("rb") as file:
        return _blob_id(file)


def _blob_id(file: BinaryIO) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    while data := file.read(PIECE_BYTES):
        digest.update(data)
    return digest.hexdigest()


@contextmanager
def _part(path: Path) -> Iterator[BinaryIO]:
    """The unfinished file, locked against other processes."""
    part = path.with_name(f"{path.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.touch()
    with part.open("r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DownloadError(f"{path}: another process is downloading it; wait for that one") from None
        yield file


def _verify(file: BinaryIO, url: str, blob_id: str) -> None:
    found = _blob_id(file)
    if found != blob_id:
        file.truncate(0)
        raise DownloadError(
            f"{url}: not the file that was published: its git blob id is {found}, expected {blob_id}; thrown away. "
            "Is there a proxy or a login page in between?"
        )


def _fetch(url: str, file: BinaryIO, progress: Progress, timeout_s: float, pause: Callable[[float], object]) -> None:
    """Download the rest of the file, in several attempts if the first brings any bytes."""
    start = file.seek(0, os.SEEK_END)
    for attempt in range(MOST_ATTEMPTS):
        try:
            return _fetch_rest(url, file, progress, timeout_s)
        except Interrupted as error:
            reason = str(error)
        kept = file.seek(0, os.SEEK_END)
        if kept == start:
            break
        log.info("%s: %s; continuing from byte %d", url, reason, kept)
        pause(FIRST_PAUSE_S * 2**attempt)
    advice = f"{kept} bytes are kept: run it again to continue" if kept else "is this machine connected to the network?"
    raise DownloadError(f"{url}: {reason}; {advice}")


def _fetch_rest(url: str, file: BinaryIO, progress: Progress, timeout_s: float) -> None:
    """One attempt. In a thread, because looking up a name and reading headers have no timeout of their own."""
    size, total = file.seek(0, os.SEEK_END), None
    deadline = time.monotonic() + ATTEMPT_TIMEOUT_S
    pieces = Prefetch(_pieces(url, size, timeout_s), name="download", live=False, timeout_s=timeout_s)
    try:
        with pieces:
            for offset, data, total in pieces:
                size = _put(file, offset, data, url)
                progress(size, total)
                if size != total and time.monotonic() > deadline:
                    raise Interrupted(f"only {size} bytes in {ATTEMPT_TIMEOUT_S:g} s")
    except SourceTimeout:
        raise Interrupted(f"nothing came for {timeout_s:g} s") from None
    finally:
        file.flush()
    if total is not None and size < total:
        raise Interrupted(f"broke off after {size} of {total} bytes")


def _put(file: BinaryIO, offset: int, data: bytes, url: str) -> int:
    """Write ``data`` at ``offset``; returns the new length of the file."""
    if offset + len(data) > MOST_BYTES:
        raise DownloadError(f"{url}: larger than {MOST_BYTES / 1e6:.0f} MB; that is no model for this machine")
    file.seek(offset)
    file.truncate()
    file.write(data)
    return file.tell()


def _pieces(url: str, start: int, timeout_s: float) -> Iterator[Piece]:
    """The file from ``start``, or from its beginning if the server does not send ranges."""
    try:
        with _open(url, start, timeout_s) as response:
            offset, total = _extent(response)
            while data := response.read1(PIECE_BYTES):
                yield Piece(offset, data, total)
                offset += len(data)
    except HTTPError as error:
        error.close()
        if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Interrupted(f"the server answers {error.code} {error.reason}") from None
        raise DownloadError(f"{url}: the server answers {error.code} {error.reason}") from None
    except URLError as error:
        raise Interrupted(f"cannot be reached ({_reason(error.reason)})") from None
    except (OSError, HTTPException) as error:
        raise Interrupted(f"the connection broke ({_reason(error)})") from None


def _open(url: str, start: int, timeout_s: float) -> HTTPResponse:
    request = Request(url, headers={"User-Agent": f"edge-detector/{__version__}"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response: HTTPResponse = urlopen(request, timeout=timeout_s)
    except HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        error.close()  # the part is longer than the file: begin again
        return _open(url, 0, timeout_s)
    return response


def _extent(response: HTTPResponse) -> tuple[int, int | None]:
    """Where the answer begins in the file, and how long the file is (RFC 9110, Content-Range)."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if response.status == HTTPStatus.PARTIAL_CONTENT and match:
        return int(match[1]), None if match[2] == "*" else int(match[2])
    return 0, response.length


def _reason(error: BaseException | str) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
