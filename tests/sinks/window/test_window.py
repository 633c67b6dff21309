"""The window sink: what it puts on a screen and what its keys do. The screen is a fake; see test_window_screen."""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.overlay import annotate
from edge_detector.running.meter import Meter
from edge_detector.sinks import open_sink
from edge_detector.sinks.background import Background
from edge_detector.sinks.window.notes import FROZEN, KEYS, draw_notes, notes
from edge_detector.sinks.window.screen import ScreenError
from edge_detector.sinks.window.sink import RETRY_S, WindowSink, fitted_size, scaled_result
from edge_detector.trails import Trails
from edge_detector.types import Frame, Result
from tests import make
from tests.sinks.conftest import MakeContext

LINE = "12.3 fps"
DOG = ((10.0, 20.0, 200.0, 180.0), 0.9, 1)


@dataclass
class FakeScreen:
    """A screen of one's choice of size that takes every picture at once and on which keys are typed beforehand."""

    size: tuple[int, int] = (320, 240)
    typed: deque[str] = field(default_factory=deque)
    free: bool = True
    broken: bool = False
    closed: bool = False
    opened: list[tuple[int, int]] = field(default_factory=list)
    pictures: list[NDArray[np.uint8]] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)

    def open(self, size: tuple[int, int]) -> None:
        self.opened.append(size)

    def show(self, picture: NDArray[np.uint8], *, title: str) -> None:
        self.pictures.append(picture)
        self.titles.append(title)

    def events(self) -> list[str]:
        if self.broken:
            raise ScreenError("X11 :0: connection broken")
        events = list(self.typed)
        self.typed.clear()
        return events

    def close(self) -> None:
        self.closed = True


class Opener:
    """Opens the screens it is given, one a time; none is an error."""

    def __init__(self, *screens: FakeScreen | None) -> None:
        self._screens = deque(screens)

    def __call__(self, environ: Any, *, fullscreen: bool) -> FakeScreen:
        screen = self._screens.popleft()
        if screen is None:
            raise ScreenError("no screen: nobody is at home")
        return screen


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def screen() -> FakeScreen:
    return FakeScreen()


class FakeMeter(Meter):
    """Always says the same."""

    def line(self) -> str:
        return LINE


@pytest.fixture
def window(screen: FakeScreen, make_context: MakeContext, tmp_path: Path) -> WindowSink:
    spec = Spec("window", options={"snapshots": str(tmp_path / "pictures")})
    sink = WindowSink(spec, make_context(live=True, meter=FakeMeter()), open_screen=Opener(screen))
    return sink.__enter__()


