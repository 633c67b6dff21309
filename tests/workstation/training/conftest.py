"""Photographs to train on, and a detector small enough to learn within a test."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.workstation.training.recipe import Recipe
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
