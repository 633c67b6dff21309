"""The window: shows the newest result on any kind of screen, and reacts to keys."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from edge_detector.buffers import BufferPool
from edge_detector.errors import ConfigError
from edge_detector.image_files import encode_jpeg
from edge_detector.options import Spec, argument, option
from edge_detector.overlay import Image, annotate
from edge_detector.registry import unknown
from edge_detector.running.context import Context
from edge_detector.running.meter import OUTPUT
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.mosaic import Mosaic
from edge_detector.sinks.recording.disk import free_path
from edge_detector.sinks.window.notes import draw_keys, draw_notes, notes
from edge_detector.sinks.window.screen import Screen, ScreenError, open_screen
from edge_detector.trails import NO_TRAILS, Trails, TrailsById
from edge_detector.types import Detections, Frame, Result, Size

log = logging.getLogger(__name__)

RETRY_S = 10.0  # a desktop may start after the detector, or start again
RETRY_SLOWEST_S = 320.0  # each attempt loads Python and SDL, which takes a Pi Zero seconds
JPEG_QUALITY = 92
KEYS_EVERY_S = 1 / 30  # keys count while no result comes

OpenScreen = Callable[..., Screen]

_scaled_pictures = BufferPool()


class Seen(NamedTuple):
    """A result, and the trails up to it."""

    result: Result
    trails: TrailsById


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """``window[:required]?fullscreen=true&trails=true&snapshots=FOLDER``."""

    screen: str = argument('the word "required": it is an error if there is no screen; none: wait for one', default="")
    fullscreen: bool = option(False, "true: fill the screen")
    trails: bool = option(False, "true: draw where each object has stood in the last seconds")
    snapshots: Path = option(Path("~/Pictures"), "the folder in which the key s saves the picture")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for another word than "required"."""
        if self.screen not in ("", "required"):
            raise ConfigError(f"sink window: {unknown('argument', self.screen, ['required'])}")


