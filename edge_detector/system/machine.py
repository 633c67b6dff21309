"""The state of the machine and of this process, for telemetry. None: the machine does not report it, or not now."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psutil

from edge_detector.system.thermal import soc_temperature_c
from edge_detector.system.throttling import Throttling, open_reader

log = logging.getLogger(__name__)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Reading:
    """The machine at one moment."""

    soc_temperature_c: float | None
    throttling: Throttling | None
    frequency_mhz: float | None  # the processor's clock, averaged over its cores
    cpu_percent: float | None  # of one core, this process, since the last reading: 4 busy cores are 400
    rss_bytes: int | None  # resident memory of this process


class Machine:
    """Reads what the operating system and the firmware report."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only starts the count
        self._throttling = open_reader()

    def read(self) -> Reading:
        """Read now; takes a few milliseconds at most, unless ``vcgencmd`` hangs (its deadline is 2 s)."""
        return Reading(
            soc_temperature_c=soc_temperature_c(),
            throttling=self._throttling(),
            frequency_mhz=cpu_frequency_mhz(),
            cpu_percent=_known(self._process.cpu_percent),
            rss_bytes=_known(lambda: self._process.memory_info().rss),
        )


def _known(read: Callable[[], Value]) -> Value | None:
    """What ``read`` gives; None if it fails: a run does not end because no file can be opened at the moment."""
    try:
        return read()
    except (OSError, psutil.Error) as error:
        log.debug("cannot read the state of this process: %s", error)
        return None


def cpu_frequency_mhz() -> float | None:
    """The processor's current clock in MHz, or None in a virtual machine that hides it."""
    try:
        frequency = psutil.cpu_freq()
    except (OSError, NotImplementedError):  # psutil: sysfs entries that vanish or are incomplete
        return None
    return frequency.current or None if frequency is not None else None
