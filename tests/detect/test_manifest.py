"""Manifests: complete, or an error that says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_detector.detect.anchors import AnchorSpec, make_anchors
from edge_detector.detect.manifest import read
from edge_detector.errors import ModelError

MODELS = Path(__file__).parents[2] / "models"
MINIMAL = """
family = "ssd"
[input]
size = [320, 320]
[outputs]
boxes = "b"
[decode]
kind = "fused"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "m.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_manifest_is_complete(path) -> None:
    found = read(path)
    assert found.name == path.stem
    assert (found.folder / found.labels).is_file()
    assert path.with_suffix(".tflite").is_file()


@pytest.mark.parametrize("table", ["family", "input", "outputs", "decode"])
def test_a_missing_part_is_named(tmp_path, table) -> None:
    text = MINIMAL.replace('family = "ssd"', "") if table == "family" else MINIMAL.replace(f"[{table}]", "[elsewhere]")
    with pytest.raises(ModelError, match=rf"m\.toml: \[{table}\] is missing"):
        read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"ssd"', '"sdd"', "family is 'sdd'; expected one of ssd, yolo"),
        ("size = [320, 320]", 'size = "big"', r"\[input\]: size = 'big': expected a size such as"),
        ("size = [320, 320]", "sice = [320, 320]", "unknown option 'sice'; did you mean 'size'"),
        ('kind = "fused"', 'kind = "raw"', r"a raw ssd needs \[anchors\]"),
        ("[320, 320]", "[320, 320]\nstd = 0.0", "std is 0"),
        ('"ssd"', "ssd", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, old, new, message) -> None:
    with pytest.raises(ModelError, match=message):
        read(written(tmp_path, MINIMAL.replace(old, new)))


def test_the_fpn_anchors_are_those_the_original_model_carries() -> None:
    # Its first and last anchors, as read from the constant of its fused op, in pixels of the 320x320 input.
    anchors = make_anchors(AnchorSpec("fpn"), input_size=(320, 320), folder=Path()) * 320
    assert anchors.shape == (12804, 4)
    assert anchors[0].tolist() == pytest.approx([4, 4, 32, 32])
    assert anchors[2].tolist() == pytest.approx([4, 4, 22.627419, 45.254834])
    assert anchors[-1].tolist() == pytest.approx([256, 256, 1024, 512])


def test_an_unknown_generator_is_an_error() -> None:
    with pytest.raises(ModelError, match="unknown anchor generator 'grid'"):
        make_anchors(AnchorSpec("grid"), input_size=(320, 320), folder=Path())


def test_an_anchor_file_of_the_wrong_shape_is_an_error(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 5)))
    with pytest.raises(ModelError, match=r"a\.npy: anchors of shape \(3, 5\); expected \(A, 4\)"):
        make_anchors(AnchorSpec(file="a.npy"), input_size=(320, 320), folder=tmp_path)
