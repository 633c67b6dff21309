"""What several teachers agree on."""

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
from edge_detector.workstation.data.targets import Objects
from edge_detector.workstation.training.teachers import add_proposals, fuse, open_teacher, propose
from tests.workstation.graphs import LABELS, photographs, save_with_manifest, tiny_detector

COCO = Path(__file__).parents[3] / "labels" / "coco.txt"
YOLOX = "models/yolox_nano/yolox_nano.onnx"
LEFT, RIGHT = (0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 1.0)
ALIKE = np.ones(2, np.float32)


def objects(*rows: tuple[tuple[float, float, float, float], int, float]) -> Objects:
    boxes = np.float32([row[0] for row in rows]).reshape(-1, 4)
    return Objects(boxes, np.int32([row[1] for row in rows]), np.float32([row[2] for row in rows]))


def test_two_teachers_who_agree_make_one_object_between_them() -> None:
    fused = fuse([objects((LEFT, 3, 0.9)), objects(((0.0, 0.0, 1.0, 0.6), 3, 0.3))], ALIKE)
    np.testing.assert_allclose(fused.boxes, [[0.0, 0.0, 1.0, 0.525]], atol=1e-6)
    assert (fused.class_ids.tolist(), fused.scores.tolist()) == ([3], [pytest.approx(0.6)])


def test_who_does_not_see_it_votes_zero() -> None:
    fused = fuse([objects((LEFT, 3, 0.9)), objects()], np.float32([1.0, 2.0]))
    assert fused.scores.tolist() == [pytest.approx(0.3)]


def test_who_sees_it_twice_votes_once() -> None:
    fused = fuse([objects((LEFT, 3, 0.9), (LEFT, 3, 0.8)), objects((LEFT, 3, 0.5))], ALIKE)
    assert fused.scores.tolist() == [pytest.approx(0.7)]


def test_other_places_and_other_classes_stay_apart() -> None:
    fused = fuse([objects((LEFT, 3, 0.9), (RIGHT, 3, 0.8)), objects((LEFT, 4, 0.7))], ALIKE)
    assert fused.class_ids.tolist() == [3, 3, 4]


def test_nothing_seen_is_nothing_proposed() -> None:
    assert len(fuse([objects(), objects()], ALIKE)) == 0


def test_proposals_neither_repeat_a_label_nor_come_unsure() -> None:
    known = objects((LEFT, 3, 1.0))
    proposed = objects((LEFT, 3, 0.9), (RIGHT, 3, 0.8), (LEFT, 4, 0.7), (RIGHT, 5, 0.05))
    both = add_proposals(known, proposed)
    assert list(zip(both.class_ids.tolist(), both.scores.round(2).tolist(), strict=True)) == [
        (3, 1.0),
        (3, pytest.approx(0.8)),
        (4, pytest.approx(0.7)),
    ]


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
