"""One step and one epoch of training."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_keras import Model
from tf_keras.optimizers import SGD
from tf_keras.optimizers.schedules import CosineDecay

from edge_detector.detect.manifest import Manifest
from edge_detector.prefetch import Prefetch
from edge_detector.workstation.calibration.ranges import Ranges, calibrate
from edge_detector.workstation.data.images import InputTensors, find_images
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.targets import TargetEncoder
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.progress import progress
from edge_detector.workstation.training.augmentation import Batch, batches
from edge_detector.workstation.training.keras_twin import to_keras
from edge_detector.workstation.training.losses import box_loss, score_loss
from edge_detector.workstation.training.recipe import Recipe

Tensor = Any

MOMENTUM, CLIP_NORM = 0.9, 10.0
WARM_UP_STEPS, LAST_RATE = 50, 0.02  # the rate rises, then falls along a cosine to this fraction of its highest value
LARGEST_LOSS = 1e4  # for each object; at the start of a training it is a few
FROZEN_FROM_SIDE = 80  # layers with maps this large find edges and colours: good already, and half of the time


class Diverged(Exception):
    """The loss is no number, or so large that the weights are lost."""


class Trainer:
    """A model in training, and the moving average of its weights, which is what gets measured and written."""

    def __init__(self, graph: TFLiteGraph, manifest: Manifest, recipe: Recipe, *, steps: int) -> None:
        """``steps``: how many there will be in all epochs together."""
        self.model, self.average = to_keras(graph, _ranges(graph, manifest, recipe.calibration)), to_keras(graph)
        self.epoch = tf.Variable(0, dtype=tf.int64)  # how many are done
        schedule = CosineDecay(
            0.0, steps - WARM_UP_STEPS, alpha=LAST_RATE, warmup_target=recipe.rate, warmup_steps=WARM_UP_STEPS
        )
        self._optimizer = SGD(schedule, momentum=MOMENTUM, global_clipnorm=CLIP_NORM)
        self._weights, self._average_weights = trainable_weights(self.model), trainable_weights(self.average)
        self._input, self._recipe = manifest.input, recipe
        self._encoder = TargetEncoder.of(manifest)

    def checkpoints(self, folder: Path) -> Any:
        """The `tf.train.CheckpointManager` of what training needs to continue after a stop."""
        everything = tf.train.Checkpoint(
            model=self.model, average=self.average, optimizer=self._optimizer, epoch=self.epoch
        )
        return tf.train.CheckpointManager(everything, str(folder), max_to_keep=1)

    def train_epoch(self, photographs: Sequence[Photograph], epoch: int) -> tuple[NDArray[np.float32], float]:
        """Train on all photographs; the mean losses (2,) of scores and of boxes, and the seconds it took.

        Raises `Diverged` for a loss that is no number, or above `LARGEST_LOSS`: the weights are lost then.
        """
        started = time.monotonic()
        rng = np.random.default_rng((self._recipe.seed, epoch, 1))
        stream = batches(photographs, self._encoder, size=self._recipe.batch, side=self._input.size[0], rng=rng)
        with Prefetch(stream, name="batches", live=False) as ready:
            losses = [_checked(self._step(batch).numpy()) for batch in progress(ready, f"epoch {epoch + 1}")]
        self.epoch.assign(epoch + 1)
        return np.mean(losses, axis=0), time.monotonic() - started

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def _step(self, batch: Batch) -> Tensor:
        """One step down the gradient; the losses (2,) before it, of scores and of boxes, each per object."""
        with tf.GradientTape() as tape:
            images = (tf.cast(batch.images, tf.float32) - self._input.mean) / self._input.std
            boxes, logits = self.model(images)
            score_sum = score_loss(logits, batch.score_index, batch.scores)
            box_sum = box_loss(boxes, batch.box_index, batch.boxes, batch.box_weights)
            losses = tf.stack([score_sum, box_sum]) / tf.maximum(tf.reduce_sum(batch.box_weights), 1.0)
        self._optimizer.apply_gradients(zip(tape.gradient(losses, self._weights), self._weights, strict=True))
        self._update_average()
        return losses

    def _update_average(self) -> None:
        steps = tf.cast(self._optimizer.iterations, tf.float32)
        keep = tf.minimum(self._recipe.average, steps / (steps + 10))  # the first weights are soon forgotten
        for average, weight in zip(self._average_weights, self._weights, strict=True):
            average.assign(keep * average + (1 - keep) * weight)


def _checked(losses: NDArray[np.float32]) -> NDArray[np.float32]:
    if not losses.sum() <= LARGEST_LOSS:  # nor is a number that is none
        raise Diverged(f"the loss is {losses.sum():.3g}")
    return losses


def _ranges(graph: TFLiteGraph, manifest: Manifest, calibration: Path | None) -> Ranges:
    """The range of each activation of the graph on the photographs; none without photographs."""
    if calibration is None:
        return {}
    repairs.tidy(graph)  # ranges are found by tensor name, so names must be unique
    return calibrate(graph, InputTensors(find_images(calibration), manifest.input), "minmax")


def trainable_weights(model: Model) -> list[Any]:
    """The weights that training changes: all but those of the first layers."""
    trained = [each for each in model.layers if each.weights and each.get_output_shape_at(0)[1] < FROZEN_FROM_SIDE]
    return [weight for layer in trained for weight in layer.trainable_weights]
