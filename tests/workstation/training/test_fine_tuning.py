"""Fine-tuning, on a detector small enough to learn within a test."""

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
from edge_detector.errors import ConfigError, SinkError
from edge_detector.image_files import read_image
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.data.photographs import Photograph
from edge_detector.workstation.data.targets import TargetEncoder
from edge_detector.workstation.evaluation.measurement import Evaluation, measure_models
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training import trainer, validator
from edge_detector.workstation.training.augmentation import Batch, batches
from edge_detector.workstation.training.fine_tuning import fine_tune, score_columns
from edge_detector.workstation.training.recipe import Recipe
from tests.workstation.graphs import SIDE, run
from tests.workstation.training.conftest import LABELS


def test_a_new_class_is_learnt_and_found_by_the_device(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="edge_detector"):
        fine_tune(recipe)
    picture = read_image(recipe.output.parents[1] / "pictures" / "00.png")  # held out
    with open_detector(Config(model=recipe.output, confidence=0.2)) as detector:
        best, *_ = detector.detect(picture).detections
    red = np.argwhere(picture.image[..., 2] == 255)
    assert best.label == "ball"
    np.testing.assert_allclose(best.box, [*red.min(axis=0)[::-1], *red.max(axis=0)[::-1] + 1], atol=6)
    assert len([message for message in caplog.messages if message.startswith("epoch")]) == recipe.epochs


def test_the_targets_are_encoded_with_the_scales_of_the_manifest(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = manifests.manifest_path(recipe.start)
    start = manifests.read(path)
    manifests.write(replace(start, decode=replace(start.decode_as(SsdDecode), box_scales=(4.0, 3.0, 2.0, 1.0))), path)
    scales: list[tuple[float, ...]] = []

    def noting(photographs: Sequence[Photograph], encoder: TargetEncoder, **options: Any) -> Iterator[Batch]:
        scales.append(encoder.box_scales)
        return batches(photographs, encoder, **options)

    monkeypatch.setattr(trainer, "batches", noting)
    fine_tune(replace(recipe, epochs=1))
    written = manifests.read(manifests.manifest_path(recipe.output))
    assert [*scales, written.decode_as(SsdDecode).box_scales] == [(4.0, 3.0, 2.0, 1.0)] * 2


def test_fewer_photographs_than_a_batch_are_said_before_the_work(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match="100 photographs an epoch to learn from; one batch takes 101"):
        fine_tune(replace(recipe, batch=101))


def test_a_result_that_could_not_be_written_is_said_before_the_work(recipe: Recipe) -> None:
    with pytest.raises(SinkError, match=r"^/proc/nowhere: cannot be written"):
        fine_tune(replace(recipe, output=Path("/proc/nowhere/trained.tflite")))


def test_training_goes_on_where_it_was_stopped(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    fine_tune(replace(recipe, epochs=1))
    with caplog.at_level(logging.INFO, logger="edge_detector"):
        fine_tune(replace(recipe, epochs=2))
    assert [message.partition(":")[0] for message in caplog.messages if "epoch" in message] == ["epoch 2"]


def test_a_loss_that_explodes_ends_the_training_and_the_weights_before_it_are_kept(
    recipe: Recipe, caplog: pytest.LogCaptureFixture
) -> None:
    fine_tune(replace(recipe, epochs=1))
    image = np.random.default_rng(0).uniform(-1, 1, (1, SIDE, SIDE, 3))
    good = run(recipe.output.read_bytes(), image)["scores"]
    with caplog.at_level(logging.INFO, logger="edge_detector"):
        fine_tune(replace(recipe, epochs=2, rate=1e8))
    assert [message.partition(";")[2] for message in caplog.messages if message.startswith("epoch")] == [
        " the training ends with the weights before it; try a lower rate"
    ]
    np.testing.assert_allclose(run(recipe.output.read_bytes(), image)["scores"], good, atol=1e-6)


def test_training_for_int8_is_measured_on_the_int8_file(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def noting(configs: list[Config], truth: Annotations) -> list[Evaluation]:
        measured.extend(TFLiteGraph.load(config.model).dtype(0).name for config in configs if config.model)
        return measure_models(configs, truth)

    monkeypatch.setattr(validator, "measure_models", noting)
    fine_tune(replace(recipe, epochs=1, calibration=recipe.output.parents[1] / "pictures"))
    assert set(measured) == {"int8"}


def test_the_result_has_a_manifest_that_vouches_for_it(recipe: Recipe) -> None:
    fine_tune(replace(recipe, epochs=1))
    written = manifests.read(manifests.manifest_path(recipe.output))
    assert written.sha256 == manifests.sha256(recipe.output)
    assert (written.folder / written.labels).resolve() == recipe.labels


def test_columns_follow_names_and_skip_the_background(recipe: Recipe) -> None:
    start = manifests.read(manifests.manifest_path(recipe.start))
    assert score_columns(start, LABELS) == [2, None]
    assert score_columns(replace(start, decode=replace(start.decode, background=True)), LABELS) == [3, None]
