"""A quantization technique is one file and one entry in `TECHNIQUES`: this adds a toy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.cli import main
from edge_detector.detect import manifest as manifests
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.techniques import TECHNIQUES, Data, Technique
from tests.workstation.graphs import photographs, save_with_manifest, tiny_detector

THE_FILE = '''
from dataclasses import replace

import numpy as np

from edge_detector.workstation.data.images import annotated_images
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.report import Section
from edge_detector.workstation.quantization.techniques import Data


def to_eighths(material: Material) -> TechniqueResult:
    """The graph with every weight rounded to a multiple of 1/8, for darker pictures."""
    graph = material.source.graph.copy()
    for index in range(len(graph.tensors)):
        weights = graph.constant(index)
        if weights is not None and weights.dtype == np.float32:
            graph.set_constant(index, np.round(weights * 8) / 8)
    seen = len(annotated_images(material.data[Data.TRAINING]))
    darker = replace(material.source.manifest.input, mean=100.0)
    source = replace(material.source, manifest=replace(material.source.manifest, input=darker))
    said = Section("eighths", {"photographs": seen}, (f"eighths: {seen} photographs seen",))
    return TechniqueResult(graph, (said,), source)
'''
THE_ENTRY = Technique(
    "weights become multiples of 1/8, 100 % of them",
    "toy_techniques.eighths:to_eighths",
    weight_bits=5,
    activation_bits=32,
    needs=(Data.TRAINING,),
)


@pytest.fixture(autouse=True)
def the_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "toy_techniques"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "eighths.py").write_text(THE_FILE)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.setitem(TECHNIQUES, "eighths", THE_ENTRY)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """Three photographs, and nothing on them."""
    images = sorted(photographs(tmp_path / "photographs", 3).iterdir())
    entries = [{"id": number, "file_name": f"photographs/{image.name}"} for number, image in enumerate(images)]
    path = tmp_path / "labelled.json"
    path.write_text(json.dumps({"images": entries, "annotations": [], "categories": []}))
    return path


def test_the_help_names_it_and_the_data_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--quantize {" + ",".join(TECHNIQUES) + "}" in shown
    assert "eighths: weights become multiples of 1/8, 100 % of them; needs --training" in shown
    assert "--training TRAINING a COCO annotation file of labelled photographs; of a classifier, a folder for" in shown
    assert ", eighths)" in shown


def test_without_its_data_it_is_refused(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", str(source), "--output", str(tmp_path / "x.tflite"), "--quantize", "eighths"]) == 78
    assert "eighths needs --training: a COCO annotation file of labelled photographs" in capsys.readouterr().err


def test_an_input_type_that_is_not_its_own_is_refused(
    source: Path, annotations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--output", str(source.with_name("x.tflite")), "--quantize", "eighths", "--training", str(annotations)]
    assert main(["convert", str(source), *words, "--input-type", "uint8"]) == 78
    assert "--input-type uint8: a model made with eighths takes float32" in capsys.readouterr().err


def test_it_converts_and_the_report_names_it(
    source: Path, annotations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "made" / "small.tflite"
    words = ["--output", str(model), "--quantize", "eighths", "--training", str(annotations)]
    assert main(["convert", str(source), *words]) == 0
    assert fractions(TFLiteGraph.load(source)).max() > 0
    assert fractions(TFLiteGraph.load(model)).max() == 0
    assert manifests.read(manifests.manifest_path(model)).input.mean == 100.0
    printed = capsys.readouterr().out
    assert "eighths (5-bit weights, 32-bit activations): 3 CONV_2D, 2 RESHAPE, 1 LOGISTIC" in printed
    assert "eighths: 3 photographs seen" in printed
    content = json.loads(model.with_suffix(".report.json").read_text())
    assert content["quantize"] == "eighths"
    assert content["eighths"] == {"photographs": 3}
    assert "calibration" not in content


def fractions(graph: TFLiteGraph) -> np.ndarray:
    """How far each weight is from a multiple of 1/8."""
    constants = [graph.constant(index) for index in range(len(graph.tensors))]
    weights = [each.ravel() * 8 for each in constants if each is not None and each.dtype == np.float32]
    return np.abs(np.concatenate(weights) - np.round(np.concatenate(weights)))
