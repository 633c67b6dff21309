"""Several cameras before one model: whose frame is next."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from edge_detector.errors import SourceError
from edge_detector.prefetch import Prefetch, ShutDown
from edge_detector.types import Frame

log = logging.getLogger(__name__)

LOOK_S = 1.0  # how often silence is looked for while no frame comes
MARGIN_S = 1.0  # a source says itself why it is silent, after its own time


@dataclass(slots=True)
class Line:
    """One camera that waits for its turns."""

    name: str
    frames: Prefetch[Frame]
    patience_s: float  # without a frame for so long, and a second, it is silent
    min_fps: float = 0.0  # it takes at least so many turns a second, if that can be
    lost: Callable[[], str] = str  # why its source has no frames now; "" if it has, as far as it knows
    turns: int = 0
    newest_s: float = 0.0  # the time of its last turn, or of the start
    clock: Callable[[], float] = time.monotonic
    is_silent: bool = False
    is_over: bool = False
    _due_s: float = 0.0  # the time of its next turn by `min_fps`

    @property
    def has_frame(self) -> bool:
        """Whether a frame waits."""
        return self.frames.queue.has_item

    @property
    def dropped(self) -> int:
        """Frames that were dropped for newer ones."""
        return self.frames.dropped

    @property
    def silent_s(self) -> float | None:
        """For how long no frame has come, if it is silent; any thread may ask."""
        return self.clock() - self.newest_s if self.is_silent else None

    def lateness_s(self, now_s: float) -> float:
        """0 or more where `min_fps` asks for a turn."""
        return now_s - self._due_s if self.min_fps else -math.inf

    def note_turn(self, now_s: float) -> None:
        """Count a turn. The next one is due an interval after this one was, so that the rate is kept on average."""
        self.turns += 1
        self.newest_s = now_s
        if self.min_fps:
            interval_s = 1.0 / self.min_fps
            self._due_s = max(self._due_s, now_s - interval_s) + interval_s


class Turns:
    """The frames of several cameras, one after the other, as `Prefetch` gives those of one.

    Of the cameras that have a frame, the one whose last turn is longest ago is next. So each camera that always has one
    gets as many turns as any other, a slower one gets all that it wants at once, and one without a frame never holds up
    the rest. (If the frame that has waited longest were next, cameras whose frames come soon after their turns would
    get up to half as many turns more.) A camera that is behind its `min_fps` goes first, but never twice in a row
    before others that wait.

    A camera that is silent is said once, and once that it is there again. The iteration ends when all have ended.
    """

    name = "capture"

    def __init__(
        self,
        lines: Sequence[Line],
        *,
        changed: threading.Condition,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``changed``: that of the queues of all ``lines``."""
        self.lines = tuple(lines)
        self._changed = changed
        self._clock = clock
        self._has_overtaken = False
        self._looked_s = clock()
        self._error: BaseException | None = None
        self._stack = ExitStack()

    def __repr__(self) -> str:
        return f"<Turns {', '.join(f'{line.name} {line.turns}' for line in self.lines)}>"

    @property
    def produced(self) -> int:
        """Frames of all cameras that were captured."""
        return sum(line.frames.produced for line in self.lines)

    @property
    def dropped(self) -> int:
        """Frames of all cameras that were dropped for newer ones."""
        return sum(line.frames.dropped for line in self.lines)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for line in self.lines:
                line.newest_s = self._clock()
                stack.enter_context(line.frames)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._stack.__exit__(exc_type, exc, traceback)

    def stop(self) -> None:
        """Ask all capture threads to end; returns at once. Iteration ends."""
        for line in self.lines:
            line.frames.stop()

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        with self._changed:
            while True:
                self._end_lines()
                if line := self._next():
                    return self._take(line)
                if all(each.is_over for each in self.lines):
                    raise self._error or StopIteration
                self._changed.wait(LOOK_S)
                self._look()

    def _next(self) -> Line | None:
        waiting = [line for line in self.lines if line.has_frame]
        if not waiting:
            return None
        first = min(waiting, key=lambda line: (line.newest_s, line.frames.queue.waits_since_ns))
        now_s = self._clock()
        latest = max(waiting, key=lambda line: line.lateness_s(now_s))
        overtakes = latest is not first and latest.lateness_s(now_s) >= 0.0 and not self._has_overtaken
        self._has_overtaken = overtakes
        return latest if overtakes else first

    def _take(self, line: Line) -> Frame:
        frame = line.frames.queue.get()
        now_s = self._clock()
        line.note_turn(now_s)
        if line.is_silent:
            line.is_silent = False
            log.warning("camera %s: frames come again", line.name)
        if now_s - self._looked_s >= LOOK_S:
            self._look()
        return frame

    def _end_lines(self) -> None:
        """Of cameras that have ended; raises what is no error of a source."""
        for line in self.lines:
            if line.is_over or not line.frames.queue.is_over:
                continue
            line.is_over, line.is_silent = True, False
            try:
                line.frames.queue.get()
            except ShutDown:
                log.debug("camera %s: has ended", line.name)
            except SourceError as error:
                self._error = self._error or type(error)(f"camera {line.name}: {error}")
                if not all(each.is_over for each in self.lines):
                    log.error("camera %s: %s; the others go on", line.name, error)

    def _look(self) -> None:
        """Say which cameras are silent. Raises `SourceError` if all are, and their sources are lost."""
        self._looked_s = now_s = self._clock()
        going = [line for line in self.lines if not line.is_over]
        for line in going:
            if not line.is_silent and not line.has_frame and now_s - line.newest_s > line.patience_s + MARGIN_S:
                line.is_silent = True
                why = line.lost()
                log.warning(
                    "camera %s: no frame for %.0f s%s", line.name, now_s - line.newest_s, f" ({why})" if why else ""
                )
        if going and all(line.is_silent and line.lost() for line in going):
            raise SourceError("all cameras are lost: " + "; ".join(f"{line.name}: {line.lost()}" for line in going))
