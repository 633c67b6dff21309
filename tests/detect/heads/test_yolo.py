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