def differs(picture: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    return not np.array_equal(picture, other)


def with_line(result: Result) -> NDArray[np.uint8]:
    return annotate(result, line=LINE)


def with_notes(result: Result, *lines: str) -> NDArray[np.uint8]:
    picture = with_line(result)
    draw_notes(picture, lines)
    return picture


def test_it_shows_the_boxes_and_the_line(window: WindowSink, screen: FakeScreen) -> None:
    result = make.result(0, DOG)
    window.write(result)
    assert screen.opened == [(320, 240)]
    assert screen.titles == ["fake"]
    assert np.array_equal(screen.pictures, [with_line(result)])


def test_boxes_are_drawn_at_the_resolution_of_the_window(window: WindowSink, screen: FakeScreen) -> None:
    screen.size = (1280, 800)
    result = make.result(0, DOG)
    window.write(result)
    assert screen.pictures[0].shape == (800, 1067, 3)
    assert np.array_equal(screen.pictures[0], with_line(scaled_result(result, (1067, 800))))


def test_a_busy_screen_gets_the_newest_result_when_it_is_free(window: WindowSink, screen: FakeScreen) -> None:
    screen.free = False
    window.write(make.result(0))
    window.write(make.result(1, DOG))
    assert screen.pictures == []
    screen.free = True
    window.idle()
    window.idle()
    assert np.array_equal(screen.pictures, [with_line(make.result(1, DOG))])


@pytest.mark.parametrize("event", ["q", "escape", "closed"])
def test_q_escape_and_the_close_button_end_the_run(
    window: WindowSink, screen: FakeScreen, stops: list[str], event: str
) -> None:
    screen.typed.append(event)
    window.idle()  # no result is needed for it
    assert stops == ["stop"]


def test_space_freezes_the_picture_until_space(window: WindowSink, screen: FakeScreen) -> None:
    window.write(make.result(0))
    screen.typed.append("space")
    window.write(make.result(1))
    window.write(make.result(2, DOG))
    assert screen.titles[-1] == "fake  (frozen)"
    assert not differs(screen.pictures[-1], with_notes(make.result(0), FROZEN))
    screen.typed.append("space")
    window.idle()
    assert screen.titles[-1] == "fake"
    assert not differs(screen.pictures[-1], with_line(make.result(2, DOG)))


def test_trails_end_at_the_picture_that_is_shown(make_context: MakeContext, screen: FakeScreen) -> None:
    spec = Spec("window", options={"trails": "true"})
    with WindowSink(spec, make_context(live=True, meter=FakeMeter()), open_screen=Opener(screen)) as sink:
        sink.write(make.walking(0))
        sink.write(make.walking(1))
        trail = Trails()
        trail.update(make.walking(0))
        one_step = annotate(make.walking(1), line=LINE, trails=trail.update(make.walking(1)))
        assert not differs(screen.pictures[-1], one_step)
        assert differs(one_step, with_line(make.walking(1)))
        screen.typed.append("space")
        sink.idle()
        sink.write(make.walking(2))
        draw_notes(one_step, [FROZEN])
        assert not differs(screen.pictures[-1], one_step)
        screen.typed.extend(["space", "o"])
        sink.idle()
        assert not differs(screen.pictures[-1], with_line(replace(make.walking(2), detections=make.detections())))


def test_an_old_picture_says_how_old_it_is(make_context: MakeContext, screen: FakeScreen) -> None:
    clock = Clock()
    context = make_context(live=True, meter=FakeMeter())
    with WindowSink(Spec("window"), context, open_screen=Opener(screen), clock=clock) as sink:
        sink.write(make.result(0, DOG))
        for clock.now in (104.9, 105.0, 105.5, 108.0, 160.0):
            sink.idle()
        sink.write(make.result(1))
    old = [with_notes(make.result(0, DOG), f"no picture for {age}") for age in ("5 s", "8 s", "1 min")]
    assert np.array_equal(screen.pictures, [with_line(make.result(0, DOG)), *old, with_line(make.result(1))])


def test_a_frozen_picture_is_not_old_while_others_come(make_context: MakeContext, screen: FakeScreen) -> None:
    clock = Clock()
    context = make_context(live=True, meter=FakeMeter())
    with WindowSink(Spec("window"), context, open_screen=Opener(screen), clock=clock) as sink:
        sink.write(make.result(0))
        screen.typed.append("space")
        for clock.now in range(100, 120):
            sink.write(make.result(1))
        assert not differs(screen.pictures[-1], with_notes(make.result(0), FROZEN))
        clock.now = 130.0
        sink.idle()
        assert not differs(screen.pictures[-1], with_notes(make.result(0), FROZEN, "no picture for 11 s"))


@pytest.mark.parametrize("key", ["h", "?"])
def test_h_shows_the_keys_until_h(window: WindowSink, screen: FakeScreen, key: str) -> None:
    screen.size = (640, 480)
    window.write(make.result(0))
    for _ in range(2):
        screen.typed.append(key)
        window.idle()
    plain, with_keys, again = screen.pictures
    assert not differs(plain, again)
    rows, columns = np.nonzero((plain != with_keys).any(axis=2))
    assert abs(rows.min() + rows.max() - 480) < 40
    assert abs(columns.min() + columns.max() - 640) < 80


def test_every_key_has_its_help(window: WindowSink) -> None:
    named = {name for keys in KEYS for name in keys.replace("Esc", "escape").split(" or ")}
    assert named - {"f"} == set(window._actions) - {"closed", "resized"}  # the window itself heeds f


@pytest.mark.parametrize(
    ("age_s", "text"), [(4.9, None), (5.0, "5 s"), (59.9, "59 s"), (60.0, "1 min"), (3599.0, "59 min"), (7200.0, "2 h")]
)
def test_an_age_in_words(age_s: float, text: str | None) -> None:
    assert notes(frozen=False, age_s=age_s) == ((f"no picture for {text}",) if text else ())


def test_a_saved_picture_has_neither_notes_nor_keys(window: WindowSink, screen: FakeScreen, tmp_path: Path) -> None:
    window.write(make.result(0, DOG))
    screen.typed.extend(["s", "space", "h"])
    window.idle()
    screen.typed.append("s")
    window.idle()
    one, other = (path.read_bytes() for path in (tmp_path / "pictures").iterdir())
    assert one == other


def test_o_and_t_toggle_the_boxes_and_the_line(window: WindowSink, screen: FakeScreen) -> None:
    result = make.result(0, DOG)
    window.write(result)
    for key in "ot":
        screen.typed.append(key)
        window.idle()
    screen.typed.append("o")
    window.idle()
    expected = [with_line(result), with_line(make.result(0)), result.frame.image, annotate(result)]
    assert np.array_equal(screen.pictures, expected)


def test_a_new_size_is_drawn_at_once(window: WindowSink, screen: FakeScreen) -> None:
    window.write(make.result(0, DOG))
    screen.size = (640, 480)
    screen.typed.append("resized")
    window.idle()
    assert [picture.shape for picture in screen.pictures] == [(240, 320, 3), (480, 640, 3)]


def test_other_keys_do_nothing(window: WindowSink, screen: FakeScreen, stops: list[str]) -> None:
    window.write(make.result(0))
    screen.typed.extend(["x", "left shift", "f12"])
    window.idle()
    assert (stops, len(screen.pictures)) == ([], 1)


def test_s_saves_what_is_shown_at_the_resolution_of_the_frame(
    window: WindowSink, screen: FakeScreen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    screen.size = (160, 120)
    window.write(make.result(7, DOG))
    screen.typed.append("s")
    window.idle()
    (path,) = (tmp_path / "pictures").iterdir()
    assert path.name.endswith("_7.jpg")
    assert caplog.messages == [f"window: saved {path}"]
    saved, drawn = cv2.imread(str(path)), with_line(make.result(7, DOG))
    assert saved.shape == drawn.shape
    assert np.abs(saved.astype(int) - drawn).mean() < 2.0  # JPEG is not exact


def test_s_overwrites_no_picture(window: WindowSink, screen: FakeScreen, tmp_path: Path) -> None:
    window.write(make.result(7, DOG))
    for _ in range(3):
        screen.typed.append("s")
        window.idle()
    assert len(list((tmp_path / "pictures").iterdir())) == 3


def test_a_snapshot_that_cannot_be_saved_is_a_warning(
    window: WindowSink, screen: FakeScreen, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "pictures").write_text("a file, not a folder")
    window.write(make.result(0))
    screen.typed.append("s")
    window.idle()
    (message,) = caplog.messages
    assert message.startswith("window: cannot save the snapshot: [Errno 17] File exists")
    assert message.endswith("choose a folder with window?snapshots=DIR")


def test_s_before_the_first_result_saves_nothing(window: WindowSink, screen: FakeScreen, tmp_path: Path) -> None:
    screen.typed.append("s")
    window.idle()
    assert list(tmp_path.iterdir()) == []


def test_without_a_screen_it_says_so_once_and_goes_on(
    make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    with WindowSink(Spec("window"), make_context(), open_screen=Opener(None, None), clock=clock) as sink:
        for sequence in range(3):
            sink.write(make.result(sequence))
        clock.now += RETRY_S
        sink.write(make.result(3))
    assert caplog.messages == ["window: no screen: nobody is at home; the run goes on without a window"]


def test_without_a_screen_a_required_window_is_a_configuration_error(make_context: MakeContext) -> None:
    sink = WindowSink(Spec("window", "required"), make_context(), open_screen=Opener(None))
    with pytest.raises(ConfigError, match="window:required: no screen: nobody is at home") as caught:
        sink.__enter__()
    assert caught.value.exit_code == 78


def test_a_screen_that_appears_later_is_used(make_context: MakeContext, screen: FakeScreen) -> None:
    clock = Clock()
    with WindowSink(Spec("window"), make_context(), open_screen=Opener(None, None, screen), clock=clock) as sink:
        sink.write(make.result(0))
        clock.now += RETRY_S
        sink.idle()  # still nothing: the next try comes after twice the time
        clock.now += RETRY_S
        sink.idle()
        assert screen.pictures == []
        clock.now += RETRY_S
        sink.idle()
        sink.idle()
        assert len(screen.pictures) == 1


def test_a_screen_that_breaks_is_closed_and_looked_for_again(
    make_context: MakeContext, screen: FakeScreen, caplog: pytest.LogCaptureFixture
) -> None:
    clock, again = Clock(), FakeScreen()
    with WindowSink(Spec("window"), make_context(), open_screen=Opener(screen, again), clock=clock) as sink:
        sink.write(make.result(0, DOG))
        screen.broken = True
        sink.write(make.result(1))
        assert screen.closed
        assert caplog.messages == ["window: lost X11 :0: connection broken; the run goes on without a window"]
        clock.now += RETRY_S
        sink.write(make.result(2, DOG))
        sink.idle()
        assert len(again.pictures) == 1
    assert again.closed


def test_keys_count_while_no_result_comes(make_context: MakeContext, screen: FakeScreen) -> None:
    stopped = threading.Event()
    context = replace(make_context(), stop=stopped.set)
    sink = WindowSink(Spec("window"), context, open_screen=Opener(screen))
    with Background(sink, name="window", live=True):
        screen.typed.append("q")
        assert stopped.wait(10.0)
    assert screen.closed


def test_a_film_does_not_wait_for_the_window(make_context: MakeContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_detector.sinks.window.screen.find_displays", lambda environ: [])
    hangs = threading.Event()
    monkeypatch.setattr(WindowSink, "write", lambda self, result: hangs.wait(10.0))
    with open_sink("window", make_context(live=False)) as sink:
        for sequence in range(20):
            sink.write(make.result(sequence))
        hangs.set()
    assert sink.dropped >= 18  # one was being written, one is the newest


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            Spec("window", "requird"),
            "sink window: unknown argument 'requird'; did you mean 'required'? known: required",
        ),
        (Spec("window", options={"fullscren": "true"}), "sink window: unknown option 'fullscren'; did you mean"),
        (Spec("window", options={"fullscreen": "yes"}), "sink window: fullscreen = 'yes': expected true or false"),
    ],
)
def test_what_it_does_not_know_is_a_configuration_error(make_context: MakeContext, spec: Spec, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WindowSink(spec, make_context())
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("size", "room", "fitted"),
    [
        ((1280, 720), (1280, 720), (1280, 720)),
        ((640, 480), (1920, 1080), (1440, 1080)),
        ((1920, 1080), (800, 600), (800, 450)),
        ((4000, 10), (100, 100), (100, 1)),
    ],
)
def test_a_fitted_size_keeps_the_aspect(size: tuple[int, int], room: tuple[int, int], fitted: tuple[int, int]) -> None:
    assert fitted_size(size, room) == fitted


def test_zoom_scales_boxes_with_the_picture() -> None:
    larger = scaled_result(make.result(0, DOG), (640, 240))
    assert larger.frame.size == (640, 240)
    assert larger.detections.boxes.tolist() == [[20.0, 20.0, 400.0, 180.0]]


def test_zoom_uses_the_memory_of_pictures_again() -> None:
    addresses = {scaled_result(make.result(number), (640, 480)).frame.image.ctypes.data for number in range(20)}
    assert len(addresses) == 1
    bright = Frame(np.full((240, 320, 3), 200, np.uint8), 0, 0)
    assert (scaled_result(replace(make.result(), frame=bright), (640, 480)).frame.image == 200).all()


def test_zoom_to_the_same_size_is_the_same_result() -> None:
    result = make.result(0, DOG)
    assert scaled_result(result, (320, 240)) is result
