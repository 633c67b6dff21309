"""Moving shapes with known truth: a camera for tests, benchmarks and demonstrations."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.errors import ConfigError, SourceTimeout
from edge_detector.options import Spec, option
from edge_detector.sources import source_options
from edge_detector.sources.base import Source
from edge_detector.types import Detections, Frame, Size

SECOND_NS = 1_000_000_000

LABELS = ("circle", "square", "triangle")
# BGR, by class_id: one channel full, the others empty, and no such colour in the background, whose channels differ by
# 11 at most. So after any scaling a pixel belongs to class c where channel (2 - c) of RGB leads the others by 100.
COLORS = ((0, 0, 255), (0, 255, 0), (255, 0, 0))


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """``synthetic:?live=false&frames=100&seed=3``."""

    live: bool = option(True, "true: paced like a camera; false: as fast as they are taken, none lost")
    frames: int = option(0, "number of pictures; 0: without end")
    seed: int = option(0, "the same number gives the same pictures")
    objects: int = option(3, "how many things move")
    silent_after: int = option(0, "live: the camera hangs after so many pictures; 0: never")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a number below zero."""
        for name in ("frames", "seed", "objects", "silent_after"):
            if getattr(self, name) < 0:
                raise ConfigError(f"synthetic: {name} is {getattr(self, name)}; expected 0 or more")


@dataclass(frozen=True, slots=True)
class Body:
    """One shape: it swings from side to side in a lane of its own, so that none ever hides another."""

    class_id: int
    side: int  # pixels, odd
    top: int
    period: float  # frames for one swing there and back
    phase: float  # in [0, 1) of the period

    def left(self, sequence: int, width: int) -> int:
        """The left edge in pixels: a triangle wave over the free width."""
        turn = (sequence / self.period + self.phase) % 1.0
        return round((width - self.side) * (1.0 - abs(2.0 * turn - 1.0)))


class SyntheticSource(Source, options=SyntheticOptions, adds=("truth", "draw")):
    """Moving shapes of ``--size`` at ``--fps``, to try things without a camera.

    ``truth(sequence)`` says what is on each frame.
    The same seed gives the same frames. A live one behaves as a camera does: frame n is due at start + n / fps, and
    one that is not taken in time is lost, a gap in ``sequence``.
    """

    def __init__(
        self,
        spec: Spec,
        config: Config,
        _model_size: Size,
        *,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        """``wait(seconds)`` returns True when stopped meanwhile; with ``clock_ns``, for tests."""
        self._options = source_options(SyntheticOptions, spec)
        self.live = self._options.live
        self.frame_count = self._options.frames or None
        self.size = config.size
        self._period_ns = round(SECOND_NS / config.fps)
        self._timeout_s = float(config.timeout)
        self._stopped = threading.Event()
        self._clock_ns = clock_ns
        self._wait = wait or self._stopped.wait
        random = np.random.default_rng(self._options.seed)
        self._background = _background(random, self.size)
        self._bodies = _bodies(random, self.size, self._options.objects)
        self._next = 0

    def __repr__(self) -> str:
        state = "stopped" if self._stopped.is_set() else "open"
        width, height = self.size
        return f"<SyntheticSource {state} {width}x{height} {'live' if self.live else 'file'} frame {self._next}>"

    def stop(self) -> None:
        """End the iteration at once."""
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        """Raises `SourceTimeout` where ``silent_after`` asks for it."""
        start_ns = self._clock_ns()
        while not self._stopped.is_set() and self._next != self.frame_count:
            self._be_silent()
            due_ns = start_ns + self._next * self._period_ns
            if self.live and self._wait(max(0, due_ns - self._clock_ns()) / SECOND_NS):
                return
            yield Frame(self.draw(self._next), self._next, due_ns)
            self._next += 1
            if self.live:
                self._skip_missed(start_ns)

    def truth(self, sequence: int) -> Detections:
        """What frame ``sequence`` shows: boxes exact to the pixel, scores 1."""
        count = len(self._bodies)
        boxes = np.array([self._box(body, sequence) for body in self._bodies], np.float32).reshape(count, 4)
        class_ids = np.array([body.class_id for body in self._bodies], np.int32)
        return Detections(boxes, np.ones(count, np.float32), class_ids, LABELS)

    def draw(self, sequence: int) -> NDArray[np.uint8]:
        """The picture of frame ``sequence``."""
        image = self._background.copy()
        for body in self._bodies:
            _draw(image, body.class_id, self._box(body, sequence))
        return image

    def _box(self, body: Body, sequence: int) -> tuple[int, int, int, int]:
        left = body.left(sequence, self.size[0])
        return left, body.top, left + body.side, body.top + body.side

    def _skip_missed(self, start_ns: int) -> None:
        """A camera does not wait: go on with the frame that is exposed now."""
        self._next = max(self._next, (self._clock_ns() - start_ns) // self._period_ns)
        if self.frame_count is not None:
            self._next = min(self._next, self.frame_count)

    def _be_silent(self) -> None:
        limit = self._options.silent_after
        if limit and self._next >= limit and not self._wait(self._timeout_s):
            raise SourceTimeout(f"synthetic: silent for {self._timeout_s:g} s, as silent_after={limit} asked")


def _background(random: np.random.Generator, size: Size) -> NDArray[np.uint8]:
    """Soft grey clouds from 70 to 130, with a little noise that differs by 11 at most between channels."""
    width, height = size
    clouds = cv2.resize(random.integers(70, 120, (9, 16), np.uint8), (width, height))
    background: NDArray[np.uint8] = clouds[..., None] + random.integers(0, 12, (height, width, 3), np.uint8)
    return background


def _bodies(random: np.random.Generator, size: Size, count: int) -> list[Body]:
    """``count`` shapes, one below the other, the classes in turn."""
    lane = size[1] // count if count else 0
    return [_body(random, lane, index) for index in range(count)]


def _body(random: np.random.Generator, lane: int, index: int) -> Body:
    side = int(lane * random.uniform(0.5, 0.9)) | 1  # odd: a circle has a middle pixel
    top = lane * index + int((lane - side) * random.uniform(0.1, 0.9))
    return Body(index % len(LABELS), side, top, period=random.uniform(90, 240), phase=random.uniform())


def _draw(image: NDArray[np.uint8], class_id: int, box: tuple[int, int, int, int]) -> None:
    """Fill one shape so that it touches all four edges of ``box``, whose right and bottom are exclusive."""
    left, top, right, bottom = box
    middle = (left + right) // 2  # exact: sides are odd
    color = COLORS[class_id]
    if LABELS[class_id] == "square":
        image[top:bottom, left:right] = color
    elif LABELS[class_id] == "triangle":
        corners = np.array([[left, bottom - 1], [right - 1, bottom - 1], [middle, top]], np.int32)
        cv2.fillPoly(image, [corners], color)
    else:
        cv2.circle(image, (middle, (top + bottom) // 2), (right - left) // 2, color, cv2.FILLED)
