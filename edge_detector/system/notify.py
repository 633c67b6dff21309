"""Messages to the service manager: the protocol of sd_notify(3)."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping
from typing import Self

log = logging.getLogger(__name__)


class ServiceManager:
    """The service manager that started this program.

    Sending never blocks and never fails: a service manager that does not listen is reported once, then left alone.
    """

    def __init__(self, address: str, *, watchdog_s: float | None = None) -> None:
        """``address`` as in NOTIFY_SOCKET; ``watchdog_s``: it kills a service silent for longer (None: no watchdog)."""
        self.watchdog_s = watchdog_s
        self._address = "\0" + address[1:] if address.startswith("@") else address  # @: Linux's abstract names
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._heard = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """The one that systemd announces in the environment, or None when not started by systemd."""
        address = environment.get("NOTIFY_SOCKET")
        if not address:
            return None
        return cls(address, watchdog_s=_watchdog_s(environment))

    def __repr__(self) -> str:
        return f"<ServiceManager {self._address!r} watchdog_s={self.watchdog_s}>"

    def send(self, **state: str | int) -> bool:
        """Send assignments such as ``READY=1``; True if the service manager took them."""
        message = "\n".join(f"{key}={value}" for key, value in state.items())
        try:
            self._socket.sendto(message.encode(), self._address)
        except BlockingIOError:
            return False  # its queue is full: it has not read the last messages yet
        except OSError as error:
            if self._heard:
                log.warning("the service manager does not listen at %r: %s", self._address, error.strerror)
            self._heard = False
            return False
        self._heard = True
        return True

    def close(self) -> None:
        self._socket.close()


def _watchdog_s(environment: Mapping[str, str]) -> float | None:
    """WATCHDOG_USEC in seconds, if it is meant for this process (sd_watchdog_enabled(3))."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    microseconds = environment.get("WATCHDOG_USEC", "")
    return int(microseconds) / 1e6 if microseconds.isdecimal() and int(microseconds) > 0 else None
