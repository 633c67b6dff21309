"""Quantization-aware epochs: the trained model learns to live with activations that are rounded to int8.

Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference". They
are kept only if the int8 file made of them is the better one on the validation photographs.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_detector.workstation.calibration.ranges import calibrate
from edge_detector.workstation.data.images import InputTensors, spread
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.progress import progress
from edge_detector.workstation.training.results import MOST_SAMPLES, Results, write_results
from edge_detector.workstation.training.schedule import Schedule
from edge_detector.workstation.training.trainer import Diverged, Trainer, TrainingOptions
from edge_detector.workstation.training.training_set import TrainingSet
from edge_detector.workstation.training.validator import Validator

log = logging.getLogger(__name__)

RATE = 0.1  # of the training's rate: the weights are nearly right already
PART = 0.1  # of the training's epochs
WORTH_IT = 0.01  # mAP that plain int8 loses: from there on it is tried, unless the user says otherwise


@dataclass(frozen=True, slots=True, eq=False)
class Int8Training:
    """Trains a graph for int8, in a folder that has the results of plain int8."""

    data: TrainingSet
    validator: Validator
    schedule: Schedule  # of the training before
    options: TrainingOptions
    folder: Path
    calibration: Path

    def epochs(self, wanted: int | None, plain: Results) -> int:
        """As many as were asked for, or else some if plain int8 has lost too much."""
        if wanted is not None:
            return wanted
        return max(1, round(PART * self.schedule.epochs)) if plain.lost > WORTH_IT else 0

    def improve(self, graph: TFLiteGraph, plain: Results, epochs: int) -> tuple[Results, str]:
        """The better results, which are in the folder, and a sentence that says which they are."""
        with TemporaryDirectory() as folder:
            try:
                trained = self._trained(graph.copy(), epochs)
            except Diverged as error:
                return plain, f"Training for int8 stopped ({error}); plain int8 is kept."
            results = write_results(trained, self.validator, Path(folder), self.calibration)
        before, after = plain.int8.metrics.ap, results.int8.metrics.ap
        said = f"{epochs} epochs of training for int8 gave mAP {after:.3f}, plain int8 {before:.3f}"
        if after <= before:
            return plain, f"{said}; plain int8 is kept."
        return write_results(trained, self.validator, self.folder, self.calibration), f"{said}; the former is kept."

    def _trained(self, graph: TFLiteGraph, epochs: int) -> TFLiteGraph:
        repairs.tidy(graph)  # ranges are found by tensor name, so names must be unique
        paths = spread([each.path for each in self.data.photographs], MOST_SAMPLES)
        ranges = calibrate(graph, InputTensors(paths, self.validator.manifest.input), "minmax")
        schedule = Schedule(epochs, self.schedule.steps_per_epoch, RATE * self.schedule.rate)
        trainer = Trainer(graph, self.validator.manifest, schedule, self.options, ranges)
        for epoch in range(epochs):
            log.info("training for int8: epoch %d/%d", epoch + 1, epochs)
            for _ in progress(trainer.train_epoch(self.data), "int8"):
                pass
        return trainer.trained_graph()
