"""Checks of what hangs on the machine: screen, cameras, and whether this user may use them."""

from __future__ import annotations

import grp
import os
from collections.abc import Callable, Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path

from edge_detector.commands.doctor import child
from edge_detector.commands.doctor.child import Outcome
from edge_detector.commands.doctor.finding import Finding, ok, warning
from edge_detector.sinks.display import Display, find_displays
from edge_detector.sources import v4l2

GROUPS = ("video", "render")
LIST_CAMERAS = "from picamera2 import Picamera2; print(*(c.get('Model') for c in Picamera2.global_camera_info()))"


def display(environ: Mapping[str, str] = os.environ, root: Path = Path("/")) -> Finding:
    """Where a window would open."""
    findings = find_displays(environ, root=root)
    displays = [found for found in findings if isinstance(found, Display)]
    if displays:
        return ok(f"{displays[0]}, because {displays[0].why}")
    return warning(f"no window: {'; '.join(map(str, findings))}", "use the web page: --sink web")


def groups(mine: Iterable[str] | None = None, root: Path = Path("/")) -> Finding:
    """This user may use cameras and graphics."""
    if mine is None:
        mine = _my_groups()
    missing = [name for name in GROUPS if name not in mine]
    if not missing or os.geteuid() == 0:
        return ok(", ".join(GROUPS) if not missing else "this is root")
    if not any(root.glob("dev/video*")) and not any(root.glob("dev/dri/*")):
        return ok(f"not in {', '.join(missing)}, but there are no such devices")
    return warning(
        f"this user is not in {', '.join(missing)}", f"sudo usermod -aG {','.join(missing)} $USER; log in again"
    )


def cameras(
    run: Callable[[str], Outcome] = child.run,
    is_there: Callable[[str], object] = find_spec,
    root: Path = Path("/"),
) -> Finding:
    """What could be read: USB cameras, and through libcamera those on a ribbon cable."""
    found = [str(device) for device in v4l2.cameras(root=root)]
    if is_there("picamera2"):
        outcome = run(LIST_CAMERAS)
        models = outcome.printed.splitlines()[-1:] if outcome.succeeded else []
        found += [f"picamera2:{number} ({model})" for number, model in enumerate(" ".join(models).split())]
    if found:
        return ok(", ".join(found))
    return warning("none found", "look at cable and connector; network cameras, films and photographs need none")


def _my_groups() -> list[str]:
    names = {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}
    return [names[number] for number in os.getgroups() if number in names]
