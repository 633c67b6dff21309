"""Under which conditions something was measured, without which a figure means nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

from edge_detector.system.machine import cpu_frequency_mhz
from edge_detector.system.thermal import soc_temperature_c

PACKAGES = ("ai-edge-litert", "tflite-runtime", "opencv-python-headless", "numpy", "av")
BOARD = Path("/proc/device-tree/model")
CPU_FREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")


class Conditions(TypedDict):
    """The machine at one moment, ready for JSON. None: it does not say."""

    board: str  # its name, else the kind of processor
    cores: int  # that this process may use
    kernel: str
    governor: str | None  # what chooses the processor's clock
    frequency_mhz: float | None
    temperature_c: float | None
    load: float  # processes that wanted to run in the last minute, on average
    python: str
    versions: dict[str, str]  # of the packages that are installed


def conditions(packages: Iterable[str] = PACKAGES) -> Conditions:
    """The machine as it is now, and the versions of what runs on it."""
    return {
        "board": board(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "governor": text_of(CPU_FREQ / "scaling_governor"),
        "frequency_mhz": cpu_frequency_mhz(),
        "temperature_c": soc_temperature_c(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: number for name in packages if (number := _version(name))},
    }


def board() -> str:
    """What the machine calls itself: ``Raspberry Pi 5 Model B Rev 1.0``; elsewhere the kind of its processor."""
    return text_of(BOARD) or platform.machine()


def in_words(found: Conditions) -> str:
    """The same in two lines."""
    machine = ", ".join(f"{name} {shown(value)}" for name, value in found.items() if name != "versions")
    return f"{machine}\n{', '.join(f'{name} {number}' for name, number in found['versions'].items())}"


def shown(value: object) -> str:
    """A number with one place, what is not known as such."""
    return f"{value:.1f}" if isinstance(value, float) else "unknown" if value is None else str(value)


def text_of(file: Path) -> str | None:
    """The line in a file of the kernel's; None where there is none."""
    try:
        return file.read_text(errors="replace").strip("\0\n ") or None
    except OSError:
        return None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
