"""A window in a process of its own, as the window sink holds it: pictures in, keys out."""

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
OPEN_TIMEOUT_S = 15.0  # a Pi Zero 2 loads Python and SDL in five
CLOSE_TIMEOUT_S = 2.0
MESSAGE_BYTES = 4096
MOST_SAID_BYTES = 10**6  # only its last line will count

ENVIRONMENT = {
    "PYGAME_HIDE_SUPPORT_PROMPT": "1",
    "SDL_APP_NAME": "edge-detector",
    "SDL_VIDEO_X11_WMCLASS": "edge-detector",
    "SDL_VIDEO_WAYLAND_WMCLASS": "edge-detector",
    "SDL_VIDEO_MINIMIZE_ON_FOCUS_LOSS": "0",  # full screen on the second monitor stays there
    "SDL_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR": "0",  # this is no game: the desktop keeps its effects
}


class ScreenError(SinkError):
    """A window could not open, or its display went away."""


def open_screen(environ: Mapping[str, str], *, fullscreen: bool) -> Screen:
    """A window on the first display that lets us have one.

    Raises `ScreenError` with the reason for each that does not.
    """
    problems = []
    for finding in find_displays(environ):
        if isinstance(finding, str):
            problems.append(finding)
            continue
        try:
            screen = Screen(finding, fullscreen=fullscreen)
        except ScreenError as error:
            problems.append(str(error))
            continue
        passed_over = f" ({'; '.join(problems)})" if problems else ""
        log.info("window: %s, because %s%s", finding, finding.why, passed_over)
        return screen
    raise ScreenError(f"no screen: {'; '.join(problems)}")


class Screen:
    """A window on ``display``; `show` never waits for it, and whatever happens to it happens in its own process.

    Raises `ScreenError` with the reason if it does not open; `events` does when it is lost later.
    """

    def __init__(self, display: Display, *, fullscreen: bool = False) -> None:
        self.size: Size = (0, 0)  # of the window in pixels; known soon after `open`
        self._display = display
        self._memory = os.memfd_create("window picture")
        self._picture = np.empty((0, 0, 3), np.uint8)
        self._on_screen = False
        self._free = True  # the window has taken the last picture out of the shared memory
        self._events: list[str] = []
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the window
        self._link, link = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with link:
            self._process = self._start(link.fileno(), ["--fullscreen"] if fullscreen else [])
        self._wait_until_ready()

    def __repr__(self) -> str:
        return f"<Screen {self._display} {self.size} {'open' if self._process.poll() is None else 'closed'}>"

    @property
    def pid(self) -> int:
        """The window's process."""
        return self._process.pid

    @property
    def free(self) -> bool:
        """Whether `show` may be called: the window is there and has taken the picture before."""
        return self._free and self.size != (0, 0)

    def open(self, size: Size) -> None:
        """Put the window on the screen, once, as large as frames of ``size`` if they fit."""
        if not self._on_screen:
            self._on_screen = True
            self._send("open", *size)

    def show(self, picture: NDArray[np.uint8], *, title: str) -> None:
        """Show the BGR ``picture``, at most as large as the window; only while `free`."""
        if picture.shape != self._picture.shape:
            self._picture = self._share(picture.shape)
        np.copyto(self._picture, picture)
        self._free = False
        self._forget_old_words()
        height, width = picture.shape[:2]
        self._send("show", width, height, title)

    def events(self, *, timeout_s: float = 0.0) -> list[str]:
        """What happened since the last call: names of keys, ``resized``, ``closed``.

        Waits up to ``timeout_s`` for the window to say anything, if only that it is `free` again. Raises
        `ScreenError` when it is gone without its user's doing.
        """
        message = self._receive(timeout_s=timeout_s)
        while message:
            self._note(*message)
            message = self._receive(timeout_s=0.0)
        events, self._events = self._events, []
        return events

    def close(self) -> None:
        """End the window's process, by force if it hangs with its display."""
        self._link.close()
        self._end()
        if not self._said.closed:
            self._said.close()
            os.close(self._memory)

    def _end(self) -> int:
        """The exit status of the window's process, which has been told to end."""
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
            stdout=self._said,
            stderr=self._said,
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
        """An array of ``shape`` in the shared memory, which grows and never shrinks under its reader."""
        size = int(np.prod(shape))
        if os.fstat(self._memory).st_size < size:
            os.ftruncate(self._memory, size)
        return np.frombuffer(mmap.mmap(self._memory, size), np.uint8).reshape(shape)

    def _forget_old_words(self) -> None:
        """A driver that complains with every picture must not fill the disk: the window and we share the position."""
        if os.fstat(self._said.fileno()).st_size > MOST_SAID_BYTES:
            self._said.seek(0)
            self._said.truncate()

    def _note(self, kind: str, *values: Any) -> None:
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
            raise ScreenError(self._last_words()) from None

    def _receive(self, *, timeout_s: float) -> list[Any] | None:
        """The next message, or None if none comes in time."""
        self._link.settimeout(timeout_s)
        try:
            packet = self._link.recv(MESSAGE_BYTES)
        except (TimeoutError, BlockingIOError):
            return None
        except ConnectionResetError:
            packet = b""
        if not packet:
            raise ScreenError(self._last_words())
        message: list[Any] = json.loads(packet)
        return message

    def _last_words(self) -> str:
        """Why the window's process ended: the last line it said that does not continue another."""
        status = self._end()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").split("\n")
        said = next((line for line in reversed(lines) if line and not line[0].isspace()), "")
        if status < 0:
            said = f"{signal.Signals(-status).name} ended the window"
        return f"{self._display}: {said or f'the window ended with status {status}'}"
