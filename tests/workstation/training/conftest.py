"""Photographs to train on, and a detector small enough to learn within a test."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.training_set import TrainingSet
from tests.workstation.graphs import save_with_manifest, tiny_detector

LABELS = ("cat", "ball")  # the tiny detector knows person, dog and cat


@pytest.fixture
def balls(tmp_path: Path) -> Path:
    """COCO annotations of twenty-four grey pictures, each with a red square in one cell: a ball."""
    (tmp_path / "pictures").mkdir()
    places = np.random.default_rng(0).integers(0, 7, (24, 2))
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
    return tmp_path / "balls.json"


@pytest.fixture
def data(balls: Path) -> TrainingSet:
    """Twenty of the pictures to train on, five times an epoch, and four to measure on."""
    from edge_detector.workstation.training.reading import read_training_set

    return read_training_set([(balls, 5.0)])


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """A short training of the tiny detector."""
    return Recipe(
        base=save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite"),
        output=tmp_path / "run",
        epochs=20,
        batch=4,
        rate=0.02,
    )