class WindowSink(
    Sink, options=WindowOptions, may_block=True, newest_only=True, idle_s=KEYS_EVERY_S, cameras=Cameras.TOGETHER
):
    """Shows the newest result, of a file too: nothing waits for the screen.

    Without a screen it logs that once, and tries again from time to time.
    """

    def __init__(
        self,
        spec: Spec,
        context: Context,
        *,
        open_screen: OpenScreen = open_screen,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises `ConfigError` for an unknown argument or option."""
        self._options = sink_options(WindowOptions, spec)
        self._context = context
        self._open = partial(open_screen, os.environ, fullscreen=self._options.fullscreen)
        self._clock = clock
        self._screen: Screen | None = None
        self._retry_s = RETRY_S
        self._retry_at = 0.0
        self._trails = Trails(wanted=self._options.trails)
        self._newest: Seen | None = None
        self._shown: Seen | None = None  # the newest; while frozen, an older one
        self._frozen = False
        self._overlay = True
        self._mosaic = Mosaic.of(context)
        self._line = True
        self._keys_shown = False
        self._newest_at = 0.0  # when the newest result came
        self._notes: tuple[str, ...] = ()  # that are on the screen
        self._stale = False  # whether the picture on the screen must be drawn again
        self._actions = {
            "q": context.stop,
            "escape": context.stop,
            "closed": context.stop,
            "resized": self._redraw,
            "space": self._freeze,
            "o": self._toggle_overlay,
            "t": self._toggle_line,
            "h": self._toggle_keys,
            "?": self._toggle_keys,
            "s": self._save,
        }

    def __repr__(self) -> str:
        return f"<WindowSink {self._screen}>"

    def open(self) -> None:
        """Open the window.

        Raises `ConfigError` if no window can open and one is required.
        """
        try:
            self._screen = self._open()
        except ScreenError as error:
            if self._options.screen:
                raise ConfigError(f"window:required: {error}") from None
            self._give_up(f"window: {error}")

    def close(self) -> None:
        if self._screen:
            self._screen.close()
            self._screen = None

    def write(self, result: Result) -> None:
        """Show ``result``; while frozen, only keep it."""
        if self._mosaic is not None:
            result = self._mosaic.add(result)
        self._newest = Seen(result, self._trails.update(result))
        self._newest_at = self._clock()
        if not self._frozen:
            self._show(self._newest)
        self.idle()

    def idle(self) -> None:
        """React to keys, and draw again if something has changed."""
        if self._screen is None:
            self._try_again()
            return
        try:
            self._update(self._screen)
        except ScreenError as error:
            self._screen.close()
            self._give_up(f"window: lost {error}")

    def _update(self, screen: Screen) -> None:
        for event in screen.events():
            self._actions.get(event, _nothing)()
        if self._shown is None:
            return
        screen.open(self._shown.result.frame.size)
        current = notes(frozen=self._frozen, age_s=self._clock() - self._newest_at)
        if screen.free and (self._stale or current != self._notes):
            self._notes, self._stale = current, False
            screen.show(self._with_notes(self._picture(self._shown, screen.size)), title=self._title())

    def _give_up(self, why: str) -> None:
        log.warning("%s; the run goes on without a window", why)
        self._screen = None
        self._retry_at = self._clock() + self._retry_s

    def _try_again(self) -> None:
        if self._clock() < self._retry_at:
            return
        try:
            self._screen = self._open()
        except ScreenError as error:
            log.debug("window: still %s", error)
            self._retry_s = min(2 * self._retry_s, RETRY_SLOWEST_S)
            self._retry_at = self._clock() + self._retry_s
        else:
            self._retry_s = RETRY_S
            self._stale = True

    def _picture(self, seen: Seen, room: Size) -> Image:
        """What was ``seen``, scaled to fit into ``room``, then annotated, so that letters are sharp."""
        result, trails = seen if self._overlay else _without_boxes(seen)
        line = self._context.meter.line() if self._line else None
        return annotate(scaled_result(result, fitted_size(result.frame.size, room)), line=line, trails=trails)

    def _with_notes(self, picture: Image) -> Image:
        draw_notes(picture, self._notes)
        if self._keys_shown:
            draw_keys(picture)
        return picture

    def _title(self) -> str:
        fps = self._context.meter.vitals.fps[OUTPUT]
        rate = "" if fps is None else f"{fps:.1f} fps"
        return "  ".join(filter(None, (self._context.detector.name, rate, "(frozen)" if self._frozen else "")))

    def _show(self, seen: Seen | None) -> None:
        self._shown = seen
        self._stale = True

    def _redraw(self) -> None:
        self._stale = True

    def _freeze(self) -> None:
        self._frozen = not self._frozen
        self._show(self._shown if self._frozen else self._newest)

    def _toggle_overlay(self) -> None:
        self._overlay = not self._overlay
        self._stale = True

    def _toggle_line(self) -> None:
        self._line = not self._line
        self._stale = True

    def _toggle_keys(self) -> None:
        self._keys_shown = not self._keys_shown
        self._stale = True

    def _save(self) -> None:
        """Save the picture as a JPEG file, at the frame's own resolution, without notes and keys."""
        if self._shown is None:
            return
        frame = self._shown.result.frame
        picture = self._picture(self._shown, frame.size)
        name = f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{frame.sequence}.jpg"
        try:
            folder = self._options.snapshots.expanduser()
            folder.mkdir(parents=True, exist_ok=True)
            path = free_path(folder / name)  # a name comes twice if s is pressed twice in a second, or summer time ends
            path.write_bytes(encode_jpeg(picture, quality=JPEG_QUALITY))
        except (OSError, RuntimeError) as error:  # RuntimeError: the user has no home folder
            log.warning("window: cannot save the snapshot: %s; choose a folder with window?snapshots=DIR", error)
        else:
            log.info("window: saved %s", path)


def fitted_size(size: Size, room: Size) -> Size:
    """The largest size with the aspect ratio of ``size`` that fits into ``room``."""
    scale = min(room[0] / size[0], room[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def scaled_result(result: Result, size: Size) -> Result:
    """``result`` with its picture and its boxes scaled to ``size``."""
    frame, detections = result.frame, result.detections
    if size == frame.size:
        return result
    # Bilinear even to make it smaller: from 1080 to 720 lines it takes 1.3 ms, INTER_AREA 13 ms.
    image = _scaled_pictures.take((size[1], size[0], 3))
    cv2.resize(frame.image, size, dst=image, interpolation=cv2.INTER_LINEAR)
    scale = np.divide(size, frame.size).astype(np.float32)
    return replace(
        result,
        frame=Frame(image, frame.sequence, frame.timestamp_ns),
        detections=replace(detections, boxes=detections.boxes * np.tile(scale, 2)),
    )


def _without_boxes(seen: Seen) -> Seen:
    return Seen(replace(seen.result, detections=Detections.empty(seen.result.detections.labels)), NO_TRAILS)


def _nothing() -> None:
    """The action of a key that has no other."""
