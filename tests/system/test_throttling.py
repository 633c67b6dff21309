"""Whether the firmware slows the processor down: the bits, and the three ways to ask."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.system.throttling import Cause, Throttling, open_reader, remedy

NOW_AND_EARLIER = 0x50005  # what a Pi with a weak supply prints


def sysfs(root: Path, node: str, text: str) -> Path:
    path = root / node
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return root


def program(folder: Path, answer: str) -> str:
    """A vcgencmd with this answer."""
    path = folder / "vcgencmd"
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        (0x0, "none"),
        (0x1, "under-voltage"),
        (0x50005, "under-voltage, throttled"),
        (0x50000, "none (earlier: under-voltage, throttled)"),
        (0x80008, "soft temperature limit"),
        (0xF0002, "frequency capped (earlier: under-voltage, throttled, soft temperature limit)"),
    ],
)
def test_the_bits_in_words(bits: int, text: str) -> None:
    assert str(Throttling.from_bits(bits)) == text


def test_bits_that_mean_nothing_here_are_ignored() -> None:
    assert Throttling.from_bits(0xFFF0_FFF0) == Throttling.from_bits(0)


@pytest.mark.parametrize(
    "node",
    [
        "sys/devices/platform/soc/soc:firmware/get_throttled",
        "sys/devices/platform/soc@107c000000/soc@107c000000:firmware/get_throttled",
    ],
)
def test_the_kernel_is_asked_first(tmp_path: Path, node: str) -> None:
    root = sysfs(tmp_path / "root", node, "50005\n")
    read = open_reader(root, vcgencmd=program(tmp_path, "echo throttled=0x0"))
    assert read() == Throttling.from_bits(NOW_AND_EARLIER)


def test_then_the_firmware_by_its_program(tmp_path: Path) -> None:
    read = open_reader(tmp_path, vcgencmd=program(tmp_path, "echo throttled=0x50005"))
    assert read() == Throttling.from_bits(NOW_AND_EARLIER)


@pytest.mark.parametrize("answer", ["echo VCHI initialization failed", "exit 255", "echo throttled=what"])
def test_a_program_that_may_not_ask_leaves_it_unknown(tmp_path: Path, answer: str) -> None:
    assert open_reader(tmp_path, vcgencmd=program(tmp_path, answer))() is None


@pytest.mark.parametrize(("alarm", "text"), [("0", "no under-voltage, else unknown"), ("1", "under-voltage")])
def test_then_the_voltage_alarm_which_knows_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, alarm: str, text: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    root = sysfs(tmp_path, "sys/class/hwmon/hwmon2/name", "rpi_volt\n")
    (root / "sys/class/hwmon/hwmon2/in0_lcrit_alarm").write_text(f"{alarm}\n")
    (root / "sys/class/hwmon/hwmon1/name").mkdir(parents=True)  # nor can every sensor be read
    assert str(open_reader(root)()) == text


def test_elsewhere_it_is_unknown_and_not_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sysfs(tmp_path, "sys/class/hwmon/hwmon0/name", "nvme\n")
    assert open_reader(tmp_path)() is None


def test_the_supply_is_mended_first() -> None:
    assert "power supply" in remedy(Cause.THROTTLED | Cause.UNDER_VOLTAGE)
    assert "fan" in remedy(Cause.THROTTLED)
    assert remedy(Cause(0)) == ""
