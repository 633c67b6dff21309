"""Waiting for a camera that is away for a night: the service says so once, and looks for it by itself."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Self, TypeVar

from edge_detector.backoff import doubling_pauses
from edge_detector.errors import SourceError
from edge_detector.system.restart_note import RestartNote
from edge_detector.system.sd_notify import ServiceManager

log = logging.getLogger(__name__)

Opened = TypeVar("Opened")  # what entering a source gives: the source itself

NOTE = "source-lost"
WAITING = "waiting for the source"  # the status line begins with it, and doctor looks for it
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 10.0
MORE_TIME_US = 120_000_000  # for one pause and one attempt; after that systemd takes the program for stuck


class SourceWait:
    """Decides whether a source that cannot be opened is an error, or is waited for.

    The first start fails at once, so that ``systemctl start`` and deploy.sh say why. When systemd has started the
    service again because its source was lost, this waits: one line in the log, where a restart every few seconds
    writes a thousand an hour. Each attempt asks systemd for more time, so that systemd still ends one that hangs.
    Outside systemd every failure is an error at once.
    """

    def __init__(
        self, note: RestartNote, manager: ServiceManager | None, *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        """``note`` tells the next start that the source was lost; ``sleep`` is for tests."""
        self._note = note
        self._manager = manager
        self._sleep = sleep
        self._waits = False

    @classmethod
    def from_environment(cls) -> Self:
        """As systemd's environment variables say."""
        return cls(RestartNote.from_environment(NOTE), ServiceManager.from_environment())

    def __repr__(self) -> str:
        return f"<SourceWait {'waits' if self._waits else 'fails at once'}>"

    @property
    def waits(self) -> bool:
        """Whether a source that cannot be opened is waited for."""
        return self._waits

    def __enter__(self) -> Self:
        self._waits = self._note.take()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, SourceError):
            self._note.leave()
        if self._manager is not None:
            self._manager.close()

    def enter(self, make: Callable[[], AbstractContextManager[Opened]]) -> Opened:
        """Enter the source that ``make`` gives, as ``with`` does, and return it; the caller exits it.

        Raises `SourceError` where waiting is not asked for.
        """
        try:
            return make().__enter__()
        except SourceError as error:
            if not self._waits:
                raise
            log.warning("%s; waiting for it", error)
            return self._enter_later(make, str(error))

    def _enter_later(self, make: Callable[[], AbstractContextManager[Opened]], reason: str) -> Opened:
        known = {reason}
        for pause_s in doubling_pauses(first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S):
            self._tell(reason)
            self._sleep(pause_s)
            try:
                with _silence():
                    source = make().__enter__()
            except SourceError as error:
                reason = str(error)
            else:
                log.info("the source is there")
                return source
            if reason not in known:
                known.add(reason)
                log.warning("%s; waiting for it", reason)
        raise AssertionError("there is always another pause")

    def _tell(self, reason: str) -> None:
        if self._manager is not None:
            self._manager.send(STATUS=f"{WAITING}: {reason}", EXTEND_TIMEOUT_USEC=MORE_TIME_US)


@contextmanager
def _silence() -> Iterator[None]:
    """No log lines: sources and their libraries write the same ones at every attempt."""
    logging.disable(logging.ERROR)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
