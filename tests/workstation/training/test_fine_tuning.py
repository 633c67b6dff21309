"""Training, on a detector small enough to learn within a test."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.detector import open_detector
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import ScoreSpec
from edge_detector.errors import ConfigError, SinkError
from edge_detector.image_files import read_image
from edge_detector.workstation.data.targets import TargetEncoder
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training import trainer
from edge_detector.workstation.training.augmentation import Batch, Labelled, batches
from edge_detector.workstation.training.command import report
from edge_detector.workstation.training.fine_tuning import fine_tune
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.training_set import TrainingSet
from tests.workstation.graphs import SIDE, run


def test_a_new_class_is_learnt_and_found_by_the_device(
    data: TrainingSet, recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="edge_detector"):
        trained = fine_tune(data, recipe)
    picture = read_image(data.validation[0].path)
    with open_detector(Config(model=trained.results.int8.model, confidence=0.2)) as detector:
        best, *_ = detector.detect(picture).detections
    red = np.argwhere(picture.image[..., 2] == 255)
    assert best.label == "ball"
    np.testing.assert_allclose(best.box, [*red.min(axis=0)[::-1], *red.max(axis=0)[::-1] + 1], atol=6)
    assert len([each for each in caplog.messages if each.startswith("epoch")]) == len(trained.history.epochs)


def test_the_targets_are_encoded_with_the_scales_of_the_manifest(
    data: TrainingSet, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = manifests.manifest_path(recipe.base)
    base = manifests.read(path)
    manifests.write(replace(base, decode=replace(base.decode_as(SsdDecode), box_scales=(8.0, 9.0, 4.0, 6.0))), path)
    scales: list[tuple[float, ...]] = []

    def noting(photographs: Sequence[Labelled], encoder: TargetEncoder, **options: Any) -> Iterator[Batch]:
        scales.append(encoder.box_scales)
        return batches(photographs, encoder, **options)

    monkeypatch.setattr(trainer, "batches", noting)
    trained = fine_tune(data, replace(recipe, epochs=1))
    written = manifests.read(manifests.manifest_path(trained.results.int8.model))
    assert [*scales, written.decode_as(SsdDecode).box_scales] == [(8.0, 9.0, 4.0, 6.0)] * 2


def test_what_was_said_of_the_base_is_not_said_of_the_result(data: TrainingSet, recipe: Recipe) -> None:
    path = manifests.manifest_path(recipe.base)
    manifests.write(replace(manifests.read(path), scores=ScoreSpec(0.99, 3.0), metrics={"map": 0.99}), path)
    trained = fine_tune(data, replace(recipe, epochs=1))
    for result in trained.results.both:
        written = manifests.read(manifests.manifest_path(result.model))
        assert written.sha256 == manifests.sha256(result.model)
        assert written.scores == ScoreSpec(confidence=result.confidence)
        assert written.metrics == {"map": round(result.metrics.ap, 3), "ap50": round(result.metrics.ap50, 3)}
        assert (written.folder / written.labels).read_text() == "ball\n"


def test_a_set_smaller_than_a_batch_is_one_batch(data: TrainingSet, recipe: Recipe) -> None:
    trained = fine_tune(data, replace(recipe, epochs=1, batch=1000))
    assert len(trained.history.epochs) == 1


def test_a_result_that_could_not_be_written_is_said_before_the_work(data: TrainingSet, recipe: Recipe) -> None:
    with pytest.raises(SinkError, match=r"^/proc/nowhere: cannot be written"):
        fine_tune(data, replace(recipe, output=Path("/proc/nowhere")))


def test_results_that_are_there_are_not_overwritten(data: TrainingSet, recipe: Recipe) -> None:
    trained = fine_tune(data, replace(recipe, epochs=1))
    with pytest.raises(ConfigError, match="has a training that was stopped; say --resume to go on with it"):
        fine_tune(data, recipe)  # the report was not written yet
    report(trained)
    with pytest.raises(ConfigError, match="has the results of a training already; expected another folder"):
        fine_tune(data, recipe)


def test_a_loss_that_explodes_ends_the_training_and_the_weights_before_it_are_kept(
    data: TrainingSet, recipe: Recipe, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = trainer.Trainer._step

    def exploding(self: trainer.Trainer, *inputs: Any) -> Any:
        return losses(self, *inputs) * (np.nan if self.epoch == 1 else 1.0)

    monkeypatch.setattr(trainer.Trainer, "_step", exploding)
    with caplog.at_level(logging.WARNING, logger="edge_detector"):
        trained = fine_tune(data, replace(recipe, epochs=3))
    batch = recipe.output / "diverged_batch.npz"
    assert caplog.messages == [
        f"the loss is nan at step 26; the batch is in {batch}; try a lower --rate than 0.02; "
        "the weights of epoch 1 are kept"
    ]
    assert (trained.history.kept, trained.history.ended) == (1, "the loss is nan at step 26")
    assert np.load(batch)["images"].shape == (4, SIDE, SIDE, 3)


def test_a_loss_that_is_no_number_at_once_is_an_error(
    data: TrainingSet, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer.Trainer, "_step", lambda self, *inputs: np.float32([np.nan, 0]) + trainer.tf.zeros(2))
    with pytest.raises(ConfigError, match=r"the loss is nan at step 1; the batch is in .*; try a lower --rate than"):
        fine_tune(data, recipe)


def test_too_little_memory_says_which_batch_to_try(
    data: TrainingSet, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: Any) -> Any:
        raise trainer.tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(trainer.Trainer, "_step", exhausted)
    with pytest.raises(trainer.OutOfMemory, match="no memory for a batch of 4 views; try --batch 2"):
        fine_tune(data, recipe)


def test_the_int8_file_is_what_convert_makes(data: TrainingSet, recipe: Recipe) -> None:
    trained = fine_tune(data, replace(recipe, epochs=1))
    graph = TFLiteGraph.load(trained.results.int8.model)
    assert graph.dtype(graph.inputs[0]).name == "int8"
    assert trained.results.int8.model.with_suffix(".report.json").exists()


def test_the_answers_of_the_float_file_are_those_of_the_averaged_weights(data: TrainingSet, recipe: Recipe) -> None:
    trained = fine_tune(data, replace(recipe, epochs=1))
    image = np.random.default_rng(0).uniform(-1, 1, (1, SIDE, SIDE, 3))
    assert run(trained.results.exact.model.read_bytes(), image)["scores"].shape == (1, 64, 1)
