"""A camera that is opened again after it was lost, for a run that goes on with other cameras meanwhile."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from edge_detector.backoff import doubling_pauses
from edge_detector.errors import SourceError
from edge_detector.sources.base import Source
from edge_detector.types import Frame

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0


class LastingSource(Source, adds=("trouble",)):
    """The frames of ``first``, and those of the next source that ``make`` gives if that fails, without limit.

    Only the first time `open` may fail. A source that ends without an error has ended.
    """

    def __init__(
        self, first: Source, make: Callable[[], Source], *, wait: Callable[[float], bool] | None = None
    ) -> None:
        """``make`` gives a new source each time; ``wait(seconds)`` returns True when stopped meanwhile, for tests."""
        self.trouble = ""  # why there are no frames now
        self._make = make
        self._source = first
        self._is_open = False
        self._sequence = 0  # of the next frame
        self._attempts = 0
        self._undecoded = 0  # by the sources that are gone
        self._dropped: Callable[[], int] = int
        self._stopped = threading.Event()
        self._wait = wait or self._stopped.wait

    def __repr__(self) -> str:
        return f"<LastingSource {self._source!r}{f' lost: {self.trouble}' if self.trouble else ''}>"

    @property
    def live(self) -> bool:  # type: ignore[override]
        """As of the source."""
        return self._source.live

    @property
    def undecoded(self) -> int:  # type: ignore[override]
        """Of all sources so far."""
        return self._undecoded + self._source.undecoded

    @property
    def reconnects(self) -> int:  # type: ignore[override]
        """Attempts of its own, and those of the source."""
        return self._attempts + self._source.reconnects

    def note_drops(self, dropped: Callable[[], int]) -> None:
        """Also for the sources to come."""
        self._dropped = dropped
        self._source.note_drops(dropped)

    def open(self) -> None:
        self._open()

    def stop(self) -> None:
        """End the iteration and the pauses."""
        self._stopped.set()
        self._source.stop()

    def close(self) -> None:
        self._stopped.set()
        self._is_open = False
        self._source.close()

    def __iter__(self) -> Iterator[Frame]:
        pauses = doubling_pauses(first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
        while not self._stopped.is_set():
            try:
                if not self._is_open:
                    self._open_another()
                for frame in self._numbered():
                    pauses = doubling_pauses(first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S)
                    yield frame
            except SourceError as error:
                self.trouble = str(error)
                log.debug("lost: %s", error)
            else:
                return
            self._close_lost()
            if self._wait(next(pauses)):
                return

    def _open(self) -> None:
        try:
            self._source.open()
        except SourceError as error:
            self.trouble = str(error)
            raise
        self._is_open = True

    def _open_another(self) -> None:
        self._attempts += self._source.reconnects + 1
        self._undecoded += self._source.undecoded
        self._source = self._make()
        self._source.note_drops(self._dropped)
        self._open()

    def _close_lost(self) -> None:
        self._is_open = False
        try:
            self._source.close()
        except SourceError as error:
            log.debug("%s", error)

    def _numbered(self) -> Iterator[Frame]:
        """The frames of the present source, counted on from those of the one before."""
        first = self._sequence
        if self._stopped.is_set():  # the source was not there yet when `stop` came
            return
        for frame in self._source:
            self.trouble = ""
            numbered = replace(frame, sequence=first + frame.sequence) if first else frame
            self._sequence = numbered.sequence + 1
            yield numbered
