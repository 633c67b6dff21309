"""Checks of the machine: Debian, processor, disk, temperature, power."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from edge_detector.commands.doctor.finding import Finding, error, ok, warning
from edge_detector.system import throttling
from edge_detector.system.conditions import CPU_FREQ, Conditions, conditions, text_of
from edge_detector.system.thermal import soc_temperature_c
from edge_detector.system.throttling import Cause, Throttling

TESTED = ("bookworm", "trixie")
ARCHITECTURES = ("aarch64", "x86_64")
WARM_C, HOT_C = 70.0, 80.0  # at 80 a Raspberry Pi's firmware slows the processor down
LITTLE_BYTES, TOO_LITTLE_BYTES = 1_000_000_000, 100_000_000
SLOWEST_GOVERNOR = "powersave"
STATE = Path("/var/lib/edge-detector")
CONTROLLERS = Path("/sys/fs/cgroup/cgroup.controllers")


def check_operating_system(release: Callable[[], dict[str, str]] = platform.freedesktop_os_release) -> Finding:
    """Debian 12 or 13, or Raspberry Pi OS based on them."""
    try:
        names = release()
    except OSError:
        return warning("unknown: there is no /etc/os-release", f"use Debian {' or '.join(TESTED)} if anything fails")
    name = names.get("PRETTY_NAME", "unknown")
    if names.get("VERSION_CODENAME") in TESTED:
        return ok(name)
    return warning(f"{name}: not tested", f"use Debian {' or '.join(TESTED)} if anything fails")


def check_architecture(machine: str = platform.machine(), largest_pointer: int = sys.maxsize) -> Finding:
    """64 bit, both kernel and programs."""
    if largest_pointer < 2**32:
        return error(f"{machine} with 32-bit programs: no runtime exists for it", "install the 64-bit Raspberry Pi OS")
    if machine not in ARCHITECTURES:
        return error(f"{machine}: no runtime exists for it", f"use one of {', '.join(ARCHITECTURES)}")
    return ok(f"{machine}, 64 bit")


def check_processor(
    found: Conditions | None = None, driver: str | None = text_of(CPU_FREQ / "scaling_driver")
) -> Finding:
    """Which machine it is, and whether its clock may rise: the same words as in the tables of measurements."""
    found = found or conditions(())
    why = (
        f"{found['board']}, {found['cores']} cores, kernel {found['kernel']}, "
        f"governor {found['governor'] or 'unknown'}, load {found['load']:.1f}"
    )
    # What x86's own drivers call powersave changes the clock as ondemand does.
    if found["governor"] != SLOWEST_GOVERNOR or "pstate" in (driver or ""):
        return ok(why)
    return warning(
        f"{why}: the clock stays low", f"echo ondemand | sudo tee {CPU_FREQ.parents[1]}/cpu*/cpufreq/scaling_governor"
    )


def check_disk_space(
    folder: Path = STATE, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
) -> Finding:
    """Free space for recordings: in the service's folder, else in the current one."""
    folder = folder if folder.exists() else Path.cwd()
    free = usage(folder)[2]
    why = f"{free / 1e9:.1f} GB free for {folder}"
    remedy = "delete something, or give recordings a limit: video:FOLDER?segment=10m&keep=2GB"
    if free < TOO_LITTLE_BYTES:
        return error(why, remedy)
    return warning(why, remedy) if free < LITTLE_BYTES else ok(why)


def check_temperature(read: Callable[[], float | None] = soc_temperature_c) -> Finding:
    """How hot the processor is now."""
    now_c = read()
    if now_c is None:
        return ok("unknown: this machine does not report it")
    why = f"{now_c:.0f} C"
    if now_c < WARM_C:
        return ok(why)
    remedy = "give it a heat sink or a fan, or set max_temperature = 80"
    return warning(f"{why}: throttles at {HOT_C:.0f} C" if now_c < HOT_C else f"{why}: the firmware throttles", remedy)


def check_throttling_history(read: Callable[[], Throttling | None] | None = None) -> Finding:
    """Whether the firmware slows the processor down now, or did since boot."""
    found = (read or throttling.open_reader())()
    if found is None:
        return ok("unknown: this machine does not report it")
    causes = found.now or found.since_boot
    if not causes:
        return ok(str(found))
    when = "now" if found.now else "since boot"
    level = error if Cause.UNDER_VOLTAGE in found.now else warning
    return level(f"{throttling.cause_names(causes)} {when}", throttling.remedy(causes))


def check_memory_limit(controllers: Path = CONTROLLERS) -> Finding:
    """Whether the kernel counts memory, so that systemd can enforce the service's limit."""
    try:
        known = controllers.read_text().split()
    except OSError:
        return ok("unknown: no unified control groups here")
    if "memory" in known:
        return ok("the kernel can enforce the service's limit")
    return warning(
        "the kernel does not count memory, so MemoryMax= has no effect",
        "add cgroup_enable=memory to the line in /boot/firmware/cmdline.txt and reboot",
    )
