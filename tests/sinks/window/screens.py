"""Real display servers for tests: they start, tell when they are ready, show what is on them, and can be killed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.sinks.window.display import X11, Display

TIMEOUT_S = 60.0


@dataclass
class Server:
    """A running display server with one display."""

    process: subprocess.Popen[bytes]
    display: Display
    folder: Path

    def picture(self) -> NDArray[np.uint8]:
        """What is on the screen: (H, W, 3) BGR."""
        raise NotImplementedError

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(TIMEOUT_S)


class XServer(Server):
    """Xvfb, which keeps its screen in a file of the X window dump format."""

    def picture(self) -> NDArray[np.uint8]:
        dump = (self.folder / "Xvfb_screen0").read_bytes()
        header = np.frombuffer(dump, ">u4", 25)
        width, height, line_bytes = header[4], header[5], header[12]
        pixels = np.frombuffer(dump, np.uint8, height * line_bytes, offset=int(header[0] + 12 * header[19]))
        return pixels.reshape(height, line_bytes // 4, 4)[:, :width, :3]

    @contextmanager
    def window_manager(self) -> Iterator[None]:
        """Openbox, for what a desktop does to windows."""
        if not shutil.which("openbox"):
            pytest.skip("needs openbox")
        environment = {**os.environ, **self.display.environment}
        command = ["openbox", "--startup", "echo ready"]  # says so when it manages
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            try:
                assert process.stdout is not None
                assert "ready\n" in process.stdout
                yield
            finally:
                process.terminate()

    def press(self, *keys: str) -> None:
        """Press keys of the keyboard, one after the other, with the pointer on the window."""
        if not shutil.which("xdotool"):
            pytest.skip("needs xdotool to press keys")
        command = ["xdotool", "mousemove", "400", "300", "key", *keys]
        subprocess.run(command, env={**os.environ, **self.display.environment}, timeout=TIMEOUT_S, check=True)


class WaylandServer(Server):
    """Weston without a monitor."""

    def picture(self) -> NDArray[np.uint8]:
        environment = {**os.environ, **self.display.environment}
        command = ["weston-screenshooter"]
        subprocess.run(command, cwd=self.folder, env=environment, timeout=TIMEOUT_S, check=True)
        (file,) = self.folder.glob("wayland-screenshot*.png")
        picture = cv2.imread(str(file))
        file.unlink()
        return np.asarray(picture, np.uint8)


@contextmanager
def xvfb(folder: Path, *, size: tuple[int, int] = (800, 600)) -> Iterator[XServer]:
    if not shutil.which("Xvfb"):
        pytest.skip("needs Xvfb")
    number = 100 + os.getpid() % 1000  # from :10 on, nobody takes it for a desktop
    reading, writing = os.pipe()
    screen = f"{size[0]}x{size[1]}x24"
    command = ["Xvfb", f":{number}", "-displayfd", str(writing), "-screen", "0", screen, "-fbdir", folder]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as process:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert pipe.readline() == f"{number}\n"  # comes when it is ready
        try:
            yield XServer(process, Display(f"X11 :{number}", "a test", X11 | {"DISPLAY": f":{number}"}), folder)
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)
            Path(f"/tmp/.X11-unix/X{number}").unlink(missing_ok=True)  # a killed one leaves them behind
            Path(f"/tmp/.X{number}-lock").unlink(missing_ok=True)


@contextmanager
def weston(folder: Path, *, scale: int = 1) -> Iterator[WaylandServer]:
    if not shutil.which("weston") or not shutil.which("weston-screenshooter"):
        pytest.skip("needs weston")
    folder.chmod(0o700)
    place = {"XDG_RUNTIME_DIR": str(folder), "WAYLAND_DISPLAY": "wayland-7"}
    size = ["--width=800", "--height=600", f"--scale={scale}"]
    command = ["weston", "--backend=headless-backend.so", "--use-pixman", "--debug", "--socket=wayland-7", *size]
    environment = {**os.environ, **place}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if b"launching" in line:  # its desktop: the socket has been there for a while
                    break
            yield WaylandServer(process, Display("Wayland", "a test", {"SDL_VIDEODRIVER": "wayland"} | place), folder)
        finally:
            process.terminate()
