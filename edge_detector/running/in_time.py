"""A camera's frame is made ready for the model while that still works on the one before."""

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from edge_detector.errors import PictureError
from edge_detector.types import Frame

Made = TypeVar("Made")

KEPT = 9  # of the newest durations; their median is the usual one


class Waiting(Generic[Made]):
    """A frame in the queue before the model, and what is made of it: once, by whichever thread comes first."""

    __slots__ = ("frame", "made")

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.made: Made | None = None

    def __repr__(self) -> str:
        return f"<Waiting frame {self.frame.sequence}{' ready' if self.made is not None else ''}>"

    @property
    def sequence(self) -> int:
        """See `Frame.sequence`."""
        return self.frame.sequence


class InTime(Generic[Made]):
    """Prepares a camera's frames in the capture thread if the model will take them, else in the inference thread.

    Most frames of a camera with a slow model are dropped for newer ones, so it would be a waste to prepare all of
    them. The one that the model takes is the last to come before it is free, and when that is can be foreseen: its
    inferences take the same time, and the camera's frames come at the same distance. That one is prepared while the
    model is busy; of a motion JPEG it is most of what the model would wait for. A forecast that is wrong costs one
    picture that is made in vain, or is late as it would be without.
    """

    def __init__(
        self,
        prepare: Callable[[Frame], Made],
        *,
        unless: Callable[[], bool] = bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``unless()``: nothing is prepared that might be dropped, for what is prepared next depends on it."""
        self._prepare = prepare
        self._unless = unless
        self._clock = clock
        self._preparing = threading.Lock()
        self._came = Usual()
        self._worked = Usual()
        self._came_s: float | None = None
        self._begun_s: float | None = None  # the inference that goes on

    def waiting(self, frames: Iterable[Frame]) -> Iterator[Waiting[Made]]:
        """For the capture thread: what it puts into the queue. Raises what ``prepare`` raises, but `PictureError`."""
        for frame in frames:
            self._note_frame()
            waiting = Waiting[Made](frame)
            yield waiting  # first: the model may take it at once
            if self._is_next() and self._preparing.acquire(blocking=False):
                try:
                    with contextlib.suppress(PictureError):  # raised once more, where damaged pictures are counted
                        self._make(waiting)
                finally:
                    self._preparing.release()

    def ready(self, waiting: Waiting[Made]) -> Made:
        """For the inference thread: what is made of a frame. Raises what ``prepare`` raises."""
        with self._preparing:
            return self._make(waiting)

    def timed(self, made: Iterable[Made]) -> Iterator[Made]:
        """The same; how long the consumer works on each is what the model is expected to take."""
        for each in made:
            self._begun_s = begun_s = self._clock()
            yield each
            self._begun_s = None
            self._worked.note(self._clock() - begun_s)

    def _make(self, waiting: Waiting[Made]) -> Made:
        if waiting.made is None:
            waiting.made = self._prepare(waiting.frame)
        return waiting.made

    def _note_frame(self) -> None:
        now_s = self._clock()
        if self._came_s is not None:
            self._came.note(now_s - self._came_s)
        self._came_s = now_s

    def _is_next(self) -> bool:
        """Whether the model is busy, and free before another frame comes."""
        begun_s, work_s, period_s = self._begun_s, self._worked.usual_s, self._came.usual_s
        if None in (begun_s, work_s, period_s, self._came_s) or self._unless():
            return False
        return begun_s + work_s <= self._came_s + period_s  # type: ignore[operator]  # none of them is None


class Usual:
    """The median of the newest durations."""

    def __init__(self) -> None:
        self.usual_s: float | None = None  # None: nothing is known yet; any thread may read it
        self._newest: deque[float] = deque(maxlen=KEPT)

    def note(self, seconds: float) -> None:
        """One more."""
        self._newest.append(seconds)
        self.usual_s = statistics.median(self._newest)
