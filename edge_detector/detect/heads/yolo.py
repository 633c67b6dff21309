"""YOLO families: one tensor of predictions, (1, 4 + C, N) as in v8 or (1, N, 5 + C) as in v5 and YOLOX."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.heads import by_role
from edge_detector.detect.manifest import Manifest
from edge_detector.detect.postprocess import Candidates, best
from edge_detector.detect.quantized import sigmoid, to_real
from edge_detector.errors import ModelError
from edge_detector.types import Size, Tensor, TensorInfo

STRIDES = (8, 16, 32)  # the three scales of every YOLO since v3


class YoloHead:
    """Decodes centre, size, (objectness) and class scores per prediction; boxes as `Decode.kind` says."""

    def __init__(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> None:
        """Raises `ModelError` if the tensor has no room for boxes and classes or does not fit the input's grid."""
        (self._info,) = by_role(manifest, outputs, "predictions")
        if len(self._info.shape) != 3 or min(self._info.shape) < 1:
            raise ModelError(
                f"{manifest.name}: predictions of shape {self._info.shape}; expected (1, 4 + C, N) or (1, N, 5 + C)"
            )
        self._attributes_first = self._info.shape[1] < self._info.shape[2]
        self._objectness = manifest.decode.objectness
        self._sigmoid = manifest.decode.activation == "sigmoid"
        self._input_size = manifest.input.size
        self._kind = manifest.decode.kind
        count, attributes = sorted(self._info.shape[1:], reverse=True)
        self.class_count: int | None = attributes - self._first_class
        self._grid = grid(self._input_size) if self._kind == "grid" else np.empty((count, 3), np.float32)
        if len(self._grid) != count:
            raise ModelError(
                f"{manifest.name}: {count} predictions; an input of {self._input_size} has {len(self._grid)} grid cells"
            )

    @property
    def _first_class(self) -> int:
        return 5 if self._objectness else 4

    def decode(self, tensors: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        """See `Head.decode`."""
        predictions = to_real(tensors[self._info.name][0], self._info)
        if self._attributes_first:
            predictions = predictions.T
        scores = self._scores(predictions)
        rows, class_ids = np.nonzero(scores >= lowest)
        found = scores[rows, class_ids]
        top = best(found)
        boxes = self._boxes(predictions[rows[top], :4], rows[top])
        return Candidates(boxes, found[top], class_ids[top].astype(np.int32))

    def _scores(self, predictions: NDArray[np.float32]) -> NDArray[np.float32]:
        scores = self._activate(predictions[:, self._first_class :])
        return scores * self._activate(predictions[:, 4:5]) if self._objectness else scores

    def _activate(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        return sigmoid(scores) if self._sigmoid else scores

    def _boxes(self, centers: NDArray[np.float32], rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(N, 4) x, y, w, h as predicted -> x1, y1, x2, y2 in fractions of the input."""
        middle: Tensor = centers[:, :2]
        sides: Tensor = centers[:, 2:]
        if self._kind == "grid":
            cells, strides = self._grid[rows, :2], self._grid[rows, 2:]
            middle, sides = (middle + cells) * strides, np.exp(sides) * strides
        corners: Tensor = np.concatenate([middle - sides / 2, middle + sides / 2], axis=1)
        unit = (1, 1) if self._kind == "normalised" else self._input_size
        return (corners / np.array(unit * 2)).astype(np.float32)


def grid(input_size: Size) -> NDArray[np.float32]:
    """(N, 3) column, row and stride of every grid cell, the finest scale first, each row by row (YOLOX's order)."""
    width, height = input_size
    cells = [
        np.stack([*np.meshgrid(np.arange(width // stride), np.arange(height // stride))], axis=-1).reshape(-1, 2)
        for stride in STRIDES
    ]
    strides = np.repeat(STRIDES, [len(level) for level in cells])
    return np.column_stack([np.concatenate(cells), strides]).astype(np.float32)
