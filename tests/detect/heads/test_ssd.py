"""SSD heads, against tensors computed by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.detect import recognition
from edge_detector.detect.anchors import AnchorSpec
from edge_detector.detect.description import Description, TensorDescription
from edge_detector.detect.heads import open_head
from edge_detector.detect.heads.ssd import SsdDecode, decode_boxes
from edge_detector.detect.heads.yolo import YoloDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ModelError
from edge_detector.types import TensorInfo

LOWEST = np.full(3, 0.5, np.float32)
ANCHORS = np.float32([[0.5, 0.5, 0.2, 0.4], [0.25, 0.75, 0.1, 0.1]])  # ycenter, xcenter, height, width


def info(name: str, shape: tuple[int, ...], dtype: type = np.float32, scale: float = 0.0, zero: int = 0) -> TensorInfo:
    return TensorInfo(name, shape, np.dtype(dtype), scale, zero)


def raw_manifest(folder, **decode) -> Manifest:
    np.save(folder / "a.npy", ANCHORS)
    roles = {"boxes": "b", "scores": "s"}
    kind = SsdDecode("raw", anchors=AnchorSpec(file="a.npy"), **decode)
    return Manifest("test", "ssd", InputSpec((320, 320)), roles, kind, folder=folder)


def fused_tensors() -> dict[str, np.ndarray]:
    return {
        "a": np.float32([[0.9, 0.6, 0.4, 0.8]]),  # scores
        "b": np.float32([[[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1], [0, 0, 1, 1], [5, 5, 5, 5]]]),  # ymin xmin ymax xmax
        "c": np.float32([3]),  # count: the fourth row is rubbish
        "d": np.float32([[2, 0, 1, 77]]),  # classes
    }


@pytest.mark.parametrize("order", ["abcd", "bdac", "dcba"])
def test_fused_outputs_are_found_by_role_in_any_order(order) -> None:
    tensors = fused_tensors()
    outputs = tuple(info(name, tensors[name].shape) for name in order)
    roles = {"boxes": "b", "classes": "d", "scores": "a", "count": "c"}
    head = open_head(Manifest("test", "ssd", InputSpec((300, 300)), roles, SsdDecode("fused")), outputs)
    boxes, scores, class_ids = head.decode(tensors, LOWEST)
    np.testing.assert_allclose(boxes, [[0.2, 0.1, 0.4, 0.3], [0, 0, 1, 1]])
    assert (scores.tolist(), class_ids.tolist()) == (pytest.approx([0.9, 0.6]), [2, 0])


def test_a_fused_class_without_a_label_is_an_error() -> None:
    tensors = fused_tensors() | {"c": np.float32([4])}
    outputs = tuple(info(name, tensor.shape) for name, tensor in tensors.items())
    roles = {"boxes": "b", "classes": "d", "scores": "a", "count": "c"}
    head = open_head(Manifest("test", "ssd", InputSpec((300, 300)), roles, SsdDecode("fused")), outputs)
    with pytest.raises(ModelError, match="class 77 but there are only 3 labels"):
        head.decode(tensors, LOWEST)


def test_a_box_decodes_by_the_formula() -> None:
    encoded = np.float32([[10, -5, 5 * math.log(2), 0]])  # one anchor height down, half a width left, twice as high
    boxes = decode_boxes(encoded, ANCHORS[:1], np.float32([10, 10, 5, 5]))
    # ycenter 0.5 + 0.2 = 0.7, height 0.4; xcenter 0.5 - 0.5 * 0.4 = 0.3, width 0.4
    np.testing.assert_allclose(boxes, [[0.1, 0.5, 0.5, 0.9]], rtol=1e-6)


def test_raw_float_scores_and_zero_offsets_give_the_anchors(tmp_path) -> None:
    head = open_head(raw_manifest(tmp_path), (info("b", (1, 2, 4)), info("s", (1, 2, 3))))
    scores = np.float32([[[0.1, 0.7, 0.2], [0.6, 0.1, 0.5]]])
    boxes, found, class_ids = head.decode({"b": np.zeros((1, 2, 4), np.float32), "s": scores}, LOWEST)
    order = np.argsort(-found)
    assert class_ids[order].tolist() == [1, 0, 2]
    np.testing.assert_allclose(boxes[order][0], [0.3, 0.4, 0.7, 0.6], rtol=1e-6)
    assert head.class_count == 3


def test_int8_scores_on_the_threshold_are_kept(tmp_path) -> None:
    outputs = (info("b", (1, 2, 4), np.int8, 0.1, 0), info("s", (1, 2, 3), np.int8, 1 / 256, -128))
    head = open_head(raw_manifest(tmp_path), outputs)
    stored = np.int8([[[0, -1, -128], [127, -128, -128]]])  # 0.5, just below, 0; 255/256
    _, scores, class_ids = head.decode({"b": np.zeros((1, 2, 4), np.int8), "s": stored}, LOWEST)
    assert sorted(zip(scores.tolist(), class_ids.tolist(), strict=True)) == [(0.5, 0), (255 / 256, 0)]


@given(seed=st.integers(0, 2**32), confidence=st.floats(0.0, 1.0))
def test_the_search_among_stored_scores_finds_what_real_numbers_would(tmp_path_factory, seed, confidence) -> None:
    folder = tmp_path_factory.mktemp("anchors")
    outputs = (info("b", (1, 2, 4), np.int8, 0.1, 0), info("s", (1, 2, 3), np.int8, 1 / 256, -128))
    head = open_head(raw_manifest(folder), outputs)
    stored = np.random.default_rng(seed).integers(-128, 128, (1, 2, 3)).astype(np.int8)
    lowest = np.float32([confidence, confidence / 2, np.inf])
    _, scores, class_ids = head.decode({"b": np.zeros((1, 2, 4), np.int8), "s": stored}, lowest)
    real = (stored[0].astype(np.float64) + 128) / 256
    wanted = sorted(real[real >= lowest - 1e-6 * (lowest > 0)].tolist())
    assert sorted(scores.tolist()) == pytest.approx(wanted)
    assert 2 not in class_ids


def test_logits_pass_through_a_sigmoid_and_background_is_no_class(tmp_path) -> None:
    manifest = raw_manifest(tmp_path, activation="sigmoid", background=True)
    head = open_head(manifest, (info("b", (1, 2, 4)), info("s", (1, 2, 4))))
    logits = np.float32([[[9, -9, math.log(3), -9], [9, -9, -9, -9]]])  # background 9; sigmoid(log 3) = 0.75
    _, scores, class_ids = head.decode({"b": np.zeros((1, 2, 4), np.float32), "s": logits}, LOWEST)
    assert (scores.tolist(), class_ids.tolist()) == (pytest.approx([0.75]), [1])
    assert head.class_count == 3


def test_anchors_that_do_not_fit_are_an_error(tmp_path) -> None:
    with pytest.raises(ModelError, match="do not fit 2 anchors"):
        open_head(raw_manifest(tmp_path), (info("b", (1, 5, 4)), info("s", (1, 5, 3))))


def test_an_output_that_is_not_there_is_an_error_that_lists_what_is(tmp_path) -> None:
    with pytest.raises(ModelError, match="no output tensor 's' for the role 'scores'; the model has b, x"):
        open_head(raw_manifest(tmp_path), (info("b", (1, 2, 4)), info("x", (1, 2, 3))))


@pytest.mark.parametrize("class_id", [3, -1])
def test_the_first_class_beyond_the_labels_is_an_error_already(class_id) -> None:
    tensors = fused_tensors() | {"d": np.float32([[2, class_id, 1, 77]])}
    outputs = tuple(info(name, tensor.shape) for name, tensor in tensors.items())
    roles = {"boxes": "b", "classes": "d", "scores": "a", "count": "c"}
    head = open_head(Manifest("test", "ssd", InputSpec((300, 300)), roles, SsdDecode("fused")), outputs)
    with pytest.raises(ModelError, match=f"test: found class {class_id} but there are only 3 labels"):
        head.decode(tensors, LOWEST)


def test_a_fused_score_on_the_threshold_is_kept() -> None:
    tensors = fused_tensors() | {"a": np.float32([[0.5, 0.49, 0.4, 0.8]])}
    outputs = tuple(info(name, tensor.shape) for name, tensor in tensors.items())
    roles = {"boxes": "b", "classes": "d", "scores": "a", "count": "c"}
    head = open_head(Manifest("test", "ssd", InputSpec((300, 300)), roles, SsdDecode("fused")), outputs)
    assert head.decode(tensors, LOWEST).class_ids.tolist() == [2]


def test_a_fused_ssd_that_finds_nothing_finds_nothing() -> None:
    tensors = fused_tensors() | {"c": np.float32([0])}
    outputs = tuple(info(name, tensor.shape) for name, tensor in tensors.items())
    roles = {"boxes": "b", "classes": "d", "scores": "a", "count": "c"}
    head = open_head(Manifest("test", "ssd", InputSpec((300, 300)), roles, SsdDecode("fused")), outputs)
    assert len(head.decode(tensors, LOWEST).boxes) == 0


@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 0.0), (np.int8, 0.125)])
def test_among_logits_a_class_that_is_not_wanted_hides_no_other(tmp_path, dtype, scale) -> None:
    outputs = (info("b", (1, 2, 4)), info("s", (1, 2, 3), dtype, scale))
    head = open_head(raw_manifest(tmp_path, activation="sigmoid"), outputs)
    logits = np.float32([[[2, 9, -9], [-9, 9, -2]]])
    stored = (logits / scale).astype(dtype) if scale else logits
    lowest = np.float32([0.5, np.inf, 0.5])
    _, scores, class_ids = head.decode({"b": np.zeros((1, 2, 4), np.float32), "s": stored}, lowest)
    assert (scores.tolist(), class_ids.tolist()) == (pytest.approx([1 / (1 + math.exp(-2))]), [0])


def test_a_score_of_zero_passes_a_threshold_of_zero_among_logits(tmp_path) -> None:
    head = open_head(raw_manifest(tmp_path, activation="sigmoid"), (info("b", (1, 2, 4)), info("s", (1, 2, 3))))
    logits = np.full((1, 2, 3), -50, np.float32)
    assert len(head.decode({"b": np.zeros((1, 2, 4), np.float32), "s": logits}, np.zeros(3, np.float32)).scores) == 6


def test_each_class_has_its_own_threshold(tmp_path) -> None:
    head = open_head(raw_manifest(tmp_path), (info("b", (1, 2, 4)), info("s", (1, 2, 3))))
    scores = np.float32([[[0.3, 0.3, 0.3], [0.6, 0.6, 0.6]]])
    found = head.decode({"b": np.zeros((1, 2, 4), np.float32), "s": scores}, np.float32([0.2, 0.5, 0.7]))
    rows = sorted(zip(found.class_ids.tolist(), np.round(found.scores, 3).tolist(), strict=True))
    assert [(class_id, round(score, 3)) for class_id, score in rows] == [(0, 0.3), (0, 0.6), (1, 0.6)]


def test_the_box_of_a_score_is_that_of_its_row(tmp_path) -> None:
    head = open_head(raw_manifest(tmp_path), (info("b", (1, 2, 4), np.int8, 0.5, 10), info("s", (1, 2, 3))))
    encoded = np.int8([[[99, 99, 99, 99], [30, 10, 10, 10]]])  # the second: ty = 10, one anchor height down
    scores = np.float32([[[0, 0, 0], [0, 0, 0.9]]])
    boxes, _, _ = head.decode({"b": encoded, "s": scores}, LOWEST)
    np.testing.assert_allclose(boxes, [[0.7, 0.3, 0.8, 0.4]], rtol=1e-6)  # the anchor is at 0.25, 0.75, 0.1 by 0.1


def test_the_divisors_of_the_manifest_are_used(tmp_path) -> None:
    manifest = raw_manifest(tmp_path, box_scales=(1.0, 2.0, 1.0, 1.0))
    head = open_head(manifest, (info("b", (1, 2, 4)), info("s", (1, 2, 3))))
    encoded = np.float32([[[1, 1, 0, 0], [0, 0, 0, 0]]])
    boxes, _, _ = head.decode({"b": encoded, "s": np.float32([[[0.9, 0, 0], [0, 0, 0]]])}, LOWEST)
    np.testing.assert_allclose(boxes, [[0.5, 0.6, 0.9, 0.8]], rtol=1e-6)  # 0.2 down, and half of 0.4 to the right


@pytest.mark.parametrize("shape", [(1, 2), (1, 3, 3), (2, 2, 3)])
def test_scores_that_do_not_fit_the_anchors_are_an_error(tmp_path, shape) -> None:
    with pytest.raises(ModelError, match="do not fit 2 anchors"):
        open_head(raw_manifest(tmp_path), (info("b", (1, 2, 4)), info("s", shape)))


def test_a_model_of_another_family_is_no_ssd() -> None:
    manifest = Manifest("test", "ssd", InputSpec((64, 32)), {"boxes": "b", "scores": "s"}, YoloDecode("grid"))
    with pytest.raises(ModelError, match="test: a model of the family 'ssd'; expected one with SsdDecode"):
        open_head(manifest, (info("b", (1, 2, 4)), info("s", (1, 2, 3))))


@pytest.mark.parametrize("confidence", [0.2, 0.5, 0.8])
def test_a_threshold_is_a_probability_among_logits_too(tmp_path, confidence) -> None:
    head = open_head(raw_manifest(tmp_path, activation="sigmoid"), (info("b", (1, 2, 4)), info("s", (1, 2, 3))))
    exact = math.log(confidence / (1 - confidence))
    logits = np.float32([[[exact + 0.05, exact - 0.05, -50], [-50, -50, -50]]])
    _, scores, class_ids = head.decode(
        {"b": np.zeros((1, 2, 4), np.float32), "s": logits}, np.full(3, confidence, np.float32)
    )
    assert class_ids.tolist() == [0]
    assert scores.tolist() == [pytest.approx(1 / (1 + math.exp(-exact - 0.05)), abs=1e-6)]


def test_boxes_that_do_not_fit_the_anchors_are_an_error(tmp_path) -> None:
    with pytest.raises(ModelError, match=r"boxes \(1, 2, 5\) and scores \(1, 2, 3\) do not fit 2 anchors"):
        open_head(raw_manifest(tmp_path), (info("b", (1, 2, 5)), info("s", (1, 2, 3))))


def described(*outputs: TensorDescription, **fused: object) -> Description:
    """A bare file with a uint8 input, for which the range of values needs no answer."""
    picture = TensorDescription("images", (1, 320, 320, 3), "uint8", 1 / 127.5, 128)
    names = fused.get("names", ())
    return Description("ab", 1, picture, outputs, (), names, fused.get("options", {}), {}, 0)  # type: ignore[arg-type]


def output(name: str, *shape: int, maximum: float = 0.5) -> TensorDescription:
    return TensorDescription(name, shape, "float32", 0.0, 0, 0.0, maximum)


BOXES, COUNT = output("b", 1, 10, 4), output("n", 1, maximum=10.0)


@pytest.mark.parametrize("highest", [1.5, 2.0, 89.0])
def test_the_tensor_with_values_above_one_holds_the_classes(highest) -> None:
    tensors = (BOXES, output("s", 1, 10), output("c", 1, 10, maximum=highest), COUNT)
    found = recognition.deduce(Path("m.tflite"), described(*tensors))
    assert found.outputs == {"boxes": "b", "classes": "c", "scores": "s", "count": "n"}


def test_a_fused_operator_that_does_not_say_its_classes_leaves_their_number_open() -> None:
    tensors = (BOXES, output("s", 1, 10), output("c", 1, 10), COUNT)
    for options, expected in (({}, 0), ({"num_classes": 90}, 90)):
        description = described(*tensors, names=("b", "c", "s", "n"), options=options)
        assert recognition.deduce(Path("m.tflite"), description).class_count == expected


@pytest.mark.parametrize(
    "tensors",
    [
        (BOXES, output("s", 1, 10)),  # scores of one class only
        (BOXES, output("s", 1, 10), output("c", 1, 10), output("x", 1, 10)),  # no count
        (BOXES, output("s", 1, 10), COUNT, output("m", 1)),  # two counts, and no classes
        (BOXES, output("s", 1, 10), output("c", 1, 9), COUNT),  # of another length
    ],
)
def test_outputs_that_are_almost_those_of_an_ssd_are_not_taken_for_one(tensors) -> None:
    with pytest.raises(ModelError, match="not a detector that is known here"):
        recognition.deduce(Path("m.tflite"), described(*tensors))
