"""The window in its own process, on real display servers: what it shows, what it hears, what it survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.sinks.window.display import Display, find_displays
from edge_detector.sinks.window.screen import Screen, ScreenError, open_screen
from tests.sinks.window.screens import TIMEOUT_S, Server, WaylandServer, XServer, weston, xvfb

pytestmark = pytest.mark.skipif(find_spec("pygame") is None, reason="needs pygame-ce")

MOST_MESSAGES = 8  # before the one that is waited for
MOST_PRESSES = 240  # half a second apart: a busy machine takes long to start a program
BLACK, BLUE, GREEN = (0, 0, 0), (255, 0, 0), (0, 255, 0)
OFFSCREEN = Display("offscreen", "a test", {"SDL_VIDEODRIVER": "offscreen"})


@pytest.fixture
def x_server(tmp_path: Path) -> Iterator[XServer]:
    with xvfb(tmp_path) as server:
        yield server


@pytest.fixture
def wayland_server(tmp_path: Path) -> Iterator[WaylandServer]:
    with weston(tmp_path) as server:
        yield server


@contextmanager
def a_window(display: Display, *, size: tuple[int, int] = (400, 300), fullscreen: bool = False) -> Iterator[Screen]:
    screen = Screen(display, fullscreen=fullscreen)
    try:
        screen.open(size)
        settle(screen)
        yield screen
    finally:
        screen.close()


def settle(screen: Screen) -> None:
    """Wait until the window has done what it was told."""
    for _ in range(MOST_MESSAGES):
        if screen.free:
            return
        screen.events(timeout_s=TIMEOUT_S)
    pytest.fail(f"{screen} is not done")


def next_events(screen: Screen) -> list[str]:
    for _ in range(MOST_MESSAGES):
        if events := screen.events(timeout_s=TIMEOUT_S):
            return events
    pytest.fail(f"{screen} has nothing to say")


def plain(color: tuple[int, int, int], *, size: tuple[int, int] = (400, 300)) -> NDArray[np.uint8]:
    return np.full((size[1], size[0], 3), color, np.uint8)


def show(screen: Screen, picture: NDArray[np.uint8], *, title: str = "a test") -> None:
    screen.show(picture, title=title)
    settle(screen)


def colors(server: Server) -> dict[tuple[int, ...], int]:
    """How many pixels of each colour are on the screen."""
    values, counts = np.unique(server.picture().reshape(-1, 3), axis=0, return_counts=True)
    return {tuple(value.tolist()): int(count) for value, count in zip(values, counts, strict=True)}


def test_a_picture_appears_on_x11_pixel_for_pixel(x_server: XServer) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    with a_window(x_server.display) as screen:
        show(screen, picture)
        assert screen.size == (400, 300)
        assert np.array_equal(x_server.picture()[150:450, 200:600], picture)


def test_a_picture_appears_on_wayland(wayland_server: WaylandServer) -> None:
    with a_window(wayland_server.display) as screen:
        while GREEN not in colors(wayland_server):  # the desktop fades in first
            show(screen, plain(GREEN))
        assert colors(wayland_server)[GREEN] == 400 * 300


def test_a_window_on_a_hidpi_screen_has_all_its_pixels(tmp_path: Path) -> None:
    with weston(tmp_path, scale=2) as server, a_window(server.display) as screen:
        assert screen.size == (800, 600)


def test_a_frame_larger_than_the_screen_gets_a_window_that_fits(x_server: XServer) -> None:
    with a_window(x_server.display, size=(1920, 1080)) as screen:
        assert screen.size == (720, 405)


def test_full_screen_fills_it_and_centres_the_picture_on_black(x_server: XServer) -> None:
    with x_server.window_manager(), a_window(x_server.display, fullscreen=True) as screen:
        while screen.size != (800, 600):
            next_events(screen)
        show(screen, plain(BLUE, size=(800, 450)))
        assert colors(x_server) == {BLACK: 800 * 150, BLUE: 800 * 450}
        assert tuple(x_server.picture()[75, 0]) == BLUE


def test_f_switches_full_screen_on_and_off(x_server: XServer) -> None:
    with x_server.window_manager(), a_window(x_server.display) as screen:
        show(screen, plain(BLUE))
        x_server.press("f")
        while screen.size != (800, 600):
            next_events(screen)
        x_server.press("f")
        while screen.size != (400, 300):
            next_events(screen)


def test_a_smaller_picture_leaves_nothing_of_the_one_before(x_server: XServer) -> None:
    with a_window(x_server.display) as screen:
        show(screen, plain(GREEN))
        show(screen, plain(BLUE, size=(200, 300)))
        assert GREEN not in colors(x_server)
        assert colors(x_server)[BLUE] == 200 * 300


def test_keys_reach_us_by_name(x_server: XServer) -> None:
    with a_window(x_server.display) as screen:
        show(screen, plain(BLUE))
        x_server.press("q", "space", "Escape", "o")
        events: list[str] = []
        while len(events) < 4:
            events += next_events(screen)
        assert events == ["q", "space", "escape", "o"]


def test_an_x_server_that_is_killed_is_an_error_and_not_our_end(x_server: XServer) -> None:
    with a_window(x_server.display) as screen:
        x_server.kill()
        with pytest.raises(ScreenError, match=r"X11 :\d+: .*:\d+"):
            next_events(screen)


def test_a_compositor_that_is_killed_is_an_error_and_not_a_closed_window(wayland_server: WaylandServer) -> None:
    with a_window(wayland_server.display) as screen:
        show(screen, plain(GREEN))
        wayland_server.kill()
        with pytest.raises(ScreenError, match="the display is gone"):
            next_events(screen)


def test_a_window_that_crashes_is_an_error_with_its_signal() -> None:
    with a_window(OFFSCREEN) as screen:
        os.kill(screen.pid, signal.SIGSEGV)  # pygame may turn it into an abort
        with pytest.raises(ScreenError, match=r"offscreen: SIG(SEGV|ABRT) ended the window"):
            next_events(screen)


def test_a_window_that_complains_with_every_picture_fills_no_disk() -> None:
    with a_window(OFFSCREEN) as screen:
        for _ in range(5):
            os.write(screen._output.fileno(), b"libEGL warning\n" * 50_000)
            show(screen, plain(BLUE))
        assert os.fstat(screen._output.fileno()).st_size < 1_000_000
        os.kill(screen.pid, signal.SIGKILL)
        with pytest.raises(ScreenError, match="offscreen: SIGKILL ended the window"):
            next_events(screen)


def test_a_signal_to_the_whole_group_does_not_end_the_window() -> None:
    with a_window(OFFSCREEN) as screen:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            os.kill(screen.pid, number)
        show(screen, plain(BLUE))


def test_a_window_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_detector.sinks.window.screen.CLOSE_TIMEOUT_S", 0.0)
    screen = Screen(OFFSCREEN)
    os.kill(screen.pid, signal.SIGSTOP)
    screen.close()
    screen.close()
    assert repr(screen) == "<Screen offscreen (0, 0) closed>"


def test_q_ends_the_program_with_0(x_server: XServer) -> None:
    command = [sys.executable, "-m", "edge_detector", "--source", "synthetic", "--runtime", "fake"]
    environment = {**os.environ, **x_server.display.environment}
    with subprocess.Popen([*command, "--sink", "window:required"], env=environment) as program:
        try:
            for _ in range(MOST_PRESSES):
                x_server.press("q")  # nobody hears it before the window is there
                with suppress(subprocess.TimeoutExpired):
                    program.wait(0.5)
                    break
            assert program.poll() == 0
        finally:
            program.kill()


def test_where_there_is_no_graphics_card_kms_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the sockets of this machine: other programs may have an X server here.
    monkeypatch.setattr("edge_detector.sinks.window.screen.find_displays", partial(find_displays, root=tmp_path))
    nowhere = {"SDL_VIDEODRIVER": "kmsdrm", "XDG_RUNTIME_DIR": "/nowhere"}
    if Path("/dev/dri").exists():
        pytest.skip("there is a graphics card")
    with pytest.raises(ScreenError, match=r"no screen: SDL driver kmsdrm: pygame.error: kmsdrm not available; "):
        open_screen(nowhere, fullscreen=False)
