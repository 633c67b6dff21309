from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.detector import open_detector
from edge_detector.detect.heads.yolo import YoloDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ConfigError, ModelError
from edge_detector.image_files import read_image
from edge_detector.model_store.find import default_model
from edge_detector.workstation import convert
from edge_detector.workstation.graph.float_source import FloatSource, read_float_source
from edge_detector.workstation.graph.input_size import read_size, with_input_size
from tests.workstation.graphs import SIDE, run, save_with_manifest, tiny_detector
from tests.workstation.yolo_graphs import save_yolo, tiny_yolo

FLOAT16 = default_model().with_name("ssd_mobilenet_v2_fpnlite_320_coco_float16.tflite")


@pytest.fixture(scope="module")
def default() -> FloatSource:
    """The weights of the default model."""
    return read_float_source(FLOAT16)


def converted(source: Path, output: Path, *options: str) -> Path:
    parser = argparse.ArgumentParser()
    convert.add_arguments(parser)
    words = [str(source), "--output", str(output), "--quantize", "float16", *options]
    assert convert.main(parser.parse_args(words)) == 0
    return output


def test_convert_makes_a_model_for_smaller_pictures_that_still_sees_the_dog(shared: Path, tmp_path: Path) -> None:
    model = converted(FLOAT16, tmp_path / "small.tflite", "--input-size", "256")
    manifest = manifests.read(manifests.manifest_path(model))
    assert (manifest.input.size, manifest.metrics) == ((256, 256), {})  # what was measured was another model
    with open_detector(Config(model=model, confidence=0.4)) as detector:
        found = detector.detect(read_image(shared / "stills/dog.jpg")).detections
    assert {"dog", "bicycle"} <= {each.label for each in found}
    dog = next(each for each in found if each.label == "dog")
    assert dog.box == pytest.approx((130, 220, 310, 540), abs=25)


def test_there_and_back_is_the_same_model(default: FloatSource) -> None:
    image = np.random.default_rng(0).uniform(-1, 1, (1, 320, 320, 3)).astype(np.float32)
    back = with_input_size(with_input_size(default, (256, 256)), (320, 320))
    expected, made = run(default.graph.to_bytes(), image), run(back.graph.to_bytes(), image)
    assert all(np.array_equal(made[name], expected[name]) for name in expected)


def test_a_picture_need_not_be_square(default: FloatSource) -> None:
    wide = with_input_size(default, (384, 256))
    graph = wide.graph
    assert graph.shape(graph.inputs[0]) == (1, 256, 384, 3)
    assert graph.shape(graph.outputs[0])[1] == 6 * (48 * 32 + 24 * 16 + 12 * 8 + 6 * 4 + 3 * 2)


def test_a_size_that_the_pyramid_cannot_join_is_told_the_multiple(default: FloatSource) -> None:
    with pytest.raises(ModelError, match=r"--input-size 300x300: expected multiples of 32, .*288x288 or 320x320"):
        with_input_size(default, (300, 300))


def test_a_size_whose_last_cells_reach_beyond_the_picture_is_told(
    default: FloatSource, caplog: pytest.LogCaptureFixture
) -> None:
    with_input_size(default, (256, 256))
    assert caplog.messages == []
    with_input_size(default, (224, 224))
    (message,) = caplog.messages
    assert message.startswith("--input-size 224x224 is no multiple of 128, the coarsest stride")


def test_anchors_in_a_list_do_not_follow(tmp_path: Path) -> None:
    source = read_float_source(save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite"))
    with pytest.raises(ModelError, match="the anchors of this model are a list for 16x16; expected a generator"):
        with_input_size(source, (32, 32))
    assert with_input_size(source, (SIDE, SIDE)) is source  # nothing to do


def test_a_fused_operator_that_is_kept_does_not_follow(default: FloatSource) -> None:
    manifest = replace(default.manifest, decode=replace(default.manifest.decode, kind="fused"))
    with pytest.raises(ModelError, match="holds the anchors of 320x320; leave out --postprocess keep"):
        with_input_size(replace(default, manifest=manifest), (256, 256))


def test_a_yolo_for_larger_pictures_has_more_predictions(tmp_path: Path) -> None:
    model = converted(
        save_yolo(tiny_yolo(), tmp_path / "yolo.tflite"), tmp_path / "wide.tflite", "--input-size", "128x96"
    )
    with open_detector(Config(model=model)) as detector:
        detector.detect(np.zeros((96, 128, 3), np.uint8))  # the head checks the number of its predictions
    graph = read_float_source(model).graph
    assert graph.shape(graph.outputs[0]) == (1, 16 * 12 + 8 * 6 + 4 * 3, 8)


def test_a_graph_whose_head_does_not_follow_is_told_why() -> None:
    """The outputs of the tiny detector as a YOLO's, with a prediction for each two pixels: too many for the head."""
    decode = YoloDecode("grid")
    manifest = Manifest("tiny", "yolo", InputSpec((SIDE, SIDE)), {"boxes": "raw_boxes", "scores": "scores"}, decode)
    with pytest.raises(ModelError, match=r"--input-size 32x32: tiny: 256 predictions; an input of .* 21 grid cells"):
        with_input_size(FloatSource(tiny_detector(), manifest), (32, 32))


@pytest.mark.parametrize(("text", "size"), [("256", (256, 256)), ("320x256", (320, 256)), ("320X256", (320, 256))])
def test_sizes_are_width_and_height(text: str, size: tuple[int, int]) -> None:
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "big", "0", "256x-1", "1x2x3"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--input-size {text}: expected pixels, such as 256, or WIDTHxHEIGHT"):
        read_size(text)
