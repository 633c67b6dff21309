"""One step and one epoch of training, and the state that it goes on from."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_keras import Model
from tf_keras.optimizers import Adam

from edge_detector.detect.manifest import Manifest
from edge_detector.errors import EdgeDetectorError
from edge_detector.prefetch import Prefetch
from edge_detector.workstation.calibration.ranges import Ranges
from edge_detector.workstation.data.targets import TargetEncoder
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training.augmentation import Batch, batches
from edge_detector.workstation.training.distribution import local_replicas, on_replicas, replicas, strategy
from edge_detector.workstation.training.keras_twin import ssd_twin
from edge_detector.workstation.training.losses import box_loss, score_loss
from edge_detector.workstation.training.schedule import Schedule
from edge_detector.workstation.training.training_set import TrainingSet

Tensor = Any

CLIP_NORM = 10.0
LARGEST_LOSS = 1e4  # for each object; at the start of a training it is a few
# Layers with maps of a quarter of the input's side, and of so many cells, find edges and colours: good already.
FROZEN_PART, FROZEN_CELLS = 4, 40


class Diverged(Exception):
    """The loss is no number, or so large that the weights are lost."""

    def __init__(self, loss: float, step: int, batch: Batch) -> None:
        super().__init__(f"the loss is {loss:.3g} at step {step + 1}")
        self.batch = batch


class OutOfMemory(EdgeDetectorError):
    """A step needs more memory than there is."""


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """What a `Trainer` must know beside the model and its schedule."""

    batch: int
    seed: int


class Trainer:
    """A model in training, and the moving average of its weights, which is what gets measured and written."""

    def __init__(
        self,
        graph: TFLiteGraph,
        manifest: Manifest,
        schedule: Schedule,
        options: TrainingOptions,
        ranges: Ranges | None = None,
    ) -> None:
        """`ranges`: train for int8, with activations that are rounded in these."""
        self.schedule, self.epoch, self.step = schedule, 0, 0
        self._options, self._input, self._encoder = options, manifest.input, TargetEncoder.of(manifest)
        self._average = ssd_twin(graph)
        self._averages = trainable_weights(self._average.model)
        with strategy().scope():
            self._model = ssd_twin(graph, ranges).model
            self._weights = trainable_weights(self._model)
            self._optimizer = Adam(schedule.rate, global_clipnorm=CLIP_NORM)
            self._optimizer.build(self._weights)

    def trained_graph(self) -> TFLiteGraph:
        """The graph with the averaged weights."""
        return self._average.trained_graph()

    def averages(self) -> list[NDArray[np.float32]]:
        """The averaged weights that training changes."""
        return [each.numpy() for each in self._averages]

    def set_averages(self, values: list[NDArray[np.float32]]) -> None:
        """Put other weights in the place of the average."""
        _assign(self._averages, values)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the next step depends on."""
        kinds = {"weight": self._weights, "average": self._averages, "optimizer": self._optimizer.variables}
        return {f"{kind}{n}": each.numpy() for kind, listed in kinds.items() for n, each in enumerate(listed)}

    def set_state(self, arrays: dict[str, NDArray[Any]], *, epoch: int) -> None:
        """Go on from the `state` after so many epochs."""
        kinds = {"weight": self._weights, "average": self._averages, "optimizer": self._optimizer.variables}
        for kind, listed in kinds.items():
            _assign(listed, [arrays[f"{kind}{n}"] for n in range(len(listed))])
        self.epoch, self.step = epoch, epoch * self.schedule.steps_per_epoch

    def train_epoch(self, data: TrainingSet) -> Iterator[NDArray[np.float32]]:
        """Train on all photographs; after each step its losses (2,), of scores and of boxes.

        Raises `Diverged` for a loss that is no number, or above `LARGEST_LOSS`: the weights are lost then.
        Raises `OutOfMemory`.
        """
        with Prefetch(self._batches(data), name="batches", live=False) as ready:
            for each in ready:
                yield self._take_step(each)
        self.epoch += 1

    def _batches(self, data: TrainingSet) -> Iterator[tuple[Batch, ...]]:
        """For each step of the epoch, a batch for each replica of this machine."""
        views = data.sample_epoch(np.random.default_rng((self._options.seed, self.epoch)))
        order = np.random.default_rng((self._options.seed, self.epoch, 1)).permutation(len(views))
        side, size = self._input.size[0], self._options.batch
        streams = [
            batches(
                [views[place] for place in order[replica :: replicas()]],
                self._encoder,
                classes=len(data.labels),
                size=size,
                side=side,
                rng=np.random.default_rng((self._options.seed, self.epoch, 2, replica)),
            )
            for replica in local_replicas()
        ]
        yield from islice(zip(*streams, strict=False), self.schedule.steps_per_epoch)

    def _take_step(self, parts: tuple[Batch, ...]) -> NDArray[np.float32]:
        rate, keep = self.schedule.rate_at(self.step), self.schedule.average_at(self.step)
        try:
            step = self._step(on_replicas(parts), tf.constant(rate), tf.constant(keep))
            losses: NDArray[np.float32] = step.numpy()
        except (MemoryError, tf.errors.ResourceExhaustedError):
            half = max(1, self._options.batch // 2)
            raise OutOfMemory(f"no memory for a batch of {self._options.batch} views; try --batch {half}") from None
        if not losses.sum() <= LARGEST_LOSS:  # nor is a number that is none
            raise Diverged(float(losses.sum()), self.step, parts[0])
        self.step += 1
        return losses

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def _step(self, batch: Batch, rate: Tensor, keep: Tensor) -> Tensor:
        """One step down the gradient; the losses (2,) before it, of scores and of boxes, each per object."""
        self._optimizer.learning_rate.assign(rate)
        losses = strategy().reduce("MEAN", strategy().run(self._replica_step, args=(batch,)), axis=None)
        for average, weight in zip(self._averages, self._weights, strict=True):
            average.assign(keep * average + (1 - keep) * weight)
        return losses

    def _replica_step(self, batch: Batch) -> Tensor:
        """On one replica; the optimizer adds up the gradients of all."""
        with tf.GradientTape() as tape:
            losses = detection_losses(self._model(self._normalised(batch.images)), batch)
            share = losses / replicas()
        self._optimizer.apply_gradients(zip(tape.gradient(share, self._weights), self._weights, strict=True))
        return losses

    def _normalised(self, images: Tensor) -> Tensor:
        return (tf.cast(images, tf.float32) - self._input.mean) / self._input.std


def detection_losses(outputs: Any, batch: Batch) -> Tensor:
    """(2,) the losses of scores and of boxes, each per object."""
    boxes, logits = outputs
    score_sum = score_loss(logits, batch.score_index, batch.scores, batch.negatives)
    box_sum = box_loss(boxes, batch.box_index, batch.boxes, batch.box_weights)
    return tf.stack([score_sum, box_sum]) / tf.maximum(tf.reduce_sum(batch.box_weights), 1.0)


def trainable_weights(model: Model) -> list[Any]:
    """The weights that training changes: all but those of the first layers."""
    frozen_from = max(math.ceil(model.input_shape[1] / FROZEN_PART), FROZEN_CELLS)
    trained = [each for each in model.layers if each.weights and each.get_output_shape_at(0)[1] < frozen_from]
    return [weight for layer in trained for weight in layer.trainable_weights]


def _assign(variables: list[Any], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
