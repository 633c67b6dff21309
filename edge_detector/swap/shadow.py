"""The new model's way in: it is loaded, then it sees every n-th frame beside the running one, then it is judged."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable

from edge_detector.config import Config
from edge_detector.detect.detector import Detector, Prepared
from edge_detector.swap.agreement import Agreement
from edge_detector.swap.candidate import Candidate
from edge_detector.swap.one_model import OneModel
from edge_detector.types import Detections, Frame, Result, Thresholds, Timings

log = logging.getLogger(__name__)

Check = Callable[[tuple[str, ...]], object]  # takes the labels of a model; raises `ConfigError` if they do not do


class Shadow:
    """A new model beside the running one; `prepare`, `attempt` and `compare` take the same frame in this order.

    Each of the three may be called by a thread of its own. Whatever the new model raises is kept in `failure`.
    """

    def __init__(
        self,
        config: Config,
        thresholds: Thresholds,
        load: Callable[[], Detector],
        check: Check,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``thresholds``: of the running model, to see whether somebody changes them meanwhile."""
        self.config = config
        self.thresholds = thresholds
        self.new: OneModel | None = None  # as soon as it is loaded
        self.failure: Exception | None = None
        self.agreement = Agreement()
        self._check = check
        self._clock = clock
        self._candidate = Candidate(lambda: OneModel(load(), config), clock=clock)
        self._since_s = 0.0  # when the first frame was seen
        self._frames = 0  # that have passed since it is loaded
        self._new_ms: list[float] = []
        self._running_ms: list[float] = []

    @property
    def name(self) -> str:
        """What the new model is called, as far as it is known."""
        if self.new is not None:
            return self.new.detector.name
        return self.config.model.stem if self.config.model else "the default model"

    @property
    def new_ms(self) -> float | None:
        """The median time of a frame; None before the first."""
        return statistics.median(self._new_ms) if self._new_ms else None

    @property
    def running_ms(self) -> float | None:
        """The same of the running model, on the same frames."""
        return statistics.median(self._running_ms) if self._running_ms else None

    def prepare(self, frame: Frame) -> Prepared | None:
        """The new model's input, if it is loaded and this is a frame for it."""
        if self.failure is not None:
            return None
        try:
            if self.new is None:
                self._look()
                return None
            self._frames += 1
            is_due = self.config.shadow_frames > 0 and (self._frames - 1) % self.config.shadow_every == 0
            return self.new.prepare(frame) if is_due else None
        except Exception as error:  # noqa: BLE001 - no new model may end the run
            self.failure = error
            return None

    def attempt(self, prepared: Prepared) -> Result | None:
        """What the new model finds; None if it fails."""
        if self.failure is not None:
            return None
        try:
            return self._candidate.attempt(prepared)
        except Exception as error:  # noqa: BLE001 - the same
            self.failure = error
            return None

    def compare(self, running: Result, running_found: Detections, new: Result) -> None:
        """Count one frame; ``running_found``: what counts of ``running``, which also has what is near that."""
        self.agreement += Agreement.of(running_found, new.detections)
        self._running_ms.append(_work_ms(running.timings))
        self._new_ms.append(_work_ms(new.timings))

    @property
    def is_over(self) -> bool:
        """Whether it has been seen for long enough to be judged."""
        if self.new is None or self.failure is not None:
            return self.failure is not None
        seen = self.agreement.frames
        is_late = seen > 0 and self._clock() - self._since_s >= self.config.shadow_time
        return is_late or seen >= self.config.shadow_frames

    @property
    def objection(self) -> str:
        """Why the new model must not take over; "" if it may."""
        if self.failure is not None:
            kind = "" if str(self.failure) else type(self.failure).__name__
            return f"{kind}{self.failure}"
        slower, new_ms, running_ms = self.config.shadow_slower, self.new_ms, self.running_ms
        if not slower or new_ms is None or running_ms is None or new_ms <= slower * running_ms:
            return ""
        return (
            f"it takes {new_ms:.1f} ms a frame, the running one {running_ms:.1f} ms; expected at most {slower:g} times "
            "as long (shadow_slower; 0 allows any)"
        )

    @property
    def summary(self) -> str:
        """What has been seen, to follow a sentence; "" if nothing has."""
        if not self.agreement.frames:
            return ""
        return f": {self.agreement}, {self.new_ms:.1f} ms a frame instead of {self.running_ms:.1f}"

    def end(self, *, keep: bool) -> Candidate:
        """Ask its thread to end; returns what is to be closed later. ``keep``: the new model is used on."""
        self._candidate.end(keep=keep)
        return self._candidate

    def _look(self) -> None:
        new = self._candidate.loaded()
        if new is None:
            return
        self._check(new.detector.labels)
        self._since_s = self._clock()
        self.new = new
        if self.config.shadow_frames:
            log.info(
                "new model %s: loaded; it sees every %d. frame now, %d of them, for %g s at most",
                self.name,
                self.config.shadow_every,
                self.config.shadow_frames,
                self.config.shadow_time,
            )


def _work_ms(timings: Timings) -> float:
    return timings.preprocess_ms + timings.inference_ms + timings.postprocess_ms
