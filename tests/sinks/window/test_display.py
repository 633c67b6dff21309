"""Where a window could open: told from a machine's files and sockets, none of which are this machine's."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest

from edge_detector.sinks.window import display
from edge_detector.sinks.window.display import Display, find_displays, screen_available

pytestmark = pytest.mark.skipif(find_spec("pygame") is None, reason="needs pygame-ce")

UID = os.getuid()


class Machine:
    """A root folder that holds what a Linux machine has to say about its screens."""

    def __init__(self, root: Path, sockets: ExitStack) -> None:
        self.root = root
        self._sockets = sockets

    def listen(self, path: str) -> None:
        address = self._stale(path)
        address.listen()
        self._sockets.enter_context(address)

    def leave_behind(self, path: str) -> None:
        """The socket of a server that is gone."""
        self._stale(path).close()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def link(self, path: str, target: str) -> None:
        link = self.root / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def connect_monitor(self) -> None:
        self.write("sys/class/drm/card0-HDMI-A-1/status", "disconnected\n")
        self.write("sys/class/drm/card1-HDMI-A-2/status", "connected\n")
        self.write("dev/dri/card1", "")

    def displays(self, **environ: str) -> list[str]:
        findings = find_displays(environ, root=self.root)
        return [finding.name.replace(str(self.root), "") for finding in findings if isinstance(finding, Display)]

    def reasons(self, **environ: str) -> list[str]:
        findings = find_displays(environ, root=self.root)
        return [finding.replace(str(self.root), "") for finding in findings if isinstance(finding, str)]

    def _stale(self, path: str) -> socket.socket:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        address = socket.socket(socket.AF_UNIX)
        address.bind(str(file))
        return address


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    with ExitStack() as sockets:
        yield Machine(tmp_path, sockets)


def test_a_machine_without_a_screen_says_why(machine: Machine) -> None:
    assert machine.displays() == []
    assert machine.reasons() == [
        "neither WAYLAND_DISPLAY nor DISPLAY is set",
        "no monitor is connected to a graphics card",
    ]


def test_wayland_comes_before_x11_of_the_same_desktop(machine: Machine) -> None:
    machine.listen(f"run/user/{UID}/wayland-0")
    machine.listen("tmp/.X11-unix/X0")
    environ = {"XDG_RUNTIME_DIR": f"{machine.root}/run/user/{UID}", "WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}
    assert machine.displays(**environ) == [f"Wayland /run/user/{UID}/wayland-0", "X11 :0"]


def test_a_login_by_ssh_finds_the_desktop_that_runs(machine: Machine) -> None:
    machine.listen(f"run/user/{UID}/wayland-1")
    machine.write(f"run/user/{UID}/wayland-1.lock", "")
    machine.listen("tmp/.X11-unix/X0")
    wayland, x11 = (finding for finding in find_displays({}, root=machine.root) if isinstance(finding, Display))
    place = {"XDG_RUNTIME_DIR": f"{machine.root}/run/user/{UID}", "WAYLAND_DISPLAY": "wayland-1"}
    assert wayland.environment == {"SDL_VIDEODRIVER": "wayland", **place}
    assert x11.environment == {"SDL_VIDEODRIVER": "x11", "SDL_FRAMEBUFFER_ACCELERATION": "0", "DISPLAY": ":0"}
    assert wayland.why == x11.why == "a desktop session runs there"


def test_ones_own_session_comes_before_anothers(machine: Machine) -> None:
    machine.listen("run/user/1/wayland-0")
    machine.listen(f"run/user/{UID}/wayland-0")
    assert machine.displays() == [f"Wayland /run/user/{UID}/wayland-0", "Wayland /run/user/1/wayland-0"]


def test_a_server_that_is_gone_is_no_display(machine: Machine) -> None:
    machine.leave_behind("tmp/.X11-unix/X5")
    assert machine.displays(DISPLAY=":5.0", WAYLAND_DISPLAY="wayland-7") == []
    assert machine.reasons(DISPLAY=":5.0", WAYLAND_DISPLAY="wayland-7")[:2] == [
        f"Wayland at /run/user/{UID}/wayland-7 does not answer",
        "X11 at :5.0 does not answer",
    ]


def test_a_forwarded_display_is_taken_at_its_word(machine: Machine) -> None:
    assert machine.displays(DISPLAY="localhost:10.0") == ["X11 localhost:10.0"]


def test_test_servers_and_forwards_are_not_joined_unasked(machine: Machine) -> None:
    machine.listen("tmp/.X11-unix/X99")
    assert machine.displays() == []
    assert machine.displays(DISPLAY=":99") == ["X11 :99"]


def test_a_console_with_a_monitor_is_drawn_on_through_kms(machine: Machine) -> None:
    machine.connect_monitor()
    (finding,) = (finding for finding in find_displays({}, root=machine.root) if isinstance(finding, Display))
    assert finding.name == "KMS/DRM console card1-HDMI-A-2"
    assert finding.environment == {"SDL_VIDEODRIVER": "kmsdrm", "SDL_RENDER_DRIVER": "opengles2"}


def test_a_machine_that_boots_into_a_desktop_keeps_its_console_for_it(machine: Machine) -> None:
    machine.connect_monitor()
    machine.link("etc/systemd/system/display-manager.service", "/lib/systemd/system/lightdm.service")
    assert machine.displays() == []
    machine.link("etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target")
    assert machine.displays() == ["KMS/DRM console card1-HDMI-A-2"]


def test_a_driver_of_ones_choice_is_tried_first(machine: Machine) -> None:
    machine.listen("tmp/.X11-unix/X0")
    assert machine.displays(SDL_VIDEODRIVER="kmsdrm", DISPLAY=":0") == ["SDL driver kmsdrm", "X11 :0"]


def test_an_empty_driver_is_no_choice(machine: Machine) -> None:
    assert machine.displays(SDL_VIDEODRIVER="") == []


def test_without_pygame_there_is_no_screen(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "find_spec", lambda name: None)
    assert machine.reasons(DISPLAY="there:1") == ["pygame-ce is not installed: pip install 'edge-detector[window]'"]
    assert screen_available({"DISPLAY": "there:1"}) is None


def test_the_screen_that_would_be_used_can_be_asked_for_without_opening_it() -> None:
    assert screen_available({"DISPLAY": "there:1"}) == "X11 there:1"
