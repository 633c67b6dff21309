"""The window sink's side of the window process: sends pictures, receives keys."""

from __future__ import annotations

import json
import logging
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import SinkError
from edge_detector.sinks.window.display import Display, find_displays
from edge_detector.types import Size

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("screen_process.py")
OPEN_TIMEOUT_S = 15.0  # a Pi Zero 2 loads Python and SDL in 5 s
CLOSE_TIMEOUT_S = 2.0
MESSAGE_BYTES = 4096
MOST_OUTPUT_BYTES = 10**6  # that the process may print; only the last line is needed

ENVIRONMENT = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_APP_NAME": "edge-detector",
    "SDL_VIDEO_X11_WMCLASS": "edge-detector",
    "SDL_VIDEO_WAYLAND_WMCLASS": "edge-detector",
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",  # a full-screen window on a second monitor stays there
    "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",  # the desktop keeps its effects; only games need them off
}


class ScreenError(SinkError):
    """A window could not open, or its display is gone."""


def open_screen(environ: Mapping[str, str], *, fullscreen: bool) -> Screen:
    """A window on the first display where one opens.

    Raises `ScreenError` with the reason for each display where none opens.
    """
    problems = []
    for display in find_displays(environ):
        if isinstance(display, str):
            problems.append(display)
            continue
        try:
            screen = Screen(display, fullscreen=fullscreen)
        except ScreenError as error:
            problems.append(str(error))
            continue
        tried = f" ({'; '.join(problems)})" if problems else ""
        log.info("window: %s, because %s%s", display, display.why, tried)
        return screen
    raise ScreenError(f"no screen: {'; '.join(problems)}")


class Screen:
    """A window on ``display``, in a process of its own, so that a crash there does not end the detector.

    `show` never waits for the window. Raises `ScreenError` with the reason if the window does not open; `events`
    raises it if the window is lost later.
    """

    def __init__(self, display: Display, *, fullscreen: bool = False) -> None:
        self.size: Size = (0, 0)  # of the window in pixels; known soon after `open`
        self._display = display
        self._memory = os.memfd_create("window picture")
        self._picture = np.empty((0, 0, 3), np.uint8)
        self._on_screen = False
        self._free = True  # the window has read the last picture from the shared memory
        self._events: list[str] = []
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the window
        self._link, link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with link:
            self._process = self._start(link.fileno(), ["--fullscreen"] if fullscreen else [])
        self._wait_until_ready()

    def __repr__(self) -> str:
        return f"<Screen {self._display} {self.size} {'open' if self._process.poll() is None else 'closed'}>"

    @property
    def pid(self) -> int:
        """The process number of the window."""
        return self._process.pid

    @property
    def free(self) -> bool:
        """Whether `show` may be called: the window is open and has read the previous picture."""
        return self._free and self.size != (0, 0)

    def open(self, size: Size) -> None:
        """Put the window on the screen, as large as a frame of ``size`` if it fits. Later calls do nothing."""
        if not self._on_screen:
            self._on_screen = True
            self._send("open", *size)

    def show(self, picture: NDArray[np.uint8], *, title: str) -> None:
        """Show the BGR ``picture``, which is at most as large as the window. Call it only while `free`."""
        if picture.shape != self._picture.shape:
            self._picture = self._share(picture.shape)
        np.copyto(self._picture, picture)
        self._free = False
        self._limit_output()
        height, width = picture.shape[:2]
        self._send("show", width, height, title)

    def events(self, *, timeout_s: float = 0.0) -> list[str]:
        """The events since the last call: names of keys, ``resized``, ``closed``.

        Waits up to ``timeout_s`` for any message of the window, even one that only makes it `free` again. Raises
        `ScreenError` if the window is gone and its user has not closed it.
        """
        message = self._receive(timeout_s=timeout_s)
        while message:
            self._handle(*message)
            message = self._receive(timeout_s=0.0)
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """End the window's process; kill it if it hangs."""
        self._link.close()
        self._end()
        if not self._output.closed:
            self._output.close()
            os.close(self._memory)

    def _end(self) -> int:
        """Wait for the window's process to end, and return its exit status."""
        try:
            return self._process.wait(CLOSE_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _start(self, link: int, options: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", PROGRAM, str(link), str(self._memory), *options],
            pass_fds=(link, self._memory),
            env={**os.environ, **ENVIRONMENT, **self._display.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )

    def _wait_until_ready(self) -> None:
        try:
            message = self._receive(timeout_s=OPEN_TIMEOUT_S)
            if message is None:
                raise ScreenError(f"{self._display}: no window within {OPEN_TIMEOUT_S:g} s")
        except ScreenError:
            self._process.kill()
            self.close()
            raise

    def _share(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        """An array of ``shape`` in the shared memory. The memory only grows, because the window may be reading it."""
        size = int(np.prod(shape))
        if os.fstat(self._memory).st_size < size:
            os.ftruncate(self._memory, size)
        return np.frombuffer(mmap.mmap(self._memory, size), np.uint8).reshape(shape)

    def _limit_output(self) -> None:
        """Empty the output file when it is large: some drivers print a line for every picture.

        The process writes on at the beginning, because it shares the file position with us.
        """
        if os.fstat(self._output.fileno()).st_size > MOST_OUTPUT_BYTES:
            self._output.seek(0)
            self._output.truncate()

    def _handle(self, kind: str, *values: Any) -> None:
        match kind:
            case "shown":
                self._free = True
            case "size":
                self.size = (values[0], values[1])
                self._events.append("resized")
            case "key":
                self._events.append(values[0])
            case "closed":
                self._events.append("closed")

    def _send(self, *message: Any) -> None:
        try:
            self._link.send(json.dumps(message).encode())
        except ConnectionError:
            raise ScreenError(self._reason_of_end()) from None

    def _receive(self, *, timeout_s: float) -> list[Any] | None:
        """The next message; None if none comes in time."""
        self._link.settimeout(timeout_s)
        try:
            packet = self._link.recv(MESSAGE_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except ConnectionResetError:
            packet = b""
        if not packet:
            raise ScreenError(self._reason_of_end())
        message: list[Any] = json.loads(packet)
        return message

    def _reason_of_end(self) -> str:
        """Why the window's process ended: the last line it printed, without lines that are indented."""
        status = self._end()
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").split("\n")
        reason = next((line for line in reversed(lines) if line and not line[0].isspace()), "")
        if status < 0:
            reason = f"{signal.Signals(-status).name} ended the window"
        return f"{self._display}: {reason or f'the window ended with status {status}'}"
