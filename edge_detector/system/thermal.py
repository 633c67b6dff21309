"""The temperature of the processor."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

ZONES = Path("/sys/class/thermal")
CPU_ZONE = "cpu-thermal"  # what the Raspberry Pi's kernel calls it
CPU_SENSORS = ("cpu_thermal", "cpu-thermal", "soc_thermal", "coretemp", "k10temp", "zenpower")  # psutil's names


def soc_temperature_c(zones: Path = ZONES) -> float | None:
    """The processor's temperature in degrees Celsius, or None if the machine does not report it, or not now."""
    try:
        temperature_c = _from_zones(zones)
        return temperature_c if temperature_c is not None else _from_psutil()
    except OSError as error:  # no file can be opened at the moment, for example
        log.debug("cannot read the temperature: %s", error)
        return None


def _from_zones(zones: Path) -> float | None:
    for zone in sorted(zones.glob("thermal_zone*")):
        try:
            if (zone / "type").read_text().strip() == CPU_ZONE:
                return int((zone / "temp").read_text()) / 1000.0
        except (OSError, ValueError):  # a zone may be switched off: try the next one, then psutil
            continue
    return None


def _from_psutil() -> float | None:
    if sys.platform != "linux":
        return None
    sensors = psutil.sensors_temperatures()
    known = (sensors[name] for name in CPU_SENSORS if sensors.get(name))
    return next((float(readings[0].current) for readings in known), None)
