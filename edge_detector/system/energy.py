"""How much energy the machine uses, where it tells: Linux' powercap (RAPL), or the power chip of a Raspberry Pi 5."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

POWERCAP = "sys/class/powercap"
VCGENCMD_TIMEOUT_S = 2.0
MICRO = 1e-6
_RAIL = re.compile(r"^\s*(\w+)_([AV])\s+\w+\(\d+\)=([\d.]+)[AV]\s*$", re.MULTILINE)  # VDD_CORE_A current(7)=2.09A


class Energy(ABC):
    """A meter that counts on: what was used is the difference between two readings."""

    name: str  # what is measured, in words

    @abstractmethod
    def joules(self) -> float | None:
        """Used since the meter was opened; None if it cannot tell, or not now."""


class NoEnergy(Energy):
    """A machine that does not tell."""

    def __init__(self, why: str) -> None:
        self.name = f"unknown: {why}"

    def __repr__(self) -> str:
        return f"<NoEnergy {self.name}>"

    def joules(self) -> None:
        return None


class Rapl(Energy):
    """The counters of an x86 processor, one for each package; each begins again after its range."""

    name = "of the processor (RAPL)"

    def __init__(self, packages: list[Path]) -> None:
        """Raises `OSError` or `ValueError` for a counter that cannot be read."""
        self._ranges = {package: _number(package / "max_energy_range_uj") for package in packages}
        self._newest = {package: _number(package / "energy_uj") for package in packages}
        self._used_uj = 0

    def __repr__(self) -> str:
        return f"<Rapl {len(self._newest)} packages>"

    def joules(self) -> float | None:
        try:
            for package, before in self._newest.items():
                self._newest[package] = _number(package / "energy_uj")
                used = self._newest[package] - before
                self._used_uj += used if used >= 0 else used + self._ranges[package]
        except (OSError, ValueError):
            return None
        return self._used_uj * MICRO


class Pmic(Energy):
    """The power chip of a Raspberry Pi 5, which tells the power now: read it often, the time between is interpolated.

    It knows currents and voltages of the board's own rails. What USB devices take is not among them.
    """

    name = "of the board's rails (PMIC)"

    def __init__(self, watts: Callable[[], float | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._watts, self._clock = watts, clock
        self._at_s, self._newest_w = clock(), watts()
        self._joules = 0.0

    def __repr__(self) -> str:
        return f"<Pmic {self._newest_w} W>"

    def joules(self) -> float | None:
        now_s, now_w = self._clock(), self._watts()
        if now_w is None or self._newest_w is None:
            return None
        self._joules += (now_w + self._newest_w) / 2 * (now_s - self._at_s)
        self._at_s, self._newest_w = now_s, now_w
        return self._joules


def open_energy(root: Path = Path("/"), *, vcgencmd: str | None = None) -> Energy:
    """The best meter that this machine has; ``vcgencmd``: the program to ask, found on the PATH if None."""
    program = vcgencmd or shutil.which("vcgencmd")
    if program is not None and watts_of(_said_by(program)) is not None:
        return Pmic(lambda: watts_of(_said_by(program)))
    packages = _packages(root / POWERCAP)
    if not packages:
        return NoEnergy("this machine has no meter that can be read (powercap, or the PMIC of a Raspberry Pi 5)")
    try:
        return Rapl(packages)
    except PermissionError as error:
        return NoEnergy(f"only root may read {error.filename}; try sudo")
    except (OSError, ValueError) as error:
        return NoEnergy(f"a counter of {root / POWERCAP} cannot be read: {error}")


def watts_of(answer: str) -> float | None:
    """The power that ``vcgencmd pmic_read_adc`` tells, the sum over its rails; None if it tells of none."""
    readings = {(rail, unit): float(value) for rail, unit, value in _RAIL.findall(answer)}
    powers = [value * readings[rail, "V"] for (rail, unit), value in readings.items() if _is_rail(rail, unit, readings)]
    return sum(powers) if powers else None


def _is_rail(rail: str, unit: str, readings: dict[tuple[str, str], float]) -> bool:
    return unit == "A" and (rail, "V") in readings


def _said_by(program: str) -> str:
    """What it prints; "" if it fails: no such chip, or this user may not ask."""
    try:
        command = [program, "pmic_read_adc"]
        return subprocess.run(command, capture_output=True, text=True, timeout=VCGENCMD_TIMEOUT_S, check=True).stdout
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""


def _packages(powercap: Path) -> list[Path]:
    """The counters of whole processors; what is inside them is counted there already."""
    zones = sorted(powercap.glob("intel-rapl:*"))
    return [zone for zone in zones if (name := _text(zone / "name")) and name.startswith("package")]


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _number(file: Path) -> int:
    return int(file.read_text())
