"""Checks of the devices: screen, cameras, and whether this user may use them."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edge_detector.commands.doctor import isolated
from edge_detector.commands.doctor.finding import Finding, ok, warning
from edge_detector.commands.doctor.isolated import ProcessOutcome
from edge_detector.sinks.window.display import Display, find_displays
from edge_detector.sources import v4l2

GROUPS = ("video", "render")
SERVICE_USER = "edge-detector"
LIST_CAMERAS = "from picamera2 import Picamera2; print(*(c.get('Model') for c in Picamera2.global_camera_info()))"


@dataclass(frozen=True, slots=True)
class User:
    """Who runs the detector."""

    name: str
    groups: frozenset[str]


def check_display(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> Finding:
    """Where a window would open."""
    findings = find_displays(environ, root=root)
    displays = [found for found in findings if isinstance(found, Display)]
    if displays:
        return ok(f"{displays[0]}, because {displays[0].why}")
    return warning(f"no window: {'; '.join(map(str, findings))}", "use the web page: --sink web")


def check_groups(user: User | None = None, root: Path = Path("/")) -> Finding:
    """The user who runs the detector may use cameras and graphics."""
    user = user or _who_runs_it()
    missing = [name for name in GROUPS if name not in user.groups]
    if not missing:
        return ok(f"{user.name} is in {', '.join(GROUPS)}")
    if user.name == "root":
        return ok("root needs no groups")
    if not any(root.glob("dev/video*")) and not any(root.glob("dev/dri/*")):
        return ok(f"{user.name} is not in {', '.join(missing)}, but there are no such devices")
    return warning(
        f"{user.name} is not in {', '.join(missing)}",
        f"sudo usermod -aG {','.join(missing)} {user.name}; then log in again, or restart the service",
    )


def check_cameras(
    run: Callable[[str], ProcessOutcome] = isolated.run_code,
    is_there: Callable[[str], object] = find_spec,
    root: Path = Path("/"),
) -> Finding:
    """The cameras that can be read: on USB, and on a ribbon cable through libcamera."""
    found = [str(device) for device in v4l2.cameras(root=root)]
    if is_there("picamera2"):
        outcome = run(LIST_CAMERAS)
        models = outcome.output.splitlines()[-1:] if outcome.succeeded else []
        found += [f"picamera2:{number} ({model})" for number, model in enumerate(" ".join(models).split())]
    if found:
        return ok(", ".join(found))
    return warning("none found", "check cable and connector; network cameras, videos and photographs need none")


def _who_runs_it() -> User:
    """This user; for root, the service's user if there is one."""
    accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
    if os.geteuid() != 0:
        names = {entry.pw_uid: entry.pw_name for entry in accounts.values()}
        return User(names.get(os.geteuid(), "this user"), _names(os.getgroups()))
    if SERVICE_USER not in accounts:
        return User("root", frozenset())
    return User(SERVICE_USER, _names(os.getgrouplist(SERVICE_USER, accounts[SERVICE_USER].pw_gid)))


def _names(numbers: Iterable[int]) -> frozenset[str]:
    names = {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}
    return frozenset(names[number] for number in numbers if number in names)
