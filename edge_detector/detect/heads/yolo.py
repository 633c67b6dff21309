"""YOLO: all predictions in one tensor, or boxes, objectness and class scores in a tensor each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.description import Answers, Description, TensorDescription
from edge_detector.detect.heads import Family, Head, by_role, unnamed
from edge_detector.detect.manifest import Decode, Manifest, choose
from edge_detector.detect.model_input import UNCHANGED, ZERO_TO_ONE, input_spec
from edge_detector.detect.postprocess import Candidates, best
from edge_detector.detect.quantized import sigmoid, to_real
from edge_detector.errors import ModelError
from edge_detector.types import Size, Tensor, TensorInfo

STRIDES = (8, 16, 32)  # the three scales of nearly every YOLO since v3
OTHER_STRIDES = ((16, 32), (4, 8, 16, 32), (8, 16, 32, 64))  # the "tiny" models, and those with a fourth scale
ANCHORS_PER_CELL = (1, 3)  # v8 and YOLOX have one prediction for each cell, v3 to v7 three
JOINED_ROLES = ("predictions",)
SEPARATE_ROLES = ("boxes", "objectness", "scores")
MOST_NORMALISED = 2.0  # coordinates in fractions may pass 1 by a little; in pixels they pass this by far
BOX_COLUMNS = 4


@dataclass(frozen=True, slots=True)
class YoloDecode(Decode):
    """[decode] of a YOLO.

    ``kind``: "grid" (offsets to grid cells and log sizes, as YOLOX), "pixels" or "normalised" (centre and size).
    """

    kinds = ("grid", "pixels", "normalised")
    former_keys = ("background", "box_scales")

    activation: str = "none"  # "sigmoid" if objectness and scores are logits
    objectness: bool = False  # how sure the box is, to be multiplied with the class scores

    def check(self) -> None:
        """Raises `ModelError` for an unknown choice."""
        Decode.check(self)
        choose("decode.activation", self.activation, ("none", "sigmoid"))


class Yolo(Family):
    """The YOLO family: v3 to v9 and YOLOX."""

    settings = YoloDecode
    roles = (JOINED_ROLES, SEPARATE_ROLES)
    expects = (
        "predictions (1, 4 + classes, N) or (1, N, 5 + classes), or boxes (1, N, 4), objectness (1, N, 1) and scores "
        "(1, N, classes), where N is one or three for each grid cell"
    )

    def recognise(self, description: Description, answers: Answers) -> Manifest | None:
        """See `Family.recognise`."""
        roles = answers.roles or _roles(description)
        if set(roles) == set(JOINED_ROLES):
            return _joined_manifest(description, answers, roles)
        if set(roles) == set(SEPARATE_ROLES):
            return _separate_manifest(description, answers, roles)
        return None

    def open_head(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> Head:
        """See `Family.open_head`."""
        return YoloHead(manifest, outputs)


def _roles(description: Description) -> Mapping[str, str]:
    """Role -> tensor name, from the shapes; empty if they are not those of a YOLO."""
    outputs = description.outputs
    counts = _prediction_counts(description.input)
    if any(len(output.shape) != 3 or max(output.shape[1:]) not in counts for output in outputs):
        return {}
    if len(outputs) == 1 and min(outputs[0].shape[1:]) > BOX_COLUMNS:
        return {"predictions": outputs[0].name}
    return _separate_roles(outputs)


def _separate_roles(outputs: tuple[TensorDescription, ...]) -> Mapping[str, str]:
    """By the number of columns; empty if two outputs have the same, so that they cannot be told apart."""
    if len(outputs) != len(SEPARATE_ROLES) or len({output.shape[1] for output in outputs}) != 1:
        return {}
    by_columns = {output.shape[2]: output.name for output in outputs}
    rest = [name for columns, name in by_columns.items() if columns not in (1, BOX_COLUMNS)]
    if {1, BOX_COLUMNS} <= by_columns.keys() and len(rest) == 1:
        return {"boxes": by_columns[BOX_COLUMNS], "objectness": by_columns[1], "scores": rest[0]}
    return {}


def _prediction_counts(picture: TensorDescription) -> set[int]:
    """How many predictions a YOLO may have for an input of this size."""
    if len(picture.shape) != 4:
        return set()
    size = picture.shape[2], picture.shape[1]
    return {
        anchors * cell_count(size, strides) for strides in (STRIDES, *OTHER_STRIDES) for anchors in ANCHORS_PER_CELL
    }


def _joined_manifest(description: Description, answers: Answers, roles: Mapping[str, str]) -> Manifest:
    output = description.output(roles["predictions"])
    # v8 has the attributes first and no objectness; v5 and YOLOX have them last, with objectness.
    objectness = output.shape[1] > output.shape[2] > BOX_COLUMNS + 1
    kind = _kind(description, output) if objectness else _decoded_kind(output)
    return _manifest(description, answers, roles, YoloDecode(kind, objectness=objectness))


def _separate_manifest(description: Description, answers: Answers, roles: Mapping[str, str]) -> Manifest:
    boxes, scores = description.output(roles["boxes"]), description.output(roles["scores"])
    activation = "none" if scores.minimum >= 0.0 and scores.maximum <= 1.0 else "sigmoid"
    decode = YoloDecode(_kind(description, boxes), activation=activation, objectness=True)
    return _manifest(description, answers, roles, decode)


def _manifest(description: Description, answers: Answers, roles: Mapping[str, str], decode: YoloDecode) -> Manifest:
    """YOLOX, which alone leaves its grid to us, is trained on BGR pixels as they are; the others on RGB from 0 to 1."""
    color, trained_on = ("bgr", UNCHANGED) if decode.kind == "grid" else ("rgb", ZERO_TO_ONE)
    spec = input_spec(description, answers, resize="letterbox", color=color, trained_on=trained_on)
    return unnamed(spec, outputs=roles, decode=decode)


def _kind(description: Description, output: TensorDescription) -> str:
    """YOLOX before its decoding has one prediction for each cell, with offsets and log sizes below zero."""
    _, height, width, _ = description.input.shape
    one_each = output.shape[1] == cell_count((width, height), STRIDES)
    return "grid" if one_each and output.minimum < 0 else _decoded_kind(output)


def _decoded_kind(output: TensorDescription) -> str:
    return "normalised" if output.maximum <= MOST_NORMALISED else "pixels"


class Predictions(NamedTuple):
    """What the output tensors hold, as real numbers, one row for each prediction."""

    boxes: NDArray[np.float32]  # (N, 4) x, y, w, h, as `YoloDecode.kind` says
    objectness: NDArray[np.float32] | None  # (N, 1)
    scores: NDArray[np.float32]  # (N, C)


class PredictionTensors(Protocol):
    """Where in the output tensors the predictions are."""

    count: int
    class_count: int

    def read(self, tensors: Mapping[str, Tensor]) -> Predictions:
        """The predictions in the tensors by name."""
        ...


class JoinedTensor:
    """One tensor for everything: (1, 4 + C, N) as in v8, or (1, N, 5 + C) as in v5 and YOLOX."""

    def __init__(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> None:
        """Raises `ModelError` if the tensor has no room for boxes and classes."""
        (self._info,) = by_role(manifest, outputs, *JOINED_ROLES)
        self._objectness = manifest.decode_as(YoloDecode).objectness
        self._first_class = BOX_COLUMNS + int(self._objectness)
        shape = self._info.shape
        if len(shape) != 3 or min(shape[1:]) <= self._first_class:
            raise ModelError(f"{manifest.name}: predictions of shape {shape}; expected (1, 4 + C, N) or (1, N, 5 + C)")
        self._attributes_first = shape[1] < shape[2]
        self.count, attributes = sorted(shape[1:], reverse=True)
        self.class_count = attributes - self._first_class

    def read(self, tensors: Mapping[str, Tensor]) -> Predictions:
        """See `PredictionTensors.read`."""
        rows = to_real(tensors[self._info.name][0], self._info)
        if self._attributes_first:
            rows = rows.T
        objectness = rows[:, BOX_COLUMNS : self._first_class] if self._objectness else None
        return Predictions(rows[:, :BOX_COLUMNS], objectness, rows[:, self._first_class :])


class SeparateTensors:
    """A tensor for each role, which quantizes each with a scale of its own.

    boxes (1, N, 4), scores (1, N, C), and objectness (1, N, 1) if the model has one.
    """

    def __init__(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> None:
        """Raises `ModelError` if the tensors do not fit each other."""
        self._objectness = manifest.decode_as(YoloDecode).objectness
        roles = SEPARATE_ROLES if self._objectness else ("boxes", "scores")
        self._infos = by_role(manifest, outputs, *roles)
        shapes = {role: info.shape for role, info in zip(roles, self._infos, strict=True)}
        self.count, self.class_count = _rows_and_columns(manifest.name, shapes["scores"])
        expected = {"boxes": (1, self.count, BOX_COLUMNS), "objectness": (1, self.count, 1)}
        for role in roles[:-1]:
            if shapes[role] != expected[role]:
                raise ModelError(f"{manifest.name}: {role} of shape {shapes[role]}; expected {expected[role]}")

    def read(self, tensors: Mapping[str, Tensor]) -> Predictions:
        """See `PredictionTensors.read`."""
        boxes, *objectness, scores = (to_real(tensors[info.name][0], info) for info in self._infos)
        return Predictions(boxes, objectness[0] if objectness else None, scores)


def _rows_and_columns(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    if len(shape) != 3:
        raise ModelError(f"{name}: scores of shape {shape}; expected (1, N, classes)")
    return shape[1], shape[2]


class YoloHead:
    """Decodes centre, size, (objectness) and class scores per prediction; boxes as `YoloDecode.kind` says."""

    def __init__(self, manifest: Manifest, outputs: tuple[TensorInfo, ...]) -> None:
        """Raises `ModelError` if the tensors do not fit each other, or the grid of the input."""
        decode = manifest.decode_as(YoloDecode)
        joined = set(JOINED_ROLES) <= manifest.outputs.keys()
        self._tensors: PredictionTensors = (JoinedTensor if joined else SeparateTensors)(manifest, outputs)
        self.class_count: int | None = self._tensors.class_count
        self._sigmoid = decode.activation == "sigmoid"
        self._input_size = manifest.input.size
        self._kind = decode.kind
        self._grid = grid(self._input_size)
        if self._kind == "grid" and len(self._grid) != self._tensors.count:
            raise ModelError(
                f"{manifest.name}: {self._tensors.count} predictions; an input of {self._input_size} has "
                f"{len(self._grid)} grid cells"
            )

    def decode(self, tensors: Mapping[str, Tensor], lowest: NDArray[np.float32]) -> Candidates:
        """See `Head.decode`."""
        predictions = self._tensors.read(tensors)
        scores = self._scores(predictions)
        rows, class_ids = np.nonzero(scores >= lowest)
        found = scores[rows, class_ids]
        top = best(found)
        boxes = self._boxes(predictions.boxes[rows[top]], rows[top])
        return Candidates(boxes, found[top], class_ids[top].astype(np.int32))

    def _scores(self, predictions: Predictions) -> NDArray[np.float32]:
        scores = self._activate(predictions.scores)
        return scores if predictions.objectness is None else scores * self._activate(predictions.objectness)

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


def cell_count(input_size: Size, strides: tuple[int, ...]) -> int:
    """How many grid cells an input has at all ``strides`` together."""
    width, height = input_size
    return sum((width // stride) * (height // stride) for stride in strides)


def grid(input_size: Size) -> NDArray[np.float32]:
    """(N, 3) column, row and stride of every grid cell, the finest scale first, each row by row (YOLOX's order)."""
    width, height = input_size
    cells = [
        np.stack([*np.meshgrid(np.arange(width // stride), np.arange(height // stride))], axis=-1).reshape(-1, 2)
        for stride in STRIDES
    ]
    strides = np.repeat(STRIDES, [len(level) for level in cells])
    return np.column_stack([np.concatenate(cells), strides]).astype(np.float32)
