"""Finds the displays on which a window could open, from the environment, sockets of desktop sessions and /dev/dri.

Nothing here loads SDL; `screen.open_screen` tries the displays in their order.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

ROOT = Path("/")
NOT_INSTALLED = "pygame-ce is not installed: pip install 'edge-detector[window]'"

# SDL's fastest way to each: shared memory on X11 (0.3 ms a picture; OpenGL takes 4 ms), the GPU elsewhere.
X11 = {"SDL_VIDEODRIVER": "x11", "SDL_FRAMEBUFFER_ACCELERATION": "0"}  # the latter fails on Wayland
WAYLAND = {"SDL_VIDEODRIVER": "wayland"}
KMSDRM = {"SDL_VIDEODRIVER": "kmsdrm", "SDL_RENDER_DRIVER": "opengles2"}  # desktop OpenGL crashes there


@dataclass(frozen=True, slots=True)
class Display:
    """A display on which a window may open."""

    name: str  # for messages: "X11 :0"
    why: str  # it is tried: "DISPLAY is set"
    environment: Mapping[str, str] = field(default_factory=dict)  # the variables that make SDL open there

    def __str__(self) -> str:
        return self.name


DisplayOrReason = Display | str  # a display, or the reason why there is none, as part of a sentence


def screen_available(environ: Mapping[str, str] = os.environ) -> str | None:
    """The name of the display that a window would try first; None without one or without pygame-ce. Fast."""
    return next((display.name for display in find_displays(environ) if isinstance(display, Display)), None)


def find_displays(environ: Mapping[str, str], *, root: Path = ROOT) -> list[DisplayOrReason]:
    """Every display in the order to try, and for each place without a display the reason.

    Displays named in the environment come first. Then come running desktop sessions that the environment does not
    name, as after a login by ssh or in a service. The console is last: while a window is there, no desktop can start.
    """
    if find_spec("pygame") is None:
        return [NOT_INSTALLED]
    named = [*_named_driver(environ), *_named_wayland(environ, root), *_named_x11(environ, root)]
    if not named:
        named.append("neither WAYLAND_DISPLAY nor DISPLAY is set")
    return [*named, *_sessions(environ, root), *_console(root)]


def _named_driver(environ: Mapping[str, str]) -> Iterator[DisplayOrReason]:
    driver = environ.get("SDL_VIDEODRIVER")
    if driver:
        presets = {preset["SDL_VIDEODRIVER"]: preset for preset in (X11, WAYLAND, KMSDRM)}
        yield Display(f"SDL driver {driver}", "SDL_VIDEODRIVER is set", presets.get(driver.lower(), {}))


def _named_wayland(environ: Mapping[str, str], root: Path) -> Iterator[DisplayOrReason]:
    name = environ.get("WAYLAND_DISPLAY")
    if name:
        folder = environ.get("XDG_RUNTIME_DIR") or root / f"run/user/{os.getuid()}"
        yield _wayland(Path(folder, name), "WAYLAND_DISPLAY is set")


def _named_x11(environ: Mapping[str, str], root: Path) -> Iterator[DisplayOrReason]:
    name = environ.get("DISPLAY")
    if name:
        yield _x11(name, root, "DISPLAY is set")


def _sessions(environ: Mapping[str, str], root: Path) -> Iterator[DisplayOrReason]:
    """Running desktop sessions on which a window can open, other than those the environment names."""
    why = "a desktop session runs there"
    sockets = [path for path in root.glob("run/user/*/wayland-*") if path.is_socket()]
    for path in sorted(sockets, key=lambda path: path.parent.name != str(os.getuid())):  # this user's own first
        if path.name != environ.get("WAYLAND_DISPLAY"):
            yield _wayland(path, why)
    for path in sorted(root.glob("tmp/.X11-unix/X[0-9]")):  # :10 and above are forwarded by ssh, or test servers
        if f":{path.name[1:]}" != environ.get("DISPLAY", "").partition(".")[0]:
            yield _x11(f":{path.name[1:]}", root, why)


def _wayland(path: Path, why: str) -> DisplayOrReason:
    problem = _connection_problem(str(path))
    if problem:
        return f"Wayland at {path} {problem}"
    place = {"XDG_RUNTIME_DIR": str(path.parent), "WAYLAND_DISPLAY": path.name}
    return Display(f"Wayland {path}", why, WAYLAND | place)


def _x11(name: str, root: Path, why: str) -> DisplayOrReason:
    host, _, number = name.rpartition(":")
    if host in ("", "unix"):  # on this machine; a server on another is tried when the window opens
        path = f"{root.joinpath('tmp/.X11-unix')}/X{number.partition('.')[0]}"
        problem = _connection_problem(path) and _connection_problem(f"\0{path}")  # the abstract name that Linux has
        if problem:
            return f"X11 at {name} {problem}"
    return Display(f"X11 {name}", why, X11 | {"DISPLAY": name})


def _connection_problem(address: str) -> str:
    """Why the Unix socket at ``address`` accepts no connection from us; "" if it accepts one."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(address)
        except PermissionError:
            return "belongs to another user"
        except OSError:
            return "does not answer"
    return ""


def _console(root: Path) -> Iterator[DisplayOrReason]:
    """The screen without a desktop, through KMS/DRM, if a monitor is connected and no desktop uses it."""
    connectors = root.glob("sys/class/drm/card*-*/status")
    monitors = sorted(path.parent.name for path in connectors if _read(path) == "connected")
    if not monitors:
        yield "no monitor is connected to a graphics card"
    elif _desktop_expected(root):
        yield f"the monitor at {monitors[0]} belongs to the desktop, and no window can open in its session"
    else:
        yield _card(root / "dev/dri" / monitors[0].partition("-")[0], monitors[0])


def _card(device: Path, monitor: str) -> DisplayOrReason:
    if not os.access(device, os.R_OK | os.W_OK):
        return f"no access to {device}: is this user in the groups video and render?"
    return Display(f"KMS/DRM console {monitor}", "no desktop runs and a monitor is connected", KMSDRM)


def _desktop_expected(root: Path) -> bool:
    """Whether this machine boots into a desktop, which then owns the screen."""
    etc = root / "etc/systemd/system"
    target = etc / "default.target"
    boots_to_console = target.is_symlink() and target.readlink().name != "graphical.target"
    return etc.joinpath("display-manager.service").is_symlink() and not boots_to_console


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:  # a card that was just unplugged
        return ""
