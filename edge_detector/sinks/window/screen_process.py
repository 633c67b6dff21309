"""The window's process: the program that `screen.Screen` starts, and the only code that calls SDL.

It is a process of its own, because an error of a screen ends the process it happens in: Xlib exits when its server is
gone, and graphics drivers crash. Also, SDL switches the console's keyboard off, and it must be switched on again even
if the detector is killed. The program imports nothing of the package, so that it starts fast and stays small.

Messages are JSON lists, one a packet, over the socket given as the first argument. In: ``["open", width, height]``
once, the size of the frames to come; ``["show", width, height, title]``, a BGR picture in the shared memory given
as the second argument. Out: ``["ready"]`` once; ``["size", width, height]`` of the window in pixels;
``["shown"]``: the shared memory may be written again; ``["key", name]``; ``["closed"]`` by the user.
When the socket is closed, the program ends.
"""

from __future__ import annotations

import json
import mmap
import select
import signal
import socket
import sys
from typing import Any

import pygame

TICK_S = 1 / 60  # between two looks for keys: SDL has no file descriptor that select() could wait for
MESSAGE_BYTES = 4096
LARGEST_PART = 0.9  # of the desktop, for a new window: leaves room for its border and the desktop's panels


class Window:
    """An SDL window that shows BGR pictures, centred on black."""

    def __init__(self, link: socket.socket, memory: int, *, fullscreen: bool) -> None:
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
                self._handle_message(*json.loads(message))
            for event in pygame.event.get():
                self._handle_event(event)

    def _handle_message(self, kind: str, width: int, height: int, title: str = "") -> None:
        if kind == "open":
            self._open(width, height)
        else:
            self._show(width, height, title)

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
        surface = self._window.get_surface()
        surface.blit(self._picture, self._picture.get_rect(center=surface.get_rect().center))
        self._window.flip()
        self._send("shown")

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
                self._send("key", pygame.key.name(event.key))
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


def main(link: int, memory: int, *options: str) -> None:
    """Run the window with the socket whose descriptor is ``link`` until that is closed."""
    # Ctrl-C and others send signals to this process, too, but the detector decides when the window ends.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=link) as connection:
        Window(connection, memory, fullscreen="--fullscreen" in options).run()


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
    except ConnectionError:
        sys.exit(0)  # the detector is gone
