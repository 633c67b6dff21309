"""Training of an SSD on labelled photographs: from the base model to the files that a device takes.

Of the base's classes, those that are among the labels of the set are kept; the others of the set are new. Each epoch
ends with a checkpoint, so that a training that was stopped goes on to the same result.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import sha256
from edge_detector.errors import ConfigError
from edge_detector.types import Size
from edge_detector.workstation.data.photographs import to_coco
from edge_detector.workstation.graph.float_source import FloatSource, read_float_source
from edge_detector.workstation.graph.input_size import with_input_size
from edge_detector.workstation.graph.model_files import make_folder, writing
from edge_detector.workstation.training.checkpoints import CheckpointFile
from edge_detector.workstation.training.class_columns import Start, class_starts
from edge_detector.workstation.training.distribution import replicas
from edge_detector.workstation.training.history import History
from edge_detector.workstation.training.int8_training import Int8Training
from edge_detector.workstation.training.keras_twin import select_classes
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.results import INT8, Results, write_results
from edge_detector.workstation.training.schedule import Schedule, epochs_for
from edge_detector.workstation.training.trainer import Trainer, TrainingOptions
from edge_detector.workstation.training.training_loop import TrainingLoop
from edge_detector.workstation.training.training_set import TrainingSet
from edge_detector.workstation.training.validator import Validator

log = logging.getLogger(__name__)

LISTED_CLASSES = 5  # that the base knows; it may know eighty


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a training did, and where its files are."""

    recipe: Recipe
    data: TrainingSet
    starts: tuple[Start, ...]
    epochs: int  # that were planned
    history: History
    input_size: Size
    results: Results
    qat: str = ""  # what quantization-aware training did, if there was any


def fine_tune(data: TrainingSet, recipe: Recipe) -> Trained:
    """Train on the set, and write the models into the folder of the recipe.

    Raises `ConfigError`, `ModelError` or `SinkError` before the training begins, for what cannot be read or written.
    """
    folder = _checked_folder(recipe)
    source = _source(recipe)
    starts = class_starts(source, data.labels, data.photographs)
    _log_starts(starts)
    graph = select_classes(source.graph, [each.column for each in starts])
    calibration = _write_set(data, folder)
    validator = Validator.of(source, folder / "labels.txt", data.held_out)
    share = max(1, data.size // replicas())
    batch = min(recipe.batch, share)
    from_nothing = any(each.column is None for each in starts)
    epochs = recipe.epochs or epochs_for(data.size, from_nothing=from_nothing)
    schedule = Schedule(epochs, share // batch, recipe.rate)
    options = TrainingOptions(batch, recipe.seed)
    trainer = Trainer(graph, validator.manifest, schedule, options)
    loop = TrainingLoop(trainer, data, validator.mean_ap, _checkpoints(recipe, data), folder)
    history = loop.run()
    results, qat = _results(trainer, recipe, Int8Training(data, validator, schedule, options, folder, calibration))
    return Trained(recipe, data, tuple(starts), schedule.epochs, history, validator.manifest.input.size, results, qat)


def _results(trainer: Trainer, recipe: Recipe, int8: Int8Training) -> tuple[Results, str]:
    """What is written, and what quantization-aware training did, if there was any."""
    graph = trainer.trained_graph()
    plain = write_results(graph, int8.validator, int8.folder, int8.calibration)
    epochs = int8.epochs(recipe.qat_epochs, plain)
    return int8.improve(graph, plain, epochs) if epochs else (plain, "")


def _checked_folder(recipe: Recipe) -> Path:
    """The folder of the results, which is made. Raises `ConfigError` if another training's are in it."""
    folder = recipe.output
    make_folder(folder)
    stopped = checkpoint_path(recipe).exists()
    if (folder / INT8).exists() and not stopped:
        raise ConfigError(f"--output {folder}: has the results of a training already; expected another folder")
    if stopped and not recipe.resume:
        raise ConfigError(
            f"--output {folder}: has a training that was stopped; say --resume to go on with it, or another folder"
        )
    return folder


def _source(recipe: Recipe) -> FloatSource:
    source = read_float_source(recipe.base)
    source.manifest.decode_as(SsdDecode)
    return source if recipe.image_size is None else with_input_size(source, (recipe.image_size, recipe.image_size))


def _log_starts(starts: Sequence[Start]) -> None:
    """A line for each class that is new to the base, and one for all the others."""
    for each in starts:
        if each.column is None:
            log.info("class %s: starts from nothing, no class of the base sees it", each.label)
        elif each.relative:
            log.info("class %s: starts from %s, the class of the base that sees it best", each.label, each.relative)
    known = [each.label for each in starts if each.column is not None and not each.relative]
    if known:
        named = ", ".join(known[:LISTED_CLASSES]) + (", ..." if len(known) > LISTED_CLASSES else "")
        log.info("known to the base: %d of %d classes (%s)", len(known), len(starts), named)


def _write_set(data: TrainingSet, folder: Path) -> Path:
    """Labels and COCO annotations of both parts, for convert, compare and evaluate; the training part's path."""
    with writing(folder):
        (folder / "labels.txt").write_text("".join(f"{label}\n" for label in data.labels), encoding="utf-8")
        for name, photographs in (("training", data.photographs), ("validation", data.validation)):
            content = to_coco(photographs, data.labels, folder)
            (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder / "training.json"


def _checkpoints(recipe: Recipe, data: TrainingSet) -> CheckpointFile:
    names = [str(photograph.path) for photograph in (*data.photographs, *data.validation)]
    identity = {
        "--base": sha256(recipe.base),
        "the classes": ", ".join(data.labels),
        "the photographs": hashlib.sha256("\n".join(names).encode()).hexdigest(),
        "--image-size": str(recipe.image_size),
        "--epochs, --batch, --rate or --seed": f"{recipe.epochs} {recipe.batch} {recipe.rate} {recipe.seed}",
    }
    return CheckpointFile(checkpoint_path(recipe), identity)


def checkpoint_path(recipe: Recipe) -> Path:
    """Where a training that is stopped goes on from."""
    return recipe.output / "checkpoint.npz"
