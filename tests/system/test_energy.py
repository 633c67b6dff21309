"""Energy: the counters of a processor, the power chip of a Raspberry Pi 5, and machines that do not tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.system import energy as energy_module
from edge_detector.system.energy import Pmic, open_energy, watts_of

PI_5 = """\
     3V7_WL_SW_A current(0)=0.50000000A
     VDD_CORE_A current(7)=2.00000000A
     3V7_WL_SW_V volt(8)=4.00000000V
     VDD_CORE_V volt(15)=0.75000000V
     EXT5V_V volt(24)=5.15000000V
"""


def powercap(root: Path, **zones: tuple[str, int]) -> Path:
    """A machine with ``zones``: by the number, its name and its counter."""
    for number, (name, used_uj) in zones.items():
        folder = root / "sys/class/powercap" / f"intel-rapl:{number.removeprefix('zone').replace('_', ':')}"
        folder.mkdir(parents=True)
        (folder / "name").write_text(f"{name}\n")
        (folder / "energy_uj").write_text(f"{used_uj}\n")
        (folder / "max_energy_range_uj").write_text("10000000\n")
    return root


def count(root: Path, used_uj: int) -> None:
    (root / "sys/class/powercap/intel-rapl:0/energy_uj").write_text(f"{used_uj}\n")


def program(folder: Path, answer: str, exit_code: int = 0) -> str:
    path = folder / "vcgencmd"
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}END\nexit {exit_code}\n")
    path.chmod(0o755)
    return str(path)


def test_the_counters_of_packages_count_and_those_inside_them_do_not_count_twice(tmp_path) -> None:
    root = powercap(tmp_path, zone0=("package-0", 9_000_000), zone0_0=("core", 5), zone1=("psys", 7))
    energy = open_energy(root, vcgencmd="/nowhere")
    count(root, 9_500_000)
    assert energy.joules() == pytest.approx(0.5)


def test_a_counter_that_begins_again_has_used_what_is_left_of_its_range(tmp_path) -> None:
    root = powercap(tmp_path, zone0=("package-0", 9_000_000))
    energy = open_energy(root, vcgencmd="/nowhere")
    count(root, 1_000_000)
    assert energy.joules() == pytest.approx(2.0)
    count(root, 4_000_000)
    assert energy.joules() == pytest.approx(5.0)


def test_a_counter_that_vanishes_is_unknown_and_not_zero(tmp_path) -> None:
    root = powercap(tmp_path, zone0=("package-0", 0))
    energy = open_energy(root, vcgencmd="/nowhere")
    (root / "sys/class/powercap/intel-rapl:0/energy_uj").unlink()
    assert energy.joules() is None


def test_a_counter_for_root_alone_says_so(tmp_path, monkeypatch) -> None:
    def refused(file: Path) -> int:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(energy_module, "_number", refused)
    energy = open_energy(powercap(tmp_path, zone0=("package-0", 0)), vcgencmd="/nowhere")
    assert energy.name.startswith("unknown: only root may read ")
    assert energy.joules() is None


def test_the_power_of_a_pi_5_is_the_sum_of_its_rails() -> None:
    assert watts_of(PI_5) == pytest.approx(0.5 * 4 + 2 * 0.75)


def test_power_over_time_is_energy() -> None:
    powers, times = iter([2.0, 4.0, 4.0]), iter([0.0, 1.0, 3.0])
    energy = Pmic(lambda: next(powers), clock=lambda: next(times))
    assert [energy.joules(), energy.joules()] == [3.0, 11.0]


def test_a_pi_5_is_asked_through_vcgencmd(tmp_path) -> None:
    energy = open_energy(tmp_path, vcgencmd=program(tmp_path, PI_5))
    assert energy.name == "of the board's rails (PMIC)"
    assert energy.joules() is not None


@pytest.mark.parametrize(("answer", "exit_code"), [('error=1 error_msg="Command not registered"\n', 0), ("", 255)])
def test_an_older_pi_has_no_meter_and_says_so(tmp_path, answer: str, exit_code: int) -> None:
    energy = open_energy(tmp_path, vcgencmd=program(tmp_path, answer, exit_code))
    assert energy.name.startswith("unknown: this machine has no meter that can be read")
    assert energy.joules() is None
