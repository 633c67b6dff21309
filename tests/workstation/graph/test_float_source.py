from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_detector.detect import manifest as manifests
from edge_detector.detect.anchors import AnchorSpec, fpn_anchors
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.heads.yolo import YoloDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ConfigError, ModelError
from edge_detector.workstation.graph import float_source
from edge_detector.workstation.graph.float_source import ANCHOR_TOLERANCE, read_float_source
from edge_detector.workstation.graph.postprocess_op import PostProcess
from tests.workstation.graphs import LABELS, SIDE, anchors, save_with_manifest, tiny_detector

SPEC = InputSpec((64, 64))


def fused(folder: Path) -> Path:
    """The tiny detector with the fused operator, and the manifest that such a file needs."""
    path = folder / "fused.tflite"
    tiny_detector(fused=True).save(path)
    path.with_suffix(".txt").write_text("\n".join(LABELS))
    roles = ("boxes", "classes", "scores", "count")
    manifest = Manifest(
        name="fused",
        family="ssd",
        input=InputSpec((SIDE, SIDE)),
        outputs={role: f"out/{role}" for role in roles},
        decode=SsdDecode("fused"),
        class_count=3,
        labels="fused.txt",
    )
    manifests.write(manifest, manifests.manifest_path(path))
    return path


def options(anchors: np.ndarray) -> PostProcess:
    return PostProcess(anchors, (10.0, 10.0, 5.0, 5.0), 3, 0.6, 0.01, 10)


def test_a_fused_source_ends_in_raw_heads_with_what_the_operator_knew(tmp_path: Path) -> None:
    source = read_float_source(fused(tmp_path))
    assert {source.graph.name(index) for index in source.graph.outputs} == {"raw_boxes", "scores"}
    assert source.manifest.outputs == {"boxes": "raw_boxes", "scores": "scores"}
    assert (source.manifest.decode.kind, source.manifest.decode_as(SsdDecode).background) == ("raw", False)
    assert source.manifest.decode_as(SsdDecode).box_scales == (10.0, 10.0, 5.0, 5.0)
    assert source.anchors is not None
    np.testing.assert_array_equal(source.anchors, anchors())


def test_the_fused_operator_can_be_kept(tmp_path: Path) -> None:
    source = read_float_source(fused(tmp_path), keep_postprocess=True)
    assert source.manifest.decode.kind == "fused"
    assert "TFLite_Detection_PostProcess" in source.graph.op_counts()
    assert source.anchors is None


def test_one_column_more_than_classes_is_the_background(tmp_path: Path) -> None:
    graph = tiny_detector()  # three columns of scores
    manifest = manifests.read(manifests.manifest_path(save_with_manifest(graph, tmp_path / "tiny.tflite")))
    found = [
        float_source._raw_manifest(manifest, graph, replace(options(anchors()), num_classes=count))
        .decode_as(SsdDecode)
        .background
        for count in (1, 2, 3)
    ]
    assert found == [False, True, False]


