"""Training of a graph's twin against the float model: rounds of steps, with a checkpoint and a measurement after each.

A run stops when its loss is no number or explodes; what it keeps are the weights of the round that was best on
photographs that it does not train on. After a stop, the same run goes on from its last checkpoint.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_keras import Model
from tf_keras.optimizers import Adam
from tf_keras.optimizers.schedules import CosineDecay

from edge_detector.prefetch import Prefetch
from edge_detector.workstation.progress import progress
from edge_detector.workstation.training.distillation import Distillation
from edge_detector.workstation.training.views import Views

log = logging.getLogger(__name__)

Tensor = Any

ROUNDS = 4
WARM_UP, LAST_RATE = 0.1, 0.05  # of all steps, the rate rises; then it falls to this fraction of its highest value
CLIP_NORM = 1.0
EXPLODED = 10.0  # for each output; 1 is about as bad as an output that is the same everywhere
ENDED = 1.0  # the whole schedule of a constraint


class Constraint(Protocol):
    """What the weights must keep to while they are trained, such as zeros that stay zero."""

    ready: bool  # whether the schedule is at its end: only such weights can be kept

    def tighten(self, progress: float) -> None:
        """Follow the schedule: `progress` is the part of all steps that is done."""

    def apply(self) -> None:
        """Change the weights until they keep to it; after every step."""


@dataclass(slots=True)
class Unconstrained:
    """Every weight may become anything."""

    ready: bool = True

    def tighten(self, progress: float) -> None:
        """Nothing to follow."""

    def apply(self) -> None:
        """Nothing to change."""


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """How long to train, and how fast."""

    steps: int
    rate: float  # the highest

    def ends(self) -> list[int]:
        """The step at which each round ends."""
        return sorted({max(1, round(self.steps * number / ROUNDS)) for number in range(1, ROUNDS + 1)})


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What a training did; the model has the weights that were best."""

    steps: int  # that were done
    best_steps: int  # that the weights kept have seen; 0: the weights of the start
    error_before: float  # distance from the float model on the photographs held out, with the constraint at its end
    error_after: float
    stopped: str = ""  # why, if before the end

    def sentence(self) -> str:
        """For a report."""
        kept = f"the weights of step {self.best_steps} are kept" if self.best_steps else "no round was better"
        said = (
            f"{self.steps} training steps; the error on photographs held out, relative to the float model, went from "
            f"{self.error_before:.4f} to {self.error_after:.4f} ({kept})"
        )
        return f"{said}; stopped early: {self.stopped}" if self.stopped else said


