"""Which model a configuration means: that of a file of the same name may be another one by now."""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edge_detector.config import Config
from edge_detector.errors import ModelError
from edge_detector.swap.identity import model_identity
from edge_detector.swap.live_detector import LiveDetector

CONTENT = b"\x1c\0\0\0TFL3" + bytes(2000)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "m.tflite").write_bytes(CONTENT)
    (tmp_path / "m.toml").write_text("a = 1\n")
    return Config(model=tmp_path / "m.tflite")


def test_the_same_content_written_again_is_the_same_model(config) -> None:
    before = model_identity(config)
    config.model.write_bytes(CONTENT)
    os.utime(config.model, (1, 1))
    assert model_identity(config) == before


@pytest.mark.parametrize("name", ["m.tflite", "m.toml", "m.anchors.npy"])
def test_a_file_with_other_content_is_another_model(config, name) -> None:
    before = model_identity(config)
    config.model.with_name(name).write_bytes(CONTENT + b"two")
    assert model_identity(config) != before


@pytest.mark.parametrize("change", [{"runtime": "litert"}, {"mean": 0.0, "std": 1.0}, {"resize": "letterbox"}])
def test_what_stands_for_a_manifest_or_runs_it_makes_another_model(config, change) -> None:
    assert model_identity(replace(config, **change)) != model_identity(config)


def test_thresholds_and_labels_do_not(config) -> None:
    assert model_identity(replace(config, confidence=0.1, labels=Path("x.txt"))) == model_identity(config)


def test_a_short_name_of_a_model_is_explained_once_in_the_log_of_a_start(caplog) -> None:
    caplog.set_level(logging.INFO)
    with LiveDetector.of(Config(model=Path("ssd_256"))):
        pass
    explained = [message for message in caplog.messages if message.startswith("--model")]
    assert explained == ["--model ssd_256: ssd_mobilenet_v2_fpnlite_256_coco_int8"]


def test_a_name_that_no_model_has_is_an_error() -> None:
    with pytest.raises(ModelError, match="no such model file"):
        model_identity(Config(model=Path("no_such_model")))
