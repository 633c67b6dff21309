"""The temperature of the processor."""

from __future__ import annotations

from pathlib import Path

import psutil

ZONES = Path("/sys/class/thermal")


def soc_temperature_c(zones: Path = ZONES) -> float | None:
    """The processor's temperature in degrees Celsius, or None where the machine does not tell."""
    for zone in sorted(zones.glob("thermal_zone*")):
        try:
            if (zone / "type").read_text().strip() == "cpu-thermal":
                return int((zone / "temp").read_text()) / 1000.0
        except (OSError, ValueError):
            continue
    return _from_psutil()


def _from_psutil() -> float | None:
    for readings in psutil.sensors_temperatures().values():
        if readings:
            return float(readings[0].current)
    return None
