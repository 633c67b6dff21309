"""Full disks: with a camera the run goes on and counts what is lost; with a file a full disk is an error."""

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

# A full disk or quota; a file that has reached the largest size of FAT32; a worn SD card, which Linux makes read-only.
DISK_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
RESERVE_BYTES = 500 * 10**6  # left free on the disk for everything else
MARGIN_BYTES = 10**7  # that must be free before a film goes on: more than it writes at once
RETRY_S = 1.0  # between two attempts; each may begin a new film
STEADY_S = 60.0  # an outage ends only then: a disk that is nearly full takes some writes and refuses others

Done = TypeVar("Done")


class DiskFull(SinkError):
    """The disk is full at the moment."""

    def __init__(self, message: str, *, lost: int = 1) -> None:
        """``lost``: how many results are lost, including earlier ones that were not on the disk yet."""
        super().__init__(message)
        self.lost = lost


def write_error(what: str, error: Exception, *, lost: int = 1) -> SinkError:
    """``error`` as one line that begins with ``what``; a `DiskFull` if a full disk is the cause."""
    message = f"{what}: {getattr(error, 'strerror', None) or error}"
    if getattr(error, "errno", None) in DISK_FULL_ERRORS:
        return DiskFull(message, lost=lost)
    return SinkError(message)


def free_bytes(folder: Path) -> int:
    """The free space on the disk of ``folder`` for a user who is not root."""
    return shutil.disk_usage(folder).free


def check_room(folder: Path, reserve_bytes: int, *, free_bytes: Callable[[Path], int] = free_bytes) -> None:
    """Raises `DiskFull` if the disk of ``folder`` has less than ``reserve_bytes`` free."""
    if free_bytes(folder) < reserve_bytes:
        raise DiskFull(
            f"{folder}: the disk has less than {reserve_bytes / 1e6:.0f} MB left, which the option reserve keeps free"
        )


def free_path(path: Path) -> Path:
    """``path``, or the first of NAME_2, NAME_3 and so on that does not exist."""
    numbered = (path if number == 1 else path.with_stem(f"{path.stem}_{number}") for number in count(1))
    return next(each for each in numbered if not each.exists())


class Outage:
    """What a sink does while the disk is full.

    With a camera, the run goes on without what cannot be written: that is logged once and counted, tried again every
    `RETRY_S`, and the end of the outage is logged. With a file nothing may be lost: there a full disk is an error.
    """

    def __init__(self, name: str, *, live: bool, clock: Callable[[], float] = time.monotonic) -> None:
        """``name`` of the sink, for the log."""
        self.lost = 0  # since the start
        self._name = name
        self._live = live
        self._clock = clock
        self._lost_before = 0
        self._last_full_s: float | None = None  # when a write last failed; None outside of an outage

    def __repr__(self) -> str:
        return f"<Outage {self._name!r} {'now' if self._last_full_s is not None else 'none'} lost={self.lost}>"

    def attempt(self, write: Callable[[], Done]) -> Done | None:
        """Call ``write()``, which writes one result, and return what it returns.

        None if the disk is full, or was full less than `RETRY_S` ago. Raises what ``write`` raises, but `DiskFull`
        only if not live.
        """
        if self._last_full_s is not None and self._clock() - self._last_full_s < RETRY_S:
            self.lost += 1
            return None
        with self.full_disk_tolerated():
            done = write()
            self._end()
            return done
        return None

    @contextmanager
    def full_disk_tolerated(self) -> Iterator[None]:
        """If the body of the ``with`` raises `DiskFull` and the source is live, count the loss and go on after it.

        Raises what the body raises, but `DiskFull` only if not live.
        """
        try:
            yield
        except DiskFull as error:
            if not self._live:
                raise
            self._begin(error)

    def _begin(self, error: DiskFull) -> None:
        if self._last_full_s is None:
            self._lost_before = self.lost
            log.warning("sink %s: writes nothing until the disk has room: %s", self._name, error)
        self.lost += error.lost
        self._last_full_s = self._clock()

    def _end(self) -> None:
        if self._last_full_s is None or self._clock() - self._last_full_s < STEADY_S:
            return
        self._last_full_s = None
        log.warning("sink %s: writes again, the disk has room: %d lost", self._name, self.lost - self._lost_before)
