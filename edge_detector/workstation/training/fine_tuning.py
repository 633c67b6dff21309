"""Fine-tuning of an SSD on photographs that people and teachers labelled, from the start to the file.

It starts from a float SSD with its manifest and labels. Of its classes, those that are in the new label file are kept;
the others of that file are added. Each epoch ends with a checkpoint, so that the same command continues where it was
stopped. The result is a float .tflite with its manifest, which `edge-detector convert` quantizes.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import Manifest
from edge_detector.errors import ConfigError
from edge_detector.workstation.graph.float_source import read_float_source
from edge_detector.workstation.graph.model_files import make_folder
from edge_detector.workstation.training.dataset import Dataset, read_dataset
from edge_detector.workstation.training.keras_twin import select_classes, to_keras
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.trainer import Diverged, Trainer
from edge_detector.workstation.training.validator import Validator, best_blend

log = logging.getLogger(__name__)


def fine_tune(recipe: Recipe) -> None:
    """Follow the recipe, from its last checkpoint if there is one, and write the best weights found.

    Raises `ConfigError`, `ModelError` or `SinkError` before the training begins, for what cannot be read or written.
    """
    make_folder(recipe.output.parent)
    labels = read_labels(recipe.labels, class_count=None)
    source = read_float_source(recipe.start)
    graph = select_classes(source.graph, score_columns(source.manifest, labels))
    decode = replace(source.manifest.decode_as(SsdDecode), background=False)
    manifest = replace(source.manifest, class_count=0, decode=decode)
    dataset = read_dataset(recipe, labels)
    if dataset.size < recipe.batch:
        raise ConfigError(f"{dataset.size} photographs an epoch to learn from; one batch takes {recipe.batch}")
    validator = Validator(manifest, recipe.labels, dataset.held_out, recipe.calibration)
    trainer = Trainer(graph, manifest, recipe, steps=recipe.epochs * (dataset.size // recipe.batch))
    _train_epochs(trainer, dataset, validator, recipe)
    validator.write(best_blend(to_keras(graph), trainer.average, validator), recipe.output)


def _train_epochs(trainer: Trainer, dataset: Dataset, validator: Validator, recipe: Recipe) -> None:
    """The epochs that are left, with a checkpoint and a line in the log after each."""
    checkpoints = trainer.checkpoints(recipe.output.with_suffix(".checkpoints"))
    if not checkpoints.restore_or_initialize():
        held_out = len(dataset.held_out.images)
        log.info("start: mAP %.4f on %d photographs held out", validator.mean_ap(trainer.average), held_out)
        checkpoints.save()
    for epoch in range(int(trainer.epoch), recipe.epochs):
        photographs = dataset.sample_epoch(np.random.default_rng((recipe.seed, epoch)))
        try:
            losses, seconds = trainer.train_epoch(photographs, epoch)
        except Diverged as error:
            log.warning(
                "epoch %d: %s; the training ends with the weights before it; try a lower rate", epoch + 1, error
            )
            checkpoints.restore_or_initialize()
            return
        checkpoints.save()
        mean_ap = validator.mean_ap(trainer.average)
        log.info("epoch %d: scores %.4f, boxes %.4f, %.0f s, mAP %.4f", epoch + 1, *losses, seconds, mean_ap)


def score_columns(start: Manifest, labels: Sequence[str]) -> list[int | None]:
    """The column of each label in the scores of the start model; None for a label that it does not know."""
    known = read_labels(start.folder / start.labels, class_count=None)
    first = int(start.decode_as(SsdDecode).background)
    return [known.index(label) + first if label in known else None for label in labels]
