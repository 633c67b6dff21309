from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")
pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect.detector import open_detector
from edge_detector.errors import ConfigError
from edge_detector.image_files import read_image
from edge_detector.workstation.quantization.make_model import ConversionRequest, make_model
from edge_detector.workstation.quantization.techniques import Data, TechniqueOptions
from tests.workstation.graphs import LABELS, photographs, save_with_manifest, tiny_detector


@pytest.fixture
def request_(tmp_path: Path) -> ConversionRequest:
    """The tiny detector, whose own detections are the truth."""
    (tmp_path / "float").mkdir()
    source = save_with_manifest(tiny_detector(), tmp_path / "float" / "tiny.tflite")
    options = TechniqueOptions(annotations=own_detections(source, photographs(tmp_path / "photographs")))
    data = {Data.CALIBRATION: tmp_path / "photographs"}
    return ConversionRequest(source, tmp_path / "made" / "small.tflite", data=data, options=options)


def own_detections(model: Path, folder: Path) -> Path:
    """COCO annotations of what the model itself finds with a score of at least a half."""
    images, annotations = [], []
    with open_detector(Config(model=model, confidence=0.5)) as detector:
        for number, path in enumerate(sorted(folder.iterdir())[:6]):
            images.append({"id": number, "file_name": f"{folder.name}/{path.name}"})
            found = detector.detect(read_image(path)).detections
            for (x1, y1, x2, y2), class_id in zip(found.boxes.tolist(), found.class_ids.tolist(), strict=True):
                box = [x1, y1, x2 - x1, y2 - y1]
                entry = {"id": len(annotations) + 1, "image_id": number, "category_id": class_id, "bbox": box}
                annotations.append({**entry, "area": box[2] * box[3], "iscrowd": 0})
    categories = [{"id": number, "name": name} for number, name in enumerate(LABELS)]
    path = folder.parent / "truth.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def with_bound(request: ConversionRequest, max_loss: float) -> ConversionRequest:
    return replace(request, options=replace(request.options, max_loss=max_loss))


def test_a_tight_bound_keeps_operators_in_float_and_a_loose_one_none(request_: ConversionRequest) -> None:
    loose = make_model(with_bound(request_, 0.9))
    assert loose.float_operators == 0
    tight = make_model(with_bound(request_, 1e-6))
    content = json.loads(tight.json())
    best = min(
        (trial for trial in content["accuracy_control"]["trials"] if trial["loss"] <= 1e-6),
        key=lambda trial: len(trial["floats"]),
    )
    assert sorted(content["kept_in_float"]) == sorted(best["floats"])
    assert tight.float_operators == len(best["floats"]) > 0
    assert "accuracy control: float has mAP" in tight.text()


def test_a_bound_that_cannot_be_met_writes_nothing_and_names_the_nearest(request_: ConversionRequest) -> None:
    impossible = with_bound(request_, -0.5)  # better than float
    with pytest.raises(ConfigError, match=r"not reached in \d+ measurements; the least loss is .* operators in float"):
        make_model(impossible)
    assert not impossible.output.exists()


def test_without_annotations_there_is_nothing_to_measure(request_: ConversionRequest) -> None:
    lacking = replace(request_, options=TechniqueOptions(max_loss=0.01))
    with pytest.raises(ConfigError, match="--max-loss needs --annotations"):
        make_model(lacking)