def test_a_raw_source_brings_the_anchors_of_its_file(tmp_path: Path) -> None:
    source = read_float_source(save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite"))
    assert source.anchors is not None
    np.testing.assert_array_equal(source.anchors, anchors())
    assert source.widened == 0


@pytest.mark.parametrize(("shift", "generator"), [(0.0, "fpn"), (0.9, "fpn"), (1.1, "")])
def test_anchors_are_the_generator_s_within_a_tolerance(shift: float, generator: str) -> None:
    moved = fpn_anchors(AnchorSpec(generator="fpn"), SPEC.size)
    moved[0, 0] += shift * ANCHOR_TOLERANCE
    assert float_source._anchor_spec(SPEC, options(moved)).generator == generator


def test_fewer_anchors_are_not_the_generator_s() -> None:
    fewer = fpn_anchors(AnchorSpec(generator="fpn"), SPEC.size)[:-1]
    assert float_source._anchor_spec(SPEC, options(fewer)) == AnchorSpec()


def test_roles_whose_names_the_converter_changed_are_told_by_shape(tmp_path: Path) -> None:
    graph = tiny_detector()
    manifest = manifests.read(manifests.manifest_path(save_with_manifest(graph, tmp_path / "tiny.tflite")))
    assert float_source._roles_by_shape(tmp_path, graph, manifest) == {"boxes": "raw_boxes", "scores": "scores"}
    renamed = replace(manifest, outputs={"boxes": "a", "scores": "b"})
    assert float_source._roles_by_shape(tmp_path, graph, renamed) == {"boxes": "raw_boxes", "scores": "scores"}
    unknown = replace(manifest, outputs={"boxes": "a", "scores": "b", "count": "c"})
    with pytest.raises(ModelError, match=r"which of the outputs .* play the roles boxes, scores, count\?"):
        float_source._roles_by_shape(tmp_path, graph, unknown)


def test_a_single_output_is_the_predictions(tmp_path: Path) -> None:
    graph = tiny_detector()
    manifest = manifests.read(manifests.manifest_path(save_with_manifest(graph, tmp_path / "tiny.tflite")))
    graph.set_outputs({"Identity": graph.outputs[1]})
    grid = replace(manifest, outputs={"predictions": "anything"})
    assert float_source._roles_by_shape(tmp_path, graph, grid) == {"predictions": "Identity"}


def test_a_file_of_another_kind_is_an_error_that_lists_the_known_kinds(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.pb: not a \.tflite, \.onnx, \.keras or \.h5 file, nor a SavedModel"):
        read_float_source(tmp_path / "model.pb")


def yolox(folder: Path, side: int = 32) -> Path:
    pytest.importorskip("onnx", reason="needs the extra [workstation]")
    from tests.workstation.onnx_graphs import tiny_yolox  # imports onnx

    return tiny_yolox(folder / "yolox.onnx", side)


def test_a_yolox_is_recognised_in_an_onnx_file(tmp_path: Path) -> None:
    source = read_float_source(yolox(tmp_path))
    assert source.manifest.family == "yolo"
    assert source.manifest.input == InputSpec((32, 32), resize="letterbox", color="bgr", mean=0.0, std=1.0)
    assert source.manifest.decode == YoloDecode("grid", objectness=True)
    assert source.manifest.outputs == {"boxes": "boxes", "objectness": "objectness", "scores": "scores"}
    assert [source.graph.shape(index) for index in source.graph.outputs] == [(1, 21, 4), (1, 21, 1), (1, 21, 3)]
    assert "STRIDED_SLICE" not in source.graph.op_counts()


def test_an_onnx_file_can_have_another_input_size(tmp_path: Path) -> None:
    source = read_float_source(yolox(tmp_path), input_size=(64, 96))
    assert source.graph.shape(source.graph.inputs[0]) == (1, 96, 64, 3)
    assert source.manifest.input.size == (64, 96)


def test_the_manifest_beside_an_onnx_file_counts(tmp_path: Path) -> None:
    path = yolox(tmp_path)
    recognised = read_float_source(path).manifest
    said = replace(recognised, outputs={"predictions": "output"}, input=replace(recognised.input, color="rgb"))
    manifests.write(replace(said, name="yolox"), manifests.manifest_path(path))
    source = read_float_source(path, input_size=(64, 64))
    assert (source.manifest.input.color, source.manifest.input.size) == ("rgb", (64, 64))
    assert set(source.manifest.outputs) == {"boxes", "objectness", "scores"}


def test_an_onnx_file_whose_anchors_are_a_list_has_no_other_input_size(tmp_path: Path) -> None:
    source = yolox(tmp_path)
    ssd = manifests.read(manifests.manifest_path(save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")))
    beside = replace(ssd, input=replace(ssd.input, size=(32, 32)), sha256="")
    manifests.write(beside, manifests.manifest_path(source))
    with pytest.raises(ModelError, match="--input-size 64x64: the anchors of this model are a list for 32x32"):
        read_float_source(source, input_size=(64, 64))


@pytest.mark.parametrize("name", ["model.pt", "model.pth"])
def test_a_pytorch_file_is_told_how_to_become_onnx(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"holds the weights without the network; export it first.*torch\.onnx\.export"
    ):
        read_float_source(tmp_path / name)