class Tuner:
    """A student in training: its outputs come nearer to those of the teacher."""

    def __init__(self, student: Model, teacher: Model, distillation: Distillation, plan: TuningPlan) -> None:
        self._student, self._teacher, self._distillation, self._plan = student, teacher, distillation, plan
        warm_up = round(plan.steps * WARM_UP)
        schedule = CosineDecay(
            0.0, max(plan.steps - warm_up, 1), alpha=LAST_RATE, warmup_target=plan.rate, warmup_steps=warm_up
        )
        self._optimizer = Adam(schedule if warm_up else plan.rate, global_clipnorm=CLIP_NORM)
        self._optimizer.build(student.trainable_variables)
        self._done = tf.Variable(0, dtype=tf.int64)  # steps

    def run(
        self,
        views: Views,
        held_out: Sequence[NDArray[np.float32]],
        constraint: Constraint,
        checkpoints: Path | None = None,
    ) -> TuningResult:
        """Train, from the last checkpoint in the folder `checkpoints` on, if there is one.

        `held_out`: (1, H, W, 3) each. A training that was complete is not done again.
        """
        rounds = _Rounds(self, constraint, held_out)
        store = None if checkpoints is None else _Store(self._state(rounds), checkpoints)
        if store is not None:
            store.restore()
        stopped = self._train(views, rounds, store)
        rounds.load_best()
        return rounds.result(int(self._done), stopped)

    def error(self, images: Sequence[NDArray[np.float32]]) -> float:
        """The mean distance from the teacher on images (1, H, W, 3)."""
        return float(np.mean([self._loss(image) for image in images]))

    def weights(self) -> list[NDArray[np.float32]]:
        """The student's weights."""
        return [each.numpy() for each in self._student.trainable_variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Give the student these weights."""
        for variable, value in zip(self._student.trainable_variables, weights, strict=True):
            variable.assign(value)

    def _train(self, views: Views, rounds: _Rounds, store: _Store | None) -> str:
        """All rounds that are left; why it stopped early, if it did."""
        for end in [end for end in self._plan.ends() if end > int(self._done)]:
            stopped = self._train_round(views, end, rounds.constraint)
            if stopped:
                log.warning("training stops: %s", stopped)
                return stopped
            rounds.measure(int(self._done))
            if store is not None:
                store.save()
        return ""

    def _train_round(self, views: Views, end: int, constraint: Constraint) -> str:
        with Prefetch(views.steps(int(self._done), end), name="views", live=False) as ready:
            for images in progress(ready, f"training to step {end} of {self._plan.steps}"):
                constraint.tighten(int(self._done) / self._plan.steps)
                loss = float(self._step(images))
                if not math.isfinite(loss) or loss > EXPLODED * len(self._distillation.probabilities):
                    return f"the loss is {loss:.3g} at step {int(self._done) + 1}; a lower rate may help"
                constraint.apply()
                self._done.assign_add(1)
        constraint.tighten(int(self._done) / self._plan.steps)
        constraint.apply()
        return ""

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def _step(self, images: Tensor) -> Tensor:
        """One step down the gradient; the loss before it."""
        expected = _listed(self._teacher(images, training=False))
        with tf.GradientTape() as tape:
            loss = self._distillation.training_loss(_listed(self._student(images, training=True)), expected)
        variables = self._student.trainable_variables
        self._optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def _loss(self, images: Tensor) -> Tensor:
        """Of the outputs alone: it is said to users, and decides which weights are kept."""
        results, expected = (_listed(model(images, training=False)) for model in (self._student, self._teacher))
        count = len(self._distillation.probabilities)
        return self._distillation.loss(results[:count], expected[:count])

    def _state(self, rounds: _Rounds) -> Any:
        return tf.train.Checkpoint(model=self._student, optimizer=self._optimizer, done=self._done, rounds=rounds.state)


class _Rounds:
    """The weights that were best so far, and how good they were."""

    def __init__(self, tuner: Tuner, constraint: Constraint, held_out: Sequence[NDArray[np.float32]]) -> None:
        self.constraint, self._tuner, self._held_out = constraint, tuner, held_out
        start = tuner.weights()
        constraint.tighten(ENDED)
        constraint.apply()
        before = tuner.error(held_out)
        self.state = tf.train.Checkpoint(
            weights=[tf.Variable(each, trainable=False) for each in tuner.weights()],
            steps=tf.Variable(0, dtype=tf.int64),
            before=tf.Variable(before, dtype=tf.float64),
            best=tf.Variable(before, dtype=tf.float64),
        )
        tuner.set_weights(start)
        constraint.tighten(0.0)
        log.info("before the training: error %.4f on %d photographs held out", before, len(held_out))

    def measure(self, steps: int) -> None:
        """Keep the weights if they are ready, and better than all before."""
        error = self._tuner.error(self._held_out)
        log.info("step %d: error %.4f", steps, error)
        if self.constraint.ready and error < float(self.state.best):
            self.state.best.assign(error)
            self.state.steps.assign(steps)
            for kept, value in zip(self.state.weights, self._tuner.weights(), strict=True):
                kept.assign(value)

    def load_best(self) -> None:
        """Give the student the best weights."""
        self._tuner.set_weights(self.state.weights)

    def result(self, steps: int, stopped: str) -> TuningResult:
        """What the training did."""
        state = self.state
        return TuningResult(steps, int(state.steps), float(state.before), float(state.best), stopped)


class _Store:
    """Checkpoints in a folder."""

    def __init__(self, state: Any, folder: Path) -> None:
        self._manager = tf.train.CheckpointManager(state, str(folder), max_to_keep=1)

    def restore(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        if self._manager.restore_or_initialize():
            log.info("training goes on from %s", self._manager.latest_checkpoint)

    def save(self) -> None:
        """Write a checkpoint. A full disk does not end the training: it could only not be continued."""
        try:
            self._manager.save()
        except (OSError, tf.errors.OpError) as error:
            log.warning("no checkpoint could be written (%s); a stop would lose the training so far", error)


def _listed(outputs: Any) -> list[Any]:
    """A model's outputs as a list; Keras gives a single one by itself."""
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]
