"""Fine-tuning, on a detector small enough to learn within a test."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import cv2
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
from edge_detector.workstation.evaluation.measurement import Evaluation, evaluate
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training import validator
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.trainer import Data, columns, read_data, train
from tests.workstation.graphs import save_with_manifest, tiny_detector

LABELS = ("cat", "ball")  # the tiny detector knows person, dog and cat


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Twenty-four grey pictures, each with a red square in one cell: a ball."""
    (tmp_path / "pictures").mkdir()
    random = np.random.default_rng(0)
    places = random.integers(0, 7, (24, 2))
    for number, (row, column) in enumerate(places):
        picture = np.full((64, 64, 3), 90, np.uint8)
        picture[row * 8 : row * 8 + 16, column * 8 : column * 8 + 16] = (0, 0, 255)
        cv2.imwrite(str(tmp_path / f"pictures/{number:02}.png"), picture)
    content = {
        "images": [{"id": i, "file_name": f"pictures/{i:02}.png", "width": 64, "height": 64} for i in range(24)],
        "annotations": [
            {"id": i + 1, "image_id": i, "category_id": 1, "bbox": [int(column) * 8, int(row) * 8, 16, 16]}
            for i, (row, column) in enumerate(places)
        ],
        "categories": [{"id": 1, "name": "ball"}],
    }
    (tmp_path / "balls.json").write_text(json.dumps(content))
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    return Recipe(
        start=save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite"),
        labels=tmp_path / "labels.txt",
        data=((tmp_path / "balls.json", 5.0),),
        output=tmp_path / "build" / "trained.tflite",
        epochs=20,
        batch=4,
        rate=0.05,
        average=0.9,
    )


def test_a_new_class_is_learnt_and_found_by_the_device(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="edge_detector"):
        train(recipe)
    picture = read_image(recipe.output.parents[1] / "pictures" / "00.png")  # held out
    with open_detector(Config(model=recipe.output, confidence=0.2)) as detector:
        best, *_ = detector.detect(picture).detections
    red = np.argwhere(picture.image[..., 2] == 255)
    assert best.label == "ball"
    np.testing.assert_allclose(best.box, [*red.min(axis=0)[::-1], *red.max(axis=0)[::-1] + 1], atol=6)
    assert len([message for message in caplog.messages if message.startswith("epoch")]) == recipe.epochs


def test_fewer_photographs_than_a_batch_are_said_before_the_work(recipe: Recipe) -> None:
    with pytest.raises(ConfigError, match="100 photographs an epoch to learn from; one batch takes 101"):
        train(replace(recipe, batch=101))


def test_a_result_that_could_not_be_written_is_said_before_the_work(recipe: Recipe) -> None:
    with pytest.raises(SinkError, match=r"^/proc/nowhere: cannot be written"):
        train(replace(recipe, output=Path("/proc/nowhere/trained.tflite")))


def test_training_goes_on_where_it_was_stopped(recipe: Recipe, caplog: pytest.LogCaptureFixture) -> None:
    train(replace(recipe, epochs=1))
    with caplog.at_level(logging.INFO, logger="edge_detector"):
        train(replace(recipe, epochs=2))
    assert [message.partition(":")[0] for message in caplog.messages if "epoch" in message] == ["epoch 2"]


def test_training_for_int8_is_marked_on_the_int8_file(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[str] = []

    def noting(configs: list[Config], truth: Annotations) -> list[Evaluation]:
        measured.extend(TFLiteGraph.load(config.model).dtype(0).name for config in configs if config.model)
        return evaluate(configs, truth)

    monkeypatch.setattr(validator, "evaluate", noting)
    train(replace(recipe, epochs=1, calibration=recipe.output.parents[1] / "pictures"))
    assert set(measured) == {"int8"}


def test_the_result_has_a_manifest_that_vouches_for_it(recipe: Recipe) -> None:
    train(replace(recipe, epochs=1))
    written = manifests.read(manifests.manifest_path(recipe.output))
    assert written.sha256 == manifests.sha256(recipe.output)
    assert (written.folder / written.labels).resolve() == recipe.labels


def test_one_photograph_in_six_is_held_out(recipe: Recipe) -> None:
    data = read_data(recipe, LABELS)
    learnt = {photograph.path.name for photograph in data.epoch(np.random.default_rng(0))}
    assert sorted(path.name for _, path in data.held_out.images) == ["00.png", "06.png", "12.png", "18.png"]
    assert (len(learnt), data.size) == (20, 100)
    assert learnt.isdisjoint(path.name for _, path in data.held_out.images)


def test_half_a_part_is_another_half_each_epoch(recipe: Recipe) -> None:
    part, _ = read_data(recipe, LABELS).parts[0]
    half = Data(((part, 0.5),), read_data(recipe, LABELS).held_out)
    first, second = ([each.path for each in half.epoch(np.random.default_rng(seed))] for seed in (0, 1))
    assert (len(first), len(second)) == (10, 10)
    assert set(first) != set(second)


def test_columns_follow_names_and_skip_the_background(recipe: Recipe) -> None:
    start = manifests.read(manifests.manifest_path(recipe.start))
    assert columns(start, LABELS) == [2, None]
    assert columns(replace(start, decode=replace(start.decode_as(SsdDecode), background=True)), LABELS) == [3, None]
