"""The YOLO head, against tensors computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edge_detector.detect.heads import open_head
from edge_detector.detect.heads.yolo import YoloDecode, grid
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ModelError
from edge_detector.types import TensorInfo

LOWEST = np.full(3, 0.5, np.float32)


def manifest(kind: str, **decode) -> Manifest:
    return Manifest("test", "yolo", InputSpec((64, 32)), {"predictions": "p"}, YoloDecode(kind, **decode))


def info(shape: tuple[int, ...], dtype: type = np.float32, scale: float = 0.0, zero_point: int = 0) -> TensorInfo:
    return TensorInfo("p", shape, np.dtype(dtype), scale, zero_point)


def test_attributes_first_in_pixels_as_in_v8() -> None:
    predictions = np.zeros((1, 7, 20), np.float32)
    predictions[0, :, 4] = [32, 16, 16, 8, 0.1, 0.8, 0.1]  # cx cy w h, three classes
    head = open_head(manifest("pixels"), (info((1, 7, 20)),))
    boxes, scores, class_ids = head.decode({"p": predictions}, LOWEST)
    np.testing.assert_allclose(boxes, [[24 / 64, 12 / 32, 40 / 64, 20 / 32]])
    assert (scores.tolist(), class_ids.tolist(), head.class_count) == (pytest.approx([0.8]), [1], 3)


def test_attributes_last_with_objectness_as_in_v5() -> None:
    predictions = np.zeros((1, 20, 8), np.float32)
    predictions[0, 3] = [0.5, 0.5, 0.25, 0.5, 0.9, 0.0, 0.0, 0.8]
    predictions[0, 7] = [0.5, 0.5, 0.25, 0.5, 0.5, 0.9, 0.0, 0.0]  # 0.45: too low
    head = open_head(manifest("normalised", objectness=True), (info((1, 20, 8)),))
    boxes, scores, class_ids = head.decode({"p": predictions}, LOWEST)
    np.testing.assert_allclose(boxes, [[0.375, 0.25, 0.625, 0.75]])
    assert (scores.tolist(), class_ids.tolist()) == (pytest.approx([0.72]), [2])


def test_grid_offsets_and_log_sizes_as_in_yolox() -> None:
    cells = grid((64, 32))  # 8x4 + 4x2 + 2x1 cells
    assert len(cells) == 42
    predictions = np.zeros((1, 42, 8), np.float32)
    row = 32 + 4 + 1  # stride 16, row 1, column 1
    assert cells[row].tolist() == [1, 1, 16]
    predictions[0, row] = [0.5, 0.25, math.log(2), 0, 1, 1, 0, 0]
    head = open_head(manifest("grid", objectness=True), (info((1, 42, 8)),))
    boxes, _, _ = head.decode({"p": predictions}, LOWEST)
    # centre (1.5, 1.25) * 16 = (24, 20), size (32, 16)
    np.testing.assert_allclose(boxes, [[8 / 64, 12 / 32, 40 / 64, 28 / 32]], rtol=1e-6)


def test_quantized_predictions() -> None:
    predictions = np.full((1, 20, 8), -128, np.int8)
    predictions[0, 0] = [0, 0, 0, 0, 127, 127, -128, -128]  # 0 is 0.5, 127 is 0.996
    info_ = info((1, 20, 8), np.int8, 1 / 256, -128)
    head = open_head(manifest("normalised", objectness=True), (info_,))
    boxes, scores, _ = head.decode({"p": predictions}, LOWEST)
    np.testing.assert_allclose(boxes, [[0.25, 0.25, 0.75, 0.75]])
    assert scores.tolist() == pytest.approx([(255 / 256) ** 2])


def test_a_grid_that_does_not_fit_the_input_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"41 predictions; an input of .* has 42 grid cells"):
        open_head(manifest("grid", objectness=True), (info((1, 41, 8)),))


SEPARATE = {"boxes": "b", "objectness": "o", "scores": "s"}


def separate(kind: str, roles: dict[str, str] = SEPARATE, **decode) -> Manifest:
    return Manifest("test", "yolo", InputSpec((64, 32)), roles, YoloDecode(kind, **decode))


def tensor(
    name: str, shape: tuple[int, ...], dtype: type = np.float32, scale: float = 0.0, zero: int = 0
) -> TensorInfo:
    return TensorInfo(name, shape, np.dtype(dtype), scale, zero)


def test_tensors_apart_quantize_each_with_its_own_scale() -> None:
    outputs = (
        tensor("s", (1, 42, 3), np.int8, 1 / 256, -128),
        tensor("b", (1, 42, 4), np.int8, 0.5, 0),
        tensor("o", (1, 42, 1), np.uint8, 1 / 128, 0),
    )
    head = open_head(separate("pixels", objectness=True), outputs)
    boxes = np.zeros((1, 42, 4), np.int8)
    objectness = np.zeros((1, 42, 1), np.uint8)
    scores = np.full((1, 42, 3), -128, np.int8)
    boxes[0, 5], objectness[0, 5], scores[0, 5] = [64, 32, 32, 16], 96, [-128, 64, -128]  # 0.75 times 0.75
    boxes[0, 6], objectness[0, 6], scores[0, 6] = [9, 9, 9, 9], 64, [-128, -128, 64]  # 0.5 times 0.75: too low
    found = head.decode({"b": boxes, "o": objectness, "s": scores}, LOWEST)
    # centre (32, 16), size (16, 8)
    np.testing.assert_allclose(found.boxes, [[24 / 64, 12 / 32, 40 / 64, 20 / 32]])
    assert (found.scores.tolist(), found.class_ids.tolist()) == ([0.5625], [1])
    assert head.class_count == 3


def test_tensors_apart_without_objectness() -> None:
    outputs = tensor("b", (1, 20, 4)), tensor("s", (1, 20, 3))
    head = open_head(separate("normalised", {"boxes": "b", "scores": "s"}), outputs)
    boxes, scores = np.zeros((1, 20, 4), np.float32), np.zeros((1, 20, 3), np.float32)
    boxes[0, 19], scores[0, 19] = [0.5, 0.5, 0.25, 0.5], [0.0, 0.0, 0.5]
    found = head.decode({"b": boxes, "s": scores}, LOWEST)
    np.testing.assert_allclose(found.boxes, [[0.375, 0.25, 0.625, 0.75]])
    assert (found.scores.tolist(), found.class_ids.tolist()) == ([0.5], [2])


def test_logits_apart_pass_through_a_sigmoid_each() -> None:
    outputs = tensor("b", (1, 20, 4)), tensor("o", (1, 20, 1)), tensor("s", (1, 20, 3))
    head = open_head(separate("normalised", objectness=True, activation="sigmoid"), outputs)
    objectness, scores = np.full((1, 20, 1), -9, np.float32), np.full((1, 20, 3), -9, np.float32)
    objectness[0, 2], scores[0, 2, 0] = math.log(3), math.log(4)  # 0.75 and 0.8
    found = head.decode({"b": np.zeros((1, 20, 4), np.float32), "o": objectness, "s": scores}, LOWEST)
    assert (found.scores.tolist(), found.class_ids.tolist()) == (pytest.approx([0.6]), [0])


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"b": (1, 41, 4)}, r"boxes of shape \(1, 41, 4\); expected \(1, 42, 4\)"),
        ({"b": (1, 42, 5)}, r"boxes of shape \(1, 42, 5\); expected \(1, 42, 4\)"),
        ({"o": (1, 42, 3)}, r"objectness of shape \(1, 42, 3\); expected \(1, 42, 1\)"),
        ({"s": (1, 42)}, r"scores of shape \(1, 42\); expected \(1, N, classes\)"),
        ({"b": (1, 41, 4), "o": (1, 41, 1), "s": (1, 41, 3)}, "41 predictions; an input of .* has 42 grid cells"),
    ],
)
def test_tensors_apart_that_do_not_fit_each_other_are_an_error(shapes, message) -> None:
    shapes = {"b": (1, 42, 4), "o": (1, 42, 1), "s": (1, 42, 3)} | shapes
    with pytest.raises(ModelError, match=message):
        open_head(separate("grid", objectness=True), tuple(tensor(*each) for each in shapes.items()))


def test_objectness_that_the_manifest_promises_must_be_there() -> None:
    outputs = tensor("b", (1, 20, 4)), tensor("s", (1, 20, 3))
    with pytest.raises(ModelError, match="no output tensor None for the role 'objectness'"):
        open_head(separate("pixels", {"boxes": "b", "scores": "s"}, objectness=True), outputs)


@pytest.mark.parametrize(
    ("shape", "objectness", "class_count"),
    [((1, 5, 20), False, 1), ((1, 20, 6), True, 1), ((1, 4, 20), False, None), ((1, 20, 5), True, None)],
)
def test_there_must_be_room_for_a_class(shape, objectness, class_count) -> None:
    if class_count is None:
        with pytest.raises(ModelError, match=r"predictions of shape .*; expected \(1, 4 \+ C, N\)"):
            open_head(manifest("pixels", objectness=objectness), (info(shape),))
    else:
        assert open_head(manifest("pixels", objectness=objectness), (info(shape),)).class_count == class_count


def test_logits_in_one_tensor_pass_through_a_sigmoid() -> None:
    predictions = np.full((1, 7, 20), -9, np.float32)
    predictions[0, :, 4] = [0.5, 0.5, 0.25, 0.5, -9, math.log(3), -9]
    head = open_head(manifest("normalised", activation="sigmoid"), (info((1, 7, 20)),))
    found = head.decode({"p": predictions}, LOWEST)
    np.testing.assert_allclose(found.boxes, [[0.375, 0.25, 0.625, 0.75]])  # a sigmoid is for scores only
    assert (found.scores.tolist(), found.class_ids.tolist()) == (pytest.approx([0.75]), [1])
