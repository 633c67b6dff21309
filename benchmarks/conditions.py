"""Under which conditions something was measured: for the head of a table, and for its JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from edge_detector.system.machine import cpu_frequency_mhz
from edge_detector.system.thermal import soc_temperature_c

PACKAGES = ("ai-edge-litert", "opencv-python-headless", "numpy", "av")
BOARD = Path("/proc/device-tree/model")
GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def conditions(packages: Iterable[str] = PACKAGES) -> dict[str, object]:
    """The machine as it is now, and the versions of what runs on it; None: it does not say."""
    return {
        "board": text_of(BOARD) or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "governor": text_of(GOVERNOR),
        "frequency_mhz": cpu_frequency_mhz(),
        "temperature_c": soc_temperature_c(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def in_words(found: dict[str, object]) -> str:
    """The same in a few lines."""
    machine = ", ".join(f"{name} {shown(value)}" for name, value in found.items() if name != "versions")
    versions = found["versions"]
    assert isinstance(versions, dict)
    return f"{machine}\n{', '.join(f'{name} {number}' for name, number in versions.items())}"


def shown(value: object) -> str:
    """A number with one place, what is not known as such."""
    return f"{value:.1f}" if isinstance(value, float) else "unknown" if value is None else str(value)


def text_of(file: Path) -> str | None:
    """The line in a file of the kernel's; None where there is none."""
    try:
        return file.read_text().strip("\0\n ") or None
    except OSError:
        return None
