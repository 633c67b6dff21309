"""Labels from other detectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the extra [training]")

from edge_detector import cli
from edge_detector.boxes import iou
from edge_detector.detect.labels import read_labels
from edge_detector.errors import ModelError
from edge_detector.image_files import read_image
from edge_detector.workstation.data.photographs import read_photographs
from edge_detector.workstation.training.teachers import open_teacher, propose
from tests.workstation.graphs import LABELS, photographs, save_with_manifest, tiny_detector

COCO = Path(__file__).parents[3] / "labels" / "coco.txt"
YOLOX = "models/yolox_nano/yolox_nano.onnx"


def test_the_yolox_teacher_sees_the_dog_where_it_is(shared: Path) -> None:
    labels = read_labels(COCO, class_count=80)
    with open_teacher(shared / YOLOX, COCO) as teacher:
        seen = propose([teacher], [1.0], read_image(shared / "stills" / "dog.jpg"), labels)
    dog = seen[seen.class_ids == labels.index("dog")]
    best = dog[dog.scores == dog.scores.max()]
    assert best.scores[0] > 0.6
    assert iou(best.boxes[0], np.float32([0.39, 0.17, 0.94, 0.41])) > 0.75


def test_the_command_adds_proposals_to_a_file(tmp_path: Path) -> None:
    teacher = save_with_manifest(tiny_detector(), tmp_path / "teacher.tflite")
    files = sorted(photographs(tmp_path / "pictures", 2).iterdir())
    images = [{"id": i, "file_name": f"pictures/{f.name}", "width": 64, "height": 48} for i, f in enumerate(files)]
    categories = [{"id": i, "name": label} for i, label in enumerate(LABELS)]
    source, output = tmp_path / "pictures.json", tmp_path / "build" / "pictures.json"
    source.write_text(json.dumps({"images": images, "annotations": [], "categories": categories}))
    words = f"--teacher {teacher} --labels {teacher.with_suffix('.txt')} --annotations {source} --output {output}"
    assert cli.main(["distill", *words.split()]) == 0
    found = read_photographs(output, LABELS)
    assert [each.path.resolve() for each in found] == files
    assert all(len(each.objects) > 0 and each.objects.scores.max() < 1 for each in found)


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such model file"), (b"no protobuf", "not a model that onnxruntime can load")]
)
def test_a_teacher_that_is_no_model_is_said(tmp_path: Path, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / "teacher.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=f"^{tmp_path}/teacher.onnx: {message}"):
        open_teacher(tmp_path / "teacher.onnx", COCO)
