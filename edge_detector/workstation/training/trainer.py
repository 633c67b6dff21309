"""Fine-tuning an SSD on photographs that people and teachers labelled.

Starts from a float SSD with its manifest and labels, keeps the classes that both label files name and adds the others.
Every sixth photograph is held out to steer by. Each epoch ends with a checkpoint: the same command goes on where it was
stopped. The result is a float .tflite with its manifest, which `edge-detector convert` makes small.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tf_keras import Model
from tf_keras.optimizers import SGD
from tf_keras.optimizers.schedules import CosineDecay

from edge_detector.detect.heads.ssd import SsdDecode, anchors_of
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import Manifest
from edge_detector.errors import ConfigError
from edge_detector.prefetch import Prefetch
from edge_detector.workstation.calibration.ranges import Ranges, calibrate
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.data.images import InputTensors, find_images
from edge_detector.workstation.data.photographs import Photograph, as_annotations, read_photographs
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.float_source import open_source
from edge_detector.workstation.graph.model_files import make_folder
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.progress import progress
from edge_detector.workstation.training.augmentation import Batch, batches
from edge_detector.workstation.training.keras_twin import rebuild, select_classes
from edge_detector.workstation.training.losses import box_loss, score_loss
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.validator import Validator, best_blend

Tensor = Any

log = logging.getLogger(__name__)

HOLD_OUT = 6  # one photograph of so many is measured on, not learnt from
HELD_OUT_SCORE = 0.35  # what a teacher is surer of than this counts as true there
MOMENTUM, CLIP_NORM = 0.9, 10.0
WARM_UP_STEPS, LAST_RATE = 50, 0.02  # the rate rises, then falls along a cosine to this fraction
FROZEN_FROM_SIDE = 80  # layers with maps this large find edges and colours: good already, and half of the time


def train(recipe: Recipe) -> None:
    """Follow the recipe, from its last checkpoint if there is one, and write the best weights found.

    Raises `ConfigError`, `ModelError` or `SinkError`, before the work begins, for what cannot be read or written.
    """
    make_folder(recipe.output.parent)
    labels = read_labels(recipe.labels, class_count=None)
    source = open_source(recipe.start)
    graph = select_classes(source.graph, columns(source.manifest, labels))
    decode = replace(source.manifest.decode_as(SsdDecode), background=False)
    manifest = replace(source.manifest, class_count=0, decode=decode)
    data = read_data(recipe, labels)
    if data.size < recipe.batch:
        raise ConfigError(f"{data.size} photographs an epoch to learn from; one batch takes {recipe.batch}")
    exam = Validator(manifest, recipe.labels, data.held_out, recipe.calibration)
    learner = Trainer(graph, manifest, recipe, steps=recipe.epochs * (data.size // recipe.batch))
    checkpoints = learner.checkpoints(recipe.output.with_suffix(".checkpoints"))
    if not checkpoints.restore_or_initialize():
        log.info("start: mAP %.4f on %d photographs held out", exam.mark(learner.average), len(data.held_out.images))
    for epoch in range(int(learner.epoch), recipe.epochs):
        losses, seconds = learner.study(data.epoch(np.random.default_rng((recipe.seed, epoch))), epoch)
        checkpoints.save()
        mark = exam.mark(learner.average)
        log.info("epoch %d: scores %.4f, boxes %.4f, %.0f s, mAP %.4f", epoch + 1, *losses, seconds, mark)
    best = best_blend(rebuild(graph), learner.average, exam)
    exam.write(best, recipe.output)


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """What is learnt from, and what is measured on."""

    parts: tuple[tuple[list[Photograph], float], ...]
    held_out: Annotations

    @property
    def size(self) -> int:
        """Photographs an epoch."""
        return len(self.epoch(np.random.default_rng(0)))

    def epoch(self, rng: np.random.Generator) -> list[Photograph]:
        """Every photograph as often as its part says; of a fraction, another random choice each time."""
        return [photograph for part, times in self.parts for photograph in _repeated(part, times, rng)]


def read_data(recipe: Recipe, labels: Sequence[str]) -> Data:
    """The photographs of all files, one of `HOLD_OUT` in each held out."""
    files = [(read_photographs(path, labels), times) for path, times in recipe.data]
    held_out = [photograph for photographs, _ in files for photograph in photographs[::HOLD_OUT]]
    parts = tuple(([each for i, each in enumerate(file) if i % HOLD_OUT], times) for file, times in files)
    return Data(parts, as_annotations(held_out, labels, least_score=HELD_OUT_SCORE))


def _repeated(photographs: list[Photograph], times: float, rng: np.random.Generator) -> list[Photograph]:
    whole, fraction = divmod(times, 1)
    some = rng.permutation(len(photographs))[: round(fraction * len(photographs))]
    return photographs * int(whole) + [photographs[i] for i in some]


def columns(start: Manifest, labels: Sequence[str]) -> list[int | None]:
    """The score column of the start for each label; None for a label it does not know."""
    known = read_labels(start.folder / start.labels, class_count=None)
    first = int(start.decode_as(SsdDecode).background)
    return [known.index(label) + first if label in known else None for label in labels]


class Trainer:
    """The model that learns, and the moving average of its weights, which is what gets measured and shipped."""

    def __init__(self, graph: TFLiteGraph, manifest: Manifest, recipe: Recipe, *, steps: int) -> None:
        self.model, self.average = rebuild(graph, _ranges(graph, manifest, recipe.calibration)), rebuild(graph)
        self.epoch = tf.Variable(0, dtype=tf.int64)
        schedule = CosineDecay(
            0.0, steps - WARM_UP_STEPS, alpha=LAST_RATE, warmup_target=recipe.rate, warmup_steps=WARM_UP_STEPS
        )
        self._optimizer = SGD(schedule, momentum=MOMENTUM, global_clipnorm=CLIP_NORM)
        self._fast, self._slow = trained(self.model), trained(self.average)
        self._input, self._recipe = manifest.input, recipe
        self._anchors = anchors_of(manifest)

    def checkpoints(self, folder: Path) -> Any:
        """The manager of what training needs to go on after a pause."""
        everything = tf.train.Checkpoint(
            model=self.model, average=self.average, optimizer=self._optimizer, epoch=self.epoch
        )
        return tf.train.CheckpointManager(everything, str(folder), max_to_keep=1)

    def study(self, photographs: Sequence[Photograph], epoch: int) -> tuple[NDArray[np.float32], float]:
        """One epoch; the mean losses of scores and boxes, and the seconds it took."""
        started = time.monotonic()
        rng = np.random.default_rng((self._recipe.seed, epoch, 1))
        stream = batches(photographs, self._anchors, size=self._recipe.batch, side=self._input.size[0], rng=rng)
        with Prefetch(stream, name="batches", live=False) as ready:
            losses = [self._step(batch).numpy() for batch in progress(ready, f"epoch {epoch + 1}")]
        self.epoch.assign(epoch + 1)
        return np.mean(losses, axis=0), time.monotonic() - started

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]
    def _step(self, batch: Batch) -> Tensor:
        """One step downhill; the losses before it, each per object."""
        with tf.GradientTape() as tape:
            images = (tf.cast(batch.images, tf.float32) - self._input.mean) / self._input.std
            boxes, logits = self.model(images)
            scores = score_loss(logits, batch.score_index, batch.scores)
            places = box_loss(boxes, batch.box_index, batch.boxes, batch.box_weights)
            losses = tf.stack([scores, places]) / tf.maximum(tf.reduce_sum(batch.box_weights), 1.0)
        self._optimizer.apply_gradients(zip(tape.gradient(losses, self._fast), self._fast, strict=True))
        steps = tf.cast(self._optimizer.iterations, tf.float32)
        keep = tf.minimum(self._recipe.average, steps / (steps + 10))  # forget the start at first
        for slow, fast in zip(self._slow, self._fast, strict=True):
            slow.assign(keep * slow + (1 - keep) * fast)
        return losses


def _ranges(graph: TFLiteGraph, manifest: Manifest, calibration: Path | None) -> Ranges:
    """What each activation of the graph takes on the photographs."""
    if calibration is None:
        return {}
    repairs.tidy(graph)  # ranges go by name
    return calibrate(graph, InputTensors(find_images(calibration), manifest.input), "minmax")


def trained(model: Model) -> list[Any]:
    """The weights that learn: all but those of the first layers."""
    learning = [each for each in model.layers if each.weights and each.get_output_shape_at(0)[1] < FROZEN_FROM_SIDE]
    return [weight for layer in learning for weight in layer.trainable_weights]
