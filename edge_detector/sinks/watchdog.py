"""Tells systemd that there are results. If any part of the pipeline hangs, no message comes and systemd restarts it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.system.sd_notify import ServiceManager
from edge_detector.types import Result

STATUS_INTERVAL_S = 10.0  # between two messages where the service has no watchdog


@dataclass(frozen=True, slots=True)
class WatchdogOptions:
    """This sink has no options: systemd sets environment variables."""


class WatchdogSink(Sink, options=WatchdogOptions, cameras=Cameras.TOGETHER):
    """Sends READY=1 with the first result, WATCHDOG=1 and STATUS= with later ones. Without systemd, sends nothing."""

    def __init__(self, spec: Spec, context: Context, *, clock: Callable[[], float] = time.monotonic) -> None:
        sink_options(WatchdogOptions, spec)
        self._meter = context.meter
        self._clock = clock
        self._manager: ServiceManager | None = None
        self._ready = False
        self._next_s = 0.0

    def __repr__(self) -> str:
        return f"<WatchdogSink {self._manager!r} {'ready' if self._ready else 'waiting for the first result'}>"

    def open(self) -> None:
        self._manager = ServiceManager.from_environment()

    def close(self) -> None:
        if self._manager is not None:
            self._manager.send(STOPPING=1)
            self._manager.close()
            self._manager = None

    def write(self, result: Result) -> None:  # noqa: ARG002 - only that there is one matters
        """Send a message if the interval has passed."""
        if self._manager is None or self._clock() < self._next_s:
            return
        state = {"WATCHDOG": 1} if self._ready else {"READY": 1, "WATCHDOG": 1}
        if self._manager.send(**state, STATUS=self._meter.line()):
            self._ready = True
            self._next_s = self._clock() + self._interval_s

    @property
    def _interval_s(self) -> float:
        """Half of the watchdog's timeout, as sd_watchdog_enabled(3) recommends."""
        assert self._manager is not None
        return self._manager.watchdog_s / 2 if self._manager.watchdog_s else STATUS_INTERVAL_S
