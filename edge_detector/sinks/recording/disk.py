"""A disk that takes no more: never the end of a camera's run, and never a silent gap in what was made of a file."""

from __future__ import annotations

import errno
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TypeVar

from edge_detector.errors import SinkError

log = logging.getLogger(__name__)

# A full disk or quota; a file as large as FAT32 lets it be; a worn SD card, which Linux makes read-only.
REFUSALS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
RESERVE_BYTES = 500 * 10**6  # left free on the disk for everything else
MARGIN_BYTES = 10**7  # of room before a film goes on: more than it writes at once
RETRY_S = 1.0  # a film may begin anew each time
STEADY_S = 60.0  # a disk at its edge takes some and refuses some: that is one outage

Done = TypeVar("Done")


class DiskFull(SinkError):
    """The disk takes no more, for now."""

    def __init__(self, message: str, *, lost: int = 1) -> None:
        """``lost``: how many results; those count that seemed to be written before."""
        super().__init__(message)
        self.lost = lost


def write_error(what: str, error: Exception, *, lost: int = 1) -> SinkError:
    """``error`` as one line that begins with ``what``: a `DiskFull` if that is why."""
    message = f"{what}: {getattr(error, 'strerror', None) or error}"
    if getattr(error, "errno", None) in REFUSALS:
        return DiskFull(message, lost=lost)
    return SinkError(message)


def free_bytes(folder: Path) -> int:
    """What is left on the disk of ``folder`` for a user who is not root."""
    return shutil.disk_usage(folder).free


def check_room(folder: Path, reserve_bytes: int, *, free_bytes: Callable[[Path], int] = free_bytes) -> None:
    """Raises `DiskFull` if the disk of ``folder`` has less than ``reserve_bytes`` left."""
    if free_bytes(folder) < reserve_bytes:
        raise DiskFull(
            f"{folder}: the disk has less than {reserve_bytes / 1e6:.0f} MB left, which the option reserve keeps free"
        )


def free_path(path: Path) -> Path:
    """``path``, or the first of NAME_2, NAME_3 and so on that is not taken."""
    numbered = (path if number == 1 else path.with_stem(f"{path.stem}_{number}") for number in count(1))
    return next(each for each in numbered if not each.exists())


class Outage:
    """What a sink does about a full disk: a camera's run goes on, without what the disk does not take.

    It says so once, counts what is lost, tries again every `RETRY_S`, and says when there is room again. Of a file
    nothing may be lost: there a full disk is an error.
    """

    def __init__(self, name: str, *, live: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """``name`` of the sink, for the log."""
        self.lost = 0  # since the start
        self._name = name
        self._live = live
        self._clock = clock
        self._lost_before = 0
        self._refused_s: float | None = None  # when the disk last took something not; None outside of an outage

    def __repr__(self) -> str:
        return f"<Outage {self._name!r} {'now' if self._refused_s is not None else 'none'} lost={self.lost}>"

    def attempt(self, write: Callable[[], Done]) -> Done | None:
        """What ``write()``, which is for one result, returns; None if the disk does not take it, or took none just now.

        Raises what ``write`` raises, `DiskFull` only if not live.
        """
        if self._refused_s is not None and self._clock() - self._refused_s < RETRY_S:
            self.lost += 1
            return None
        with self.survived():
            done = write()
            self._end()
            return done
        return None

    @contextmanager
    def survived(self) -> Iterator[None]:
        """Goes on behind the ``with`` if the disk turns out to be full in it.

        Raises what is raised in it, `DiskFull` only if not live.
        """
        try:
            yield
        except DiskFull as error:
            if not self._live:
                raise
            self._begin(error)

    def _begin(self, error: DiskFull) -> None:
        if self._refused_s is None:
            self._lost_before = self.lost
            log.warning("sink %s: stops until the disk takes more: %s", self._name, error)
        self.lost += error.lost
        self._refused_s = self._clock()

    def _end(self) -> None:
        if self._refused_s is None or self._clock() - self._refused_s < STEADY_S:
            return
        self._refused_s = None
        log.warning("sink %s: goes on, the disk takes more again: %d lost", self._name, self.lost - self._lost_before)
