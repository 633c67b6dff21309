"""Which photographs a technique trains on, and which it is measured on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.workstation.compression.training_data import read_training_data
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.techniques import Data


def test_one_labelled_photograph_in_six_is_held_out(material: Material) -> None:
    data = read_training_data(material)
    assert [file.name for _, file in data.held_out.annotations.images] == ["000.png", "006.png", "012.png"]
    assert len(data.held_out.annotations.content["annotations"]) == 3
    assert len(data.training) == 15 + 20  # the others, and the calibration photographs


def test_what_is_held_out_is_not_trained_on_though_it_calibrates(material: Material, labelled: Path) -> None:
    data = read_training_data(replace(material, data={Data.CALIBRATION: labelled, Data.TRAINING: labelled}))
    held_out = {file for _, file in data.held_out.annotations.images}
    assert len(data.training) == len(set(data.training)) == 15
    assert held_out.isdisjoint(data.training)


def test_classes_that_cannot_be_measured_are_named(material: Material) -> None:
    data = read_training_data(material)
    assert data.lines[1] == "classes without an object held out, so not measured: dog"


def test_without_labels_average_precision_is_not_measured(material: Material) -> None:
    data = read_training_data(replace(material, labels=None))
    assert data.held_out.matching is None
    said = "labelled.json: no object held out has a class of the model: average precision is not measured"
    assert data.lines[1].endswith(said)


def test_objects_of_other_classes_measure_nothing(material: Material, labelled: Path) -> None:
    labelled.write_text(labelled.read_text().replace('"cat"', '"kite"'))
    assert read_training_data(material).held_out.matching is None


def test_too_few_photographs_are_refused(material: Material, labelled: Path) -> None:
    content = json.loads(labelled.read_text())
    labelled.write_text(json.dumps({**content, "images": content["images"][:1], "annotations": []}))
    with pytest.raises(ConfigError, match=r"labelled.json: 1 photographs; training needs at least 12,"):
        read_training_data(material)


def test_a_missing_photograph_is_named(material: Material, labelled: Path) -> None:
    (labelled.parent / "labelled" / "003.png").unlink()
    with pytest.raises(ConfigError, match=r"1 of 18 images are missing: .*003.png"):
        read_training_data(material)
