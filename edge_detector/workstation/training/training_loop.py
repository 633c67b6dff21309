"""The epochs of a training: a measurement after each round, a checkpoint after each epoch, an early end."""

from __future__ import annotations

import logging
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.errors import ConfigError
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.progress import progress
from edge_detector.workstation.training.augmentation import Batch
from edge_detector.workstation.training.checkpoints import Checkpoint, CheckpointFile
from edge_detector.workstation.training.history import Epoch, History, chance_of
from edge_detector.workstation.training.scalars import Scalars
from edge_detector.workstation.training.trainer import Diverged, Trainer
from edge_detector.workstation.training.training_set import TrainingSet

log = logging.getLogger(__name__)

UNTIMED_STEPS, TIMED_STEPS = 2, 4  # at the start: the first ones build the network
KIBIBYTE = 1024


@dataclass(slots=True)
class TrainingLoop:
    """Trains in epochs, and keeps the weights that are best on the validation photographs."""

    trainer: Trainer
    data: TrainingSet
    measure: Callable[[TFLiteGraph], float]  # mean average precision
    checkpoints: CheckpointFile
    folder: Path  # for scalars, and for a batch that the training failed on
    history: History = field(default_factory=History)
    kept: list[NDArray[np.float32]] = field(default_factory=list)

    def run(self) -> History:
        """Train to the end from the last checkpoint on, and give the trainer's average the weights that are kept.

        Raises `ConfigError` if the loss is no number before any weights are worth keeping.
        """
        self._restore()
        schedule = self.trainer.schedule
        with closing(Scalars(self.folder / "tensorboard")) as scalars:
            while self.trainer.epoch < schedule.epochs and not self.history.ended:
                self._one_epoch(scalars)
        self.trainer.set_averages(self.kept)
        return self.history

    def _restore(self) -> None:
        checkpoint = self.checkpoints.load()
        if checkpoint is None:
            self.history = History(start_ap=self.measure(self.trainer.trained_graph()))
            self.kept = self.trainer.averages()
            log.info("start: mAP %.3f on %d validation photographs", self.history.start_ap, len(self.data.validation))
            return
        arrays = dict(checkpoint.arrays)
        self.kept = [arrays.pop(f"kept{n}") for n in range(len(self.trainer.averages()))]
        self.history = History.of_facts(checkpoint.facts)
        self.trainer.set_state(arrays, epoch=len(self.history.epochs))
        log.info("training goes on after epoch %d of %d", self.trainer.epoch, self.trainer.schedule.epochs)

    def _one_epoch(self, scalars: Scalars) -> None:
        started = time.monotonic()
        try:
            losses = list(self._steps())
        except Diverged as error:
            self._diverged(error)
            return
        mean_ap = self.measure(self.trainer.trained_graph()) if self._is_measured() else None
        epoch = self._noted(np.mean(losses, axis=0), time.monotonic() - started, mean_ap)
        scalars.write(epoch)
        self._save()
        log.info(self._line(epoch))

    def _is_measured(self) -> bool:
        return self.trainer.schedule.is_measured(self.trainer.epoch)

    def _steps(self) -> Iterator[NDArray[np.float32]]:
        """The losses of each step; the first steps of a run tell how long it will take."""
        name, count = f"epoch {self.trainer.epoch + 1}", self.trainer.schedule.steps_per_epoch
        times = [time.monotonic()]
        for losses in progress(self.trainer.train_epoch(self.data), name):
            yield losses
            times.append(time.monotonic())
            if len(times) == min(UNTIMED_STEPS + TIMED_STEPS, count) + 1 and not self.history.epochs:
                self._log_estimate(np.diff(times)[min(UNTIMED_STEPS, count - 1) :])

    def _log_estimate(self, seconds: NDArray[np.float64]) -> None:
        left = float(np.median(seconds)) * (self.trainer.schedule.steps - self.trainer.step)
        log.info(
            "estimated from the first steps: %s of training for %d steps, %.1f GB of memory",
            duration(left),
            self.trainer.schedule.steps,
            peak_memory() / 1e9,
        )

    def _noted(self, losses: NDArray[np.float32], seconds: float, mean_ap: float | None) -> Epoch:
        """Add the epoch to the history, and keep its weights if they are good enough."""
        rate = self.trainer.schedule.rate_at(self.trainer.step - 1)
        epoch = Epoch(self.trainer.epoch, float(losses[0]), float(losses[1]), rate, round(seconds, 2), mean_ap)
        keeps = mean_ap is not None and self.history.keeps(mean_ap, self._chance)
        if keeps:
            self.kept = self.trainer.averages()
        kept = epoch.number if keeps else self.history.kept
        self.history = replace(self.history, epochs=(*self.history.epochs, epoch), kept=kept)
        self.history = replace(self.history, ended=self._reason_to_end())
        return epoch

    def _reason_to_end(self) -> str:
        worse, patience = self.history.epochs_worse(self._chance), self.trainer.schedule.patience
        if self.trainer.epoch == self.trainer.schedule.epochs or worse < patience:
            return ""
        return f"clearly worse than before for {worse} epochs"

    @property
    def _chance(self) -> float:
        return chance_of(len(self.data.held_out.content["annotations"]))

    def _save(self) -> None:
        kept = {f"kept{n}": each for n, each in enumerate(self.kept)}
        self.checkpoints.save(Checkpoint(self.history.as_facts(), {**self.trainer.state(), **kept}))

    def _diverged(self, error: Diverged) -> None:
        path = save_batch(error.batch, self.folder / "diverged_batch.npz")
        advice = f"{error}; the batch is in {path}; try a lower --rate than {self.trainer.schedule.rate:g}"
        if not self.history.kept:
            raise ConfigError(advice)
        log.warning("%s; the weights of epoch %d are kept", advice, self.history.kept)
        self.history = replace(self.history, ended=str(error))

    def _line(self, epoch: Epoch) -> str:
        total = self.trainer.schedule.epochs
        measured = "" if epoch.mean_ap is None else f", mAP {epoch.mean_ap:.3f}"
        losses = f"loss {epoch.score_loss:.3f} scores, {epoch.box_loss:.3f} boxes"
        ending = self.history.ended or f"{duration(self._seconds_left())} left"
        return f"epoch {epoch.number}/{total}: {losses}{measured}; {ending}"

    def _seconds_left(self) -> float:
        recent = [each.seconds for each in self.history.epochs[-self.trainer.schedule.epochs_per_round * 2 :]]
        return float(np.mean(recent)) * (self.trainer.schedule.epochs - self.trainer.epoch)


def save_batch(batch: Batch, path: Path) -> Path:
    """Keep the batch for whoever looks for the reason; where it is."""
    np.savez_compressed(path, **batch._asdict())
    return path


def duration(seconds: float) -> str:
    """In words: "40 s" or "7 min"."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def peak_memory() -> int:
    """The most bytes of memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTE
