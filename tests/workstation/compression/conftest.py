"""Photographs to calibrate with, labelled ones to train with, and a detector with an inverted residual block."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_detector.config import Config
from edge_detector.workstation.graph.float_source import read_float_source
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.techniques import Data, TechniqueOptions
from tests.workstation.blocks import block_detector
from tests.workstation.graphs import photographs, save_with_manifest


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Eighteen photographs, each with a cat on its left half."""
    images = sorted(photographs(tmp_path / "labelled", 18, seed=5).iterdir())
    content = {
        "images": [{"id": n, "file_name": f"labelled/{each.name}"} for n, each in enumerate(images)],
        "annotations": [{"image_id": n, "category_id": 1, "bbox": [0, 0, 32, 48]} for n in range(len(images))],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    path = tmp_path / "labelled.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def material(tmp_path: Path, labelled: Path) -> Material:
    path = save_with_manifest(block_detector(), tmp_path / "block.tflite")
    data = {Data.CALIBRATION: photographs(tmp_path / "calibration"), Data.TRAINING: labelled}
    options = TechniqueOptions(samples=16, steps=8, batch=2)
    return Material(read_float_source(path, Config()), path.with_suffix(".txt"), "int8", data, options)
