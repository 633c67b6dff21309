"""The detector of a run, whose model may be replaced while frames are on their way."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect.detector import Detector, Inferred, Prepared, open_detector
from edge_detector.detect.preprocess import Placement
from edge_detector.errors import ShutdownTimeout
from edge_detector.resource import Resource
from edge_detector.running.model_change import ModelChange
from edge_detector.swap.candidate import Candidate
from edge_detector.swap.identity import model_identity
from edge_detector.swap.one_model import OneModel, Step
from edge_detector.swap.shadow import Check, Shadow
from edge_detector.types import Detections, Frame, Result, Size, Thresholds

log = logging.getLogger(__name__)

NO_INPUT = np.empty((1, 0, 0, 3), np.uint8)


class Loader(Protocol):
    """Opens the detector that a configuration describes, as `open_detector` does."""

    def __call__(self, config: Config, /) -> Detector: ...


class LiveDetector(Resource):
    """A detector with the three steps of `Detector`, each in a thread of its own, whose model may change.

    A frame ends in the model in which it has begun, so no input meets a model of another size. What is asked of it
    (labels, thresholds, name) is that of the model which made the newest result.
    """

    def __init__(
        self,
        detector: Detector,
        config: Config,
        identity: tuple[object, ...],
        *,
        load: Loader = open_detector,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``config``: with which ``detector`` was opened; ``identity``: as `model_identity`; ``load`` opens others."""
        self._shown = self._active = OneModel(detector, config)  # which made the newest result; takes new frames
        self._before: OneModel | None = None  # while the active one is on trial: what to go back to
        self._identity = self._identity_before = self._wanted_identity = identity
        self._shadow: Shadow | None = None
        self._trial_frames = 0
        self._threads = detector.threads
        self._load, self._clock = load, clock
        self.is_on = True  # False: nothing is looked for, and every result is empty; any thread may set it
        self.passed = 0  # frames that no model has seen, because detection was off
        self._surroundings: Callable[[str], object] = lambda _: None
        self._skipped_before = 0  # by the models that are gone
        self._ended: list[Candidate] = []  # whose threads may still run
        self._changing = threading.Lock()
        self._telling = threading.Lock()
        self.change = ModelChange()

    @classmethod
    def of(cls, config: Config) -> Self:
        """Raises what `open_detector` raises."""
        # Before it is loaded: if the file is replaced in between, the next reload loads it once too often, not never.
        identity = model_identity(config)
        return cls(open_detector(config), config, identity)

    def __repr__(self) -> str:
        return f"<LiveDetector {self._shown.detector!r} {self.change.phase}>"

    @property
    def name(self) -> str:
        """Of the model that made the newest result."""
        return self._shown.detector.name

    @property
    def model(self) -> OneModel:
        """The model that made the newest result: another object after each change."""
        return self._shown

    @property
    def runtime(self) -> str:
        """See `Detector.runtime`."""
        return self._shown.detector.runtime

    @property
    def labels(self) -> tuple[str, ...]:
        """See `Detector.labels`."""
        return self._shown.detector.labels

    @property
    def thresholds(self) -> Thresholds:
        """See `Detector.thresholds`."""
        return self._shown.detector.thresholds

    @thresholds.setter
    def thresholds(self, thresholds: Thresholds) -> None:
        self._shown.detector.thresholds = thresholds

    @property
    def lowest(self) -> NDArray[np.float32]:
        """See `Detector.lowest`."""
        return self._shown.detector.lowest

    def relabel(self, labels: tuple[str, ...], thresholds: Thresholds) -> None:
        """See `Detector.relabel`."""
        self._shown.detector.relabel(labels, thresholds)

    def reconfigure(self, config: Config) -> None:
        """See `Detector.reconfigure`."""
        self._shown.detector.reconfigure(config)

    def picture_size(self, frame_size: Size) -> Size:
        """See `Detector.picture_size`."""
        return self._active.detector.picture_size(frame_size)

    def leave_out_similar(self, surroundings: Callable[[str], object]) -> None:
        """See `OneModel.leave_out_similar`; it counts for each model that takes over, with its configuration."""
        self._surroundings = surroundings
        self._active.leave_out_similar(surroundings)

    @property
    def skips_similar(self) -> bool:
        """Whether what is made of a frame depends on the frames before it."""
        return self._active.skips_similar

    @property
    def skipped(self) -> int:
        """Frames on which no model did run, because they look like an earlier one."""
        return self._skipped_before + sum(model.skipped for model in filter(None, (self._active, self._before)))

    @property
    def threads(self) -> int:
        """With how many threads the models of this run work."""
        return self._threads

    def use_threads(self, threads: int) -> None:
        """See `Detector.use_threads`; a new model works with so many, too."""
        self._threads = threads  # heeded by the next inference

    def open(self) -> None:
        self._active.detector.open()

    def close(self) -> None:
        self._end_shadow(keep=False)
        for candidate in self._ended:
            try:
                candidate.close()
            except ShutdownTimeout as error:  # it was refused for that: the run ends all the same
                log.warning("%s", error)
        self._ended = []
        for model in filter(None, (self._active, self._before)):
            model.close()

    # The way to another model. The three methods below are called between two results, by the thread of `decode`.

    @property
    def config(self) -> Config:
        """With which the model of the newest result was opened."""
        return self._shown.config

    def is_other_model(self, config: Config) -> bool:
        """Whether ``config`` means another model than the one that runs. Raises `EdgeDetectorError` if it has none."""
        return model_identity(config) != self._identity

    def begin(self, config: Config, *, check: Check) -> None:
        """Load the model of ``config`` beside the running one, and take it if it is good.

        ``check``: called with its labels; raises `ConfigError` if they do not do. Raises `ModelError` if there is none.
        """
        identity = model_identity(config)
        if self._shadow is not None and (identity, config) == (self._wanted_identity, self._shadow.config):
            return  # it is on its way already
        self.give_up()
        self._keep()
        self._wanted_identity = identity
        load = partial(self._load, replace(config, threads=self._threads))
        self._shadow = Shadow(config, self.thresholds, load, check, clock=self._clock)
        self._tell(phase="loading", warned="")
        log.info("new model %s: loading; %s goes on meanwhile", self._shadow.name, self.name)

    def give_up(self) -> None:
        """Stay with the running model, if another one is on its way."""
        if (shadow := self._end_shadow(keep=False)) is not None:
            log.info("new model %s: not wanted any more; %s goes on", shadow.name, self.name)

    def refuse(self, reason: str) -> None:
        """Log and tell that a reload has come to nothing, before any model was loaded."""
        self._say(reason, logging.ERROR)
        self._tell(refused=self.change.refused + 1)

    # The steps of a frame.

    def prepare(self, frame: Frame) -> Step[Prepared]:
        """The first step: the model's input."""
        model, shadow = self._active, self._shadow
        if not self.is_on:
            return Step(model, Prepared(frame, NO_INPUT, Placement.stretch(frame.size), 0.0), is_off=True)
        prepared = model.prepare(frame)
        beside = None if shadow is None or prepared.skipped else shadow.prepare(frame)
        return Step(model, prepared, beside, shadow)

    def infer(self, step: Step[Prepared]) -> Step[Inferred]:
        """The second step: the model's outputs.

        Raises `ModelError` if the model fails, unless it is a new one: then the one before does it.
        """
        model = step.model
        if step.is_off:
            self.passed += 1
            return Step(model, Inferred(step.frame, {}, step.item.placement, 0.0, 0.0), is_off=True)
        try:
            inferred = model.infer(step.item, threads=self._threads, check=self._is_on_trial(model), again=step.again)
        except Exception as error:
            if not self._go_back(model, error):
                raise
            return self.infer(self._once_more(step.frame))
        shadow = self._shadow
        if shadow is None or step.shadow is not shadow or not isinstance(step.beside, Prepared):
            return Step(model, inferred)
        return Step(model, inferred, shadow.attempt(step.beside), shadow)

    def decode(self, step: Step[Inferred], *, live: bool = False, with_unsure: bool = False) -> Result:
        """The third step: the objects. See `infer` and `Detector.detect`."""
        if step.is_off:
            return self._active.detector.nothing(step.item, live=live)
        if step.model.is_out:
            step = self.infer(self._once_more(step.frame))
        try:
            result = step.model.decode(step.item, live=live, with_unsure=with_unsure)
        except Exception as error:
            if not self._go_back(step.model, error):
                raise
            step = self.infer(self._once_more(step.frame))
            result = step.model.decode(step.item, live=live, with_unsure=with_unsure)
        self._shown = step.model
        shadow = self._shadow
        if shadow is not None and step.shadow is shadow and isinstance(step.beside, Result):
            shadow.compare(result, _counting(result, step.model.detector), step.beside)
        self._advance(step.model)
        return result

    def _once_more(self, frame: Frame) -> Step[Prepared]:
        return Step(self._active, self._active.prepare(frame, again=True), again=True)

    # Decisions.

    def _advance(self, shown: OneModel) -> None:
        """After each result: whether it is time for the next phase."""
        if self._before is not None and shown is self._active:
            self._trial_frames += 1
            self._tell(frames=self._trial_frames)
            if self._trial_frames >= self._active.config.shadow_frames:
                self._keep()
        if self._ended:
            self._ended = [candidate for candidate in self._ended if candidate.is_alive]
        if (shadow := self._shadow) is None:
            return
        if shadow.new is not None:
            self._tell(phase="shadow", frames=shadow.agreement.frames, **_compared(shadow))
        if shadow.is_over:
            self._judge(shadow)

    def _judge(self, shadow: Shadow) -> None:
        running = self.name
        self._tell(**_compared(shadow))
        objection = shadow.objection
        self._end_shadow(keep=not objection)
        if objection:
            self._say(f"new model {shadow.name} is refused: {objection}; {running} goes on", logging.ERROR)
            self._tell(refused=self.change.refused + 1)
            return
        assert shadow.new is not None
        self._warn(shadow)
        self._take_over(shadow, shadow.new)

    def _warn(self, shadow: Shadow) -> None:
        agreement = shadow.agreement
        if not agreement.silent:
            return
        missed = (
            f"nothing found in {agreement.silent} of {agreement.frames} frames in which {self.name} finds something"
        )
        log.warning("new model %s: %s; look at what it misses", shadow.name, missed)
        self._tell(warned=f"{shadow.name}: {missed}")

    def _take_over(self, shadow: Shadow, new: OneModel) -> None:
        if self.thresholds is not shadow.thresholds:  # somebody has moved them on the page meanwhile
            new.detector.thresholds = _moved(new.detector, self.thresholds)
        new.leave_out_similar(self._surroundings)
        with self._changing:
            self._before, self._active = self._active, new
            self._identity_before, self._identity = self._identity, self._wanted_identity
        self._trial_frames = 0
        self._say(f"new model {shadow.name} takes over from {self.name}{shadow.summary}", logging.INFO)
        self._tell(phase="trial", frames=0, model=shadow.name, wanted_frames=new.config.shadow_frames)

    def _keep(self) -> None:
        """The new model has worked for long enough: the one before is not needed any more."""
        with self._changing:
            before, self._before = self._before, None
        if before is None:
            return
        self._skipped_before += before.skipped
        before.close()
        self._say(f"model {self._active.detector.name} stays; {before.detector.name} is gone", logging.INFO)
        self._tell(phase="none", frames=0, wanted_frames=0, model="", done=self.change.done + 1)

    def _is_on_trial(self, model: OneModel) -> bool:
        return model is self._active and self._before is not None

    def _go_back(self, model: OneModel, error: Exception) -> bool:
        """Whether another model takes the place of ``model``, which has failed: while that is on trial."""
        with self._changing:
            if model.is_out:
                return True
            if not self._is_on_trial(model) or self._before is None:
                return False
            model.is_out = True  # from now on, so that whoever waits for it goes another way
            self._active, self._before = self._before, None
            self._identity = self._identity_before
        self._skipped_before += model.skipped
        model.close()
        reason = str(error) or type(error).__name__
        self._say(
            f"new model {model.detector.name} fails: {reason}; back to {self._active.detector.name}", logging.ERROR
        )
        self._tell(phase="none", frames=0, wanted_frames=0, model="", returned=self.change.returned + 1)
        return True

    def _end_shadow(self, *, keep: bool) -> Shadow | None:
        shadow, self._shadow = self._shadow, None
        if shadow is not None:
            self._ended.append(shadow.end(keep=keep))
            self._tell(phase="none", frames=0, model="", wanted_frames=0)
        return shadow

    def _say(self, sentence: str, level: int) -> None:
        log.log(level, "%s", sentence)
        self._tell(said=sentence)

    def _tell(self, **changes: object) -> None:
        if (shadow := self._shadow) is not None:
            changes = {"model": shadow.name, "wanted_frames": shadow.config.shadow_frames, **changes}
        with self._telling:
            self.change = replace(self.change, **changes)  # type: ignore[arg-type]


def _compared(shadow: Shadow) -> dict[str, float | None]:
    """What is known so far of how the new model does, by the names of `ModelChange`."""
    return {"agreement": shadow.agreement.share, "new_ms": shadow.new_ms, "running_ms": shadow.running_ms}


def _counting(result: Result, detector: Detector) -> Detections:
    """What counts of a result that may also have what is near that."""
    found = result.detections
    return found[found.scores >= detector.lowest[found.class_ids]]


def _moved(detector: Detector, wanted: Thresholds) -> Thresholds:
    """The thresholds of ``detector`` with the confidence and the classes of ``wanted``, as far as it knows those."""
    known = tuple(label for label in wanted.classes if label in detector.labels)
    classes = known if known or not wanted.classes else detector.thresholds.classes
    return replace(detector.thresholds, confidence=wanted.confidence, classes=classes)
