"""Sends what waits in the outbox, one after the other, with pauses while the service does not answer."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from edge_detector.backoff import doubling_pauses
from edge_detector.sinks.base import Writer
from edge_detector.sinks.notify.delivery import DeliveryFailed, Refused
from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.outbox import Letter, Outbox

log = logging.getLogger(__name__)

Deliver = Callable[[Message, bytes | None], None]  # raises `DeliveryFailed` and `Refused`

RETRY_S = (5.0, 600.0)  # first and longest pause between attempts
LAST_CHANCE_S = 8.0  # at the end, for what waits; the rest is sent by the next run
MOST_REASONS = 5  # that are logged of one failure: a server may give another one each time


class Sender(Writer[None], idle_s=1.0, adds=("name", "produced", "dropped")):
    """On a thread of its own (`Background`): `write` only says that there is something new.

    Messages keep their order. A service that fails is logged once for each reason that it gives, and once when it works
    again, each time with how many messages wait.
    """

    def __init__(
        self,
        name: str,
        outbox: Outbox,
        deliver: Deliver,
        *,
        retry_s: tuple[float, float] = RETRY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = f"{name} messages"
        self.produced = 0  # messages sent
        self._refused = 0
        self._service = name
        self._outbox = outbox
        self._deliver = deliver
        self._retry_s = retry_s
        self._clock = clock
        self._pauses: Iterator[float] | None = None  # None: the service works
        self._reasons: set[str] = set()  # that it has given since it last worked
        self._next_s = 0.0  # not before

    def __repr__(self) -> str:
        return f"<Sender {self._service!r} sent={self.produced} {self._outbox!r}>"

    @property
    def dropped(self) -> int:
        """Messages that are lost: too many waited, or the service refuses them."""
        return self._refused + self._outbox.lost

    def write(self, _: None, /) -> None:
        self.idle()

    def idle(self) -> None:
        """Send what waits, unless it is too early for another attempt."""
        while self._clock() >= self._next_s and (letter := self._outbox.first()):
            self._attempt(letter)

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        until_s = self._clock() + LAST_CHANCE_S
        while self._next_s <= self._clock() < until_s and (letter := self._outbox.first()):
            self._attempt(letter)
        if count := len(self._outbox):
            log.warning(
                "%s: %d messages are not sent yet; they wait in %s for the next run",
                self._service,
                count,
                self._outbox.folder,
            )

    def _attempt(self, letter: Letter) -> None:
        try:
            self._deliver(letter.message, letter.picture)
        except DeliveryFailed as error:
            self._fail(error)
        except Refused as error:
            self._refused += 1
            log.warning("%s: refuses the message %r: %s; it is not sent", self._service, letter.message.text, error)
            self._outbox.remove(letter)
        else:
            self.produced += 1
            self._outbox.remove(letter)
            self._recover()

    def _fail(self, error: DeliveryFailed) -> None:
        if self._pauses is None:
            self._pauses = doubling_pauses(first_s=self._retry_s[0], longest_s=self._retry_s[1])
        if str(error) not in self._reasons and len(self._reasons) < MOST_REASONS:
            self._reasons.add(str(error))
            log.warning(
                "%s: a message cannot be sent now, will try again: %s; %s", self._service, error, self._waiting()
            )
        self._next_s = self._clock() + max(next(self._pauses), error.wait_s)

    def _recover(self) -> None:
        if self._pauses is not None:
            log.warning("%s: messages are sent again; %s", self._service, self._waiting())
        self._pauses = None
        self._reasons.clear()
        self._next_s = 0.0

    def _waiting(self) -> str:
        count = len(self._outbox)
        return f"{count} message{' waits' if count == 1 else 's wait'} in {self._outbox.folder}"
