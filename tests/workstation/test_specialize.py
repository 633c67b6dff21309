from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_detector import cli
from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.detector import open_detector
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError, ModelError
from edge_detector.image_files import read_image
from edge_detector.model_store.find import default_model
from edge_detector.types import Frame
from edge_detector.workstation import specialize
from edge_detector.workstation.graph.fewer_classes import keep_classes
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import save_with_manifest, tiny_detector
from tests.workstation.yolo_graphs import YOLO_SIDE, save_yolo, tiny_yolo

FLOAT16 = default_model().with_name("ssd_mobilenet_v2_fpnlite_320_coco_float16.tflite")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model of persons, dogs and cats."""
    return save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")


def specialized(model: Path, classes: str, output: Path, *options: str) -> Path:
    parser = argparse.ArgumentParser()
    specialize.add_arguments(parser)
    words = [str(model), "--classes", classes, "--output", str(output), *options]
    assert specialize.main(parser.parse_args(words)) == 0
    return output


def check_the_same_detections(model: Path, small: Path, frames: list[Frame]) -> int:
    """Of the kept classes, everything is as before, bit for bit; how many objects that were."""
    kept = read_labels(small.with_suffix(".txt"), class_count=None)
    found = 0
    with (
        open_detector(Config(model=model, confidence=0.2, max_detections=500)) as before,
        open_detector(Config(model=small, confidence=0.2, max_detections=500)) as after,
    ):
        for frame in frames:
            expected, made = before.detect(frame).detections, after.detect(frame).detections
            expected = expected[np.isin(np.array(expected.labels)[expected.class_ids], kept)]
            assert sorted((each.label, each.score, each.box) for each in made) == sorted(
                (each.label, each.score, each.box) for each in expected
            )
            found += len(made)
    return found


@pytest.mark.parametrize("model", [default_model(), FLOAT16], ids=["int8", "float16"])
def test_what_the_default_model_finds_of_five_classes_is_the_same_on_ten_photographs(
    shared: Path, tmp_path: Path, model: Path
) -> None:
    small = specialized(model, "person,dog,cat,car,bicycle", tmp_path / "five.tflite")
    frames = [read_image(path) for path in sorted((shared / "data/coco_val_50").glob("*.jpg"))[:10]]
    assert check_the_same_detections(model, small, frames) > 20
    assert small.stat().st_size < model.stat().st_size


def test_the_labels_and_the_manifest_match(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = specialized(default_model(), " cat , person", tmp_path / "made" / "two.tflite")
    manifest = manifests.read(manifests.manifest_path(small))
    assert (manifest.name, manifest.labels, manifest.metrics) == ("two", "two.txt", {})  # measured over 80 classes
    assert manifest.sha256 == manifests.sha256(small)
    assert small.with_suffix(".txt").read_text(encoding="utf-8") == "cat\nperson\n"
    assert capsys.readouterr().out.startswith(f"{small}: 2 classes (cat, person), 3.61 MB -> 3.5")


def test_a_model_is_found_by_its_name(tmp_path: Path) -> None:
    small = specialized(Path(default_model().stem), "dog", tmp_path / "dog.tflite")
    with open_detector(Config(model=small)) as detector:
        assert detector.labels == ("dog",)


def test_a_second_time_takes_from_what_is_left(tiny: Path) -> None:
    first = specialized(tiny, "cat,person", tiny.with_name("first.tflite"))
    second = specialized(first, "person", tiny.with_name("second.tflite"))
    frames = [Frame(np.random.default_rng(5).integers(0, 256, (16, 16, 3), np.uint8), 0, 0)]
    assert check_the_same_detections(tiny, second, frames) > 0
    spec = manifests.read(manifests.manifest_path(second)).decode_as(SsdDecode).anchors
    assert spec is not None
    assert spec.file == "second.anchors.npy"  # beside it, for the first may go


@pytest.mark.parametrize("joined", [True, False])
def test_a_yolo_keeps_its_boxes_and_scores(tmp_path: Path, joined: bool) -> None:
    model = save_yolo(tiny_yolo(joined=joined), tmp_path / "yolo.tflite")
    small = specialized(model, "cat,person", tmp_path / "small.tflite")
    assert manifests.read(manifests.manifest_path(small)).class_count == 2
    pictures = np.random.default_rng(1).integers(0, 256, (3, YOLO_SIDE, YOLO_SIDE, 3), np.uint8)
    assert check_the_same_detections(model, small, [Frame(picture, i, 0) for i, picture in enumerate(pictures)]) > 0


def test_a_background_column_stays(tiny: Path) -> None:
    path = manifests.manifest_path(tiny)
    manifest = manifests.read(path)
    decode = replace(manifest.decode_as(SsdDecode), background=True)
    tiny.with_suffix(".txt").write_text("dog\ncat")
    manifests.write(replace(manifest, decode=decode), path)
    graph = TFLiteGraph.load(specialized(tiny, "cat", tiny.with_name("cat.tflite")))
    assert [graph.shape(index)[2] for index in graph.outputs] == [4, 2]


def test_classes_that_are_unknown_are_named_with_the_nearest(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["specialize", str(default_model()), "--classes", "persn,dog,trafic light", "--output", str(tiny)]
    assert cli.main(words) == 78
    said = capsys.readouterr().err
    assert "unknown class 'persn'; did you mean 'person'?" in said
    assert "unknown class 'trafic light'; did you mean 'traffic light'?" in said


@pytest.mark.parametrize(
    ("classes", "output", "message"),
    [
        ("dog,dog", "small.tflite", "'dog' is there twice"),
        ("dog,", "small.tflite", "unknown class ''"),
        ("dog", "small.bin", "expected a name that ends in .tflite"),
        ("dog", "tiny.tflite", "tiny.tflite would be overwritten"),
    ],
)
def test_what_cannot_be_meant_is_told(tiny: Path, classes: str, output: str, message: str) -> None:
    before = tiny.read_bytes()
    with pytest.raises(ConfigError, match=message):
        keep_classes(tiny, classes.split(","), output=tiny.with_name(output))
    assert tiny.read_bytes() == before


def test_labels_of_another_model_are_told(tiny: Path) -> None:
    tiny.with_suffix(".txt").write_text("person\ndog")
    with pytest.raises(ConfigError, match="2 labels but the model has 3 classes"):
        keep_classes(tiny, ["dog"], output=tiny.with_name("small.tflite"))


def test_a_model_without_labels_asks_for_them(tmp_path: Path) -> None:
    model = save_yolo(tiny_yolo(), tmp_path / "yolo.tflite")
    path = manifests.manifest_path(model)
    manifests.write(replace(manifests.read(path), labels=""), path)
    with pytest.raises(ConfigError, match="no labels; say --labels FILE"):
        keep_classes(model, ["dog"], output=tmp_path / "small.tflite")
    small = specialized(model, "dog", tmp_path / "small.tflite", "--labels", str(model.with_suffix(".txt")))
    assert read_labels(small.with_suffix(".txt"), class_count=1) == ("dog",)


def test_a_fused_operator_is_told_where_to_go(shared: Path, tmp_path: Path) -> None:
    model = shared / "models/ssd_mobilenet_v1_coco_quant/detect.tflite"
    labels = model.with_name("coco_labels.txt")
    with pytest.raises(ModelError, match=r"not out of 'ssd' of the kind 'fused'; 'edge-detector convert' cuts"):
        keep_classes(model, ["person"], output=tmp_path / "small.tflite", labels=labels)
