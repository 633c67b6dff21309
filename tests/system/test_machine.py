"""Temperature, clock and memory, where the machine reports them."""

from __future__ import annotations

import resource
import time
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from edge_detector.system.machine import Machine, Reading, cpu_frequency_mhz
from edge_detector.system.thermal import soc_temperature_c
from edge_detector.system.throttling import open_reader

Sensor = namedtuple("Sensor", "label current high critical")


def zone(zones: Path, number: int, kind: str, temperature: str) -> None:
    folder = zones / f"thermal_zone{number}"
    folder.mkdir()
    (folder / "type").write_text(f"{kind}\n")
    (folder / "temp").write_text(temperature)


def test_the_processor_has_its_own_zone(tmp_path: Path) -> None:
    zone(tmp_path, 0, "rp1_adc", "39000\n")
    zone(tmp_path, 1, "cpu-thermal", "48686\n")
    assert soc_temperature_c(tmp_path) == 48.686


@pytest.mark.parametrize("sensors", [{}, {"nvme": [Sensor("", 35.0, None, None)]}, {"coretemp": []}])
def test_no_sensor_of_the_processor_is_unknown_and_not_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sensors: dict[str, list[Sensor]]
) -> None:
    zone(tmp_path, 0, "cpu-thermal", "")  # switched off: reading it fails
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: sensors)
    assert soc_temperature_c(tmp_path) is None


def test_a_workstation_is_asked_through_psutil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sensors = {"nvme": [Sensor("", 35.0, None, None)], "coretemp": [Sensor("Package", 61.0, 100.0, 100.0)]}
    monkeypatch.setattr(psutil, "sensors_temperatures", lambda: sensors)
    assert soc_temperature_c(tmp_path) == 61.0


def test_a_hidden_clock_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_freq", lambda: None)
    assert cpu_frequency_mhz() is None


def test_where_no_file_can_be_opened_the_machine_is_unknown() -> None:
    machine = Machine()
    open_files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, most))
    try:
        reading, throttling = machine.read(), open_reader()()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, most))
    assert (reading, throttling) == (Reading(None, None, None, None, None), None)


def test_this_process_uses_memory_and_time() -> None:
    machine = Machine()
    used_s = time.process_time()
    while time.process_time() < used_s + 0.05:  # the system counts in hundredths of a second
        sum(range(10_000))
    reading = machine.read()
    assert reading.rss_bytes is not None
    assert reading.rss_bytes > 10e6
    assert reading.cpu_percent is not None
    assert reading.cpu_percent > 0
