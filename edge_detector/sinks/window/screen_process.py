"""The window's process: the program that `screen.Screen` starts, and the only code that calls SDL.

It is a process of its own, because an error of a screen ends the process it happens in: Xlib exits when its server is
gone, and graphics drivers crash. Also, SDL switches the console's keyboard off, and it must be switched on again even
if the detector is killed. The program imports nothing of the package, so that it starts fast and stays small.

Messages are JSON lists, one a packet, over the socket given as the first argument. In: ``["open", width, height]``
once, the size of the frames to come; ``["show", width, height, title]``, a BGR picture in the shared memory given
as the second argument; ``["alive"]``, so that the longest silence is shorter than the third argument, in seconds.
Out: ``["ready"]`` once; ``["size", width, height]`` of the window in pixels; ``["shown"]``: the shared memory may be
written again; ``["key", name]``; ``["closed"]`` by the user. When the socket is closed, the program ends.
"""

from __future__ import annotations

import json
import math
import mmap
import select
import signal
import socket
import sys
import time
from typing import Any

import pygame

TICK_S = 1 / 60  # between two looks for keys: SDL has no file descriptor that select() could wait for
MESSAGE_BYTES = 4096
SILENT = " the detector does not answer "
NOTE_PX = 28
LARGEST_PART = 0.9  # of the desktop, for a new window: leaves room for its border and the desktop's panels


class Window:
    """An SDL window that shows BGR pictures, centred on black."""

    def __init__(self, link: socket.socket, memory: int, *, silent_s: float, fullscreen: bool) -> None:
        """Without a message for ``silent_s`` seconds, the picture says that the detector does not answer."""
        self._silent_s = silent_s
        self._silent_at = time.monotonic() + silent_s
        self._link = link
        self._memory = memory
        if not getattr(pygame, "IS_CE", False):
            sys.exit("pygame is installed, but not pygame-ce, which has windows: pip install pygame-ce")
        pygame.display.init()
        pygame.display.set_allow_screensaver(False)
        self._console = pygame.display.get_driver() == "KMSDRM"  # full screen, always
        self._fullscreen_asked = fullscreen and not self._console
        self._fullscreen = self._console
        self._window = pygame.Window(
            "edge-detector", hidden=True, resizable=True, allow_high_dpi=True, fullscreen_desktop=self._console
        )
        self._window.set_icon(icon())
        self._picture: pygame.Surface | None = None
        self._noted = False  # whether the note of silence is on the screen
        self._closed = False
        self._send("ready")

    def run(self) -> None:
        """Handle messages and events until the socket is closed.

        Raises `SystemExit` when the display is gone.
        """
        while True:
            if select.select([self._link], [], [], TICK_S)[0]:
                message = self._link.recv(MESSAGE_BYTES)
                if not message:
                    return
                self._hear(*json.loads(message))
            elif time.monotonic() >= self._silent_at:
                self._report_silence()
            for event in pygame.event.get():
                self._handle_event(event)

    def _hear(self, kind: str, *values: Any) -> None:
        was_silent = self._silent_at == math.inf
        self._silent_at = time.monotonic() + self._silent_s
        match kind:
            case "open":
                self._open(*values)
            case "show":
                self._show(*values)
            case "alive" if was_silent:
                self._draw()

    def _report_silence(self) -> None:
        """The detector is stopped, or hangs: what is shown is old."""
        self._silent_at = math.inf
        if self._picture is not None:
            pygame.font.init()
            note = pygame.font.Font(None, NOTE_PX).render(SILENT, True, "black", "white")
            self._window.get_surface().blit(note, (0, 0))
            self._noted = True
            self._window.flip()

    def _open(self, width: int, height: int) -> None:
        if not self._console:
            desktop_width, desktop_height = pygame.display.get_desktop_sizes()[0]
            scale = min(LARGEST_PART * desktop_width / width, LARGEST_PART * desktop_height / height, 1.0)
            self._window.size = (round(width * scale), round(height * scale))
            self._window.position = pygame.WINDOWPOS_CENTERED
        if self._fullscreen_asked:
            self._toggle_fullscreen()
        self._window.show()
        pygame.mouse.set_visible(not self._fullscreen)
        self._send_size()

    def _show(self, width: int, height: int, title: str) -> None:
        if self._window.title != title:
            self._window.title = title
        self._picture = self._map(width, height)
        self._draw()
        self._send("shown")

    def _draw(self) -> None:
        if self._picture is None:
            return
        surface = self._window.get_surface()
        if self._noted:  # the note may have been drawn beside the picture
            surface.fill("black")
            self._noted = False
        surface.blit(self._picture, self._picture.get_rect(center=surface.get_rect().center))
        self._window.flip()

    def _map(self, width: int, height: int) -> pygame.Surface:
        """The shared memory as a picture, without a copy."""
        if self._picture is not None and self._picture.get_size() == (width, height):
            return self._picture
        memory = mmap.mmap(self._memory, width * height * 3, prot=mmap.PROT_READ)
        self._window.get_surface().fill("black")  # what is left of a picture of another size
        return pygame.image.frombuffer(memory, (width, height), "BGR")

    def _handle_event(self, event: pygame.Event) -> None:
        match event.type:
            case pygame.KEYDOWN if event.key == pygame.K_f and not self._console:
                self._toggle_fullscreen()
            case pygame.KEYDOWN:
                # Where "?" is differs from keyboard to keyboard.
                self._send("key", "?" if event.unicode == "?" else pygame.key.name(event.key))
            case pygame.WINDOWSIZECHANGED:
                self._window.get_surface().fill("black")
                self._send_size()
            case pygame.WINDOWEXPOSED:
                self._window.flip()
            case pygame.WINDOWCLOSE:
                self._closed = True
                self._send("closed")
            case pygame.QUIT if not self._closed:  # the user has not closed the window: its compositor is gone
                sys.exit("the display is gone")

    def _toggle_fullscreen(self) -> None:
        self._fullscreen = not self._fullscreen
        if self._fullscreen:
            self._window.set_fullscreen(desktop=True)
        else:
            self._window.set_windowed()
        pygame.mouse.set_visible(not self._fullscreen)

    def _send_size(self) -> None:
        self._send("size", *self._window.get_surface().get_size())

    def _send(self, *message: Any) -> None:
        self._link.send(json.dumps(message).encode())


def icon() -> pygame.Surface:
    """The window's icon: a box around an object."""
    surface = pygame.Surface((32, 32))
    surface.fill("gray10")
    pygame.draw.circle(surface, "gray60", (16, 16), 6)
    pygame.draw.rect(surface, "springgreen", (5, 5, 22, 22), width=2)
    return surface


def main(link: int, memory: int, silent_s: float, *options: str) -> None:
    """Run the window with the socket whose descriptor is ``link`` until that is closed."""
    # Ctrl-C and others send signals to this process, too, but the detector decides when the window ends.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=link) as connection:
        Window(connection, memory, silent_s=silent_s, fullscreen="--fullscreen" in options).run()


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])
    except ConnectionError:
        sys.exit(0)  # the detector is gone
