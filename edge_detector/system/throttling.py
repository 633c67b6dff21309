"""Whether the Raspberry Pi's firmware slows the processor down, and why.

The bits are those of ``vcgencmd get_throttled``: 0 to 3 mean now, 16 to 19 since boot.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import IntFlag
from pathlib import Path

log = logging.getLogger(__name__)

SINCE_BOOT_SHIFT = 16
VCGENCMD_TIMEOUT_S = 2.0
SYSFS_PATTERN = "sys/devices/platform/soc*/soc*:firmware/get_throttled"  # Pi 4: soc/soc:firmware; later Pis number it
HWMON_PATTERN = "sys/class/hwmon/hwmon*/name"


class Cause(IntFlag):
    """Why the processor is slower than it could be."""

    UNDER_VOLTAGE = 1
    FREQUENCY_CAPPED = 2
    THROTTLED = 4
    SOFT_TEMPERATURE_LIMIT = 8


EVERY_CAUSE = ~Cause(0)
NAMES = {
    Cause.UNDER_VOLTAGE: "under-voltage",
    Cause.FREQUENCY_CAPPED: "frequency capped",
    Cause.THROTTLED: "throttled",
    Cause.SOFT_TEMPERATURE_LIMIT: "soft temperature limit",
}
REMEDIES = {  # the cause to fix first comes first: a weak supply leads to the others
    Cause.UNDER_VOLTAGE: "use a stronger power supply or a shorter cable",
    Cause.THROTTLED: "the processor is too hot: give it a heat sink or a fan",
    Cause.SOFT_TEMPERATURE_LIMIT: "the processor is getting hot: give it a heat sink or a fan",
    Cause.FREQUENCY_CAPPED: "the processor is too hot or its supply too weak",
}


@dataclass(frozen=True, slots=True)
class Throttling:
    """What the firmware reports."""

    now: Cause
    since_boot: Cause
    known: Cause = EVERY_CAUSE  # the causes that this machine can report

    @classmethod
    def from_bits(cls, bits: int) -> Throttling:
        """From the number that ``vcgencmd get_throttled`` prints."""
        return cls(Cause(bits & EVERY_CAUSE), Cause(bits >> SINCE_BOOT_SHIFT & EVERY_CAUSE))

    def __str__(self) -> str:
        """``none``, or what there is: ``under-voltage, throttled (earlier: frequency capped)``."""
        earlier = self.since_boot & ~self.now
        text = cause_names(self.now) or (
            "none" if self.known == EVERY_CAUSE else f"no {cause_names(self.known)}, else unknown"
        )
        return f"{text} (earlier: {cause_names(earlier)})" if earlier else text


Reader = Callable[[], Throttling | None]


def cause_names(causes: Cause) -> str:
    """The causes in words: ``under-voltage, throttled``."""
    return ", ".join(NAMES[cause] for cause in causes)


def remedy(causes: Cause) -> str:
    """What to do first about the causes."""
    return next((advice for cause, advice in REMEDIES.items() if cause in causes), "")


def open_reader(root: Path = Path("/"), *, vcgencmd: str | None = None) -> Reader:
    """A function that reads the state in the best way this machine has; it gives None if there is no way.

    ``vcgencmd``: the program to ask, found on the PATH if None.
    """
    sysfs = next(iter(_found(root, SYSFS_PATTERN)), None)
    if sysfs is not None:
        return lambda: _from_sysfs(sysfs)
    program = vcgencmd or shutil.which("vcgencmd")
    if program is not None:
        return lambda: _from_vcgencmd(program)
    alarm = _under_voltage_alarm(root)
    if alarm is not None:
        return lambda: _from_hwmon(alarm)
    return lambda: None


def _found(root: Path, pattern: str) -> list[Path]:
    """The paths in their order; none if the folders cannot be read."""
    try:
        return sorted(root.glob(pattern))
    except OSError as error:
        log.debug("%s: %s", pattern, error)
        return []


def _from_sysfs(path: Path) -> Throttling | None:
    try:
        return Throttling.from_bits(int(path.read_text(), 16))
    except (OSError, ValueError) as error:
        log.debug("%s: %s", path, error)
        return None


def _from_vcgencmd(program: str) -> Throttling | None:
    """``throttled=0x50005``; another answer means that this user may not ask."""
    command = [program, "get_throttled"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=VCGENCMD_TIMEOUT_S, check=True)
        return Throttling.from_bits(int(answer.stdout.partition("=")[2], 16))
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log.debug("%s: %s", program, error)
        return None


def _under_voltage_alarm(root: Path) -> Path | None:
    for name in _found(root, HWMON_PATTERN):
        with suppress(OSError):  # a sensor can disappear, such as one on a USB device
            if name.read_text().strip() == "rpi_volt":
                return name.with_name("in0_lcrit_alarm")
    return None


def _from_hwmon(alarm: Path) -> Throttling | None:
    """The kernel's rpi_volt driver reports only under-voltage, and only whether it is there now."""
    try:
        now = Cause.UNDER_VOLTAGE if int(alarm.read_text()) else Cause(0)
    except (OSError, ValueError) as error:
        log.debug("%s: %s", alarm, error)
        return None
    return Throttling(now, Cause(0), known=Cause.UNDER_VOLTAGE)
