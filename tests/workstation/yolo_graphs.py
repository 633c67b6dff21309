"""A small YOLOX built by hand: three levels, each with a convolution for boxes, objectness and classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_detector.detect import manifest as manifests
from edge_detector.detect.heads.yolo import YoloDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import FLOAT, LABELS, add_constant, add_operator, convolve, empty_graph

YOLO_SIDE = 64  # pixels of the input: 64 + 16 + 4 cells at the strides 8, 16 and 32
COLUMNS = {"boxes": 4, "objectness": 1, "scores": len(LABELS)}


def tiny_yolo(*, joined: bool = True, attributes_first: bool = False) -> TFLiteGraph:
    """Pixels from 0 to 255 in; `joined`: one output with 4 + 1 + 3 columns, else one for each role."""
    random = np.random.default_rng(3)
    graph = empty_graph()
    image = graph.add_tensor("image", (1, YOLO_SIDE, YOLO_SIDE, 3), FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    pixels = _every_second_pixel(graph, image)
    features = convolve(graph, pixels, random.normal(0, 1e-2, (8, 3, 3, 3)), np.zeros(8), stride=2, name="stem")
    levels = []
    for level in range(3):
        weights = random.normal(0, 0.3, (8, 3, 3, 8))
        features = convolve(graph, features, weights, np.zeros(8), stride=2, name=f"level{level}")
        levels.append({role: _head(graph, features, random, role, level) for role in COLUMNS})
    if joined:
        rows = [_rows(graph, _join(graph, list(each.values()), 3, f"level{i}")) for i, each in enumerate(levels)]
        predictions = _join(graph, rows, 1, "predictions")
        graph.set_outputs({"predictions": _turned(graph, predictions) if attributes_first else predictions})
    else:
        graph.set_outputs(
            {role: _join(graph, [_rows(graph, each[role]) for each in levels], 1, role) for role in COLUMNS}
        )
    return graph


def save_yolo(graph: TFLiteGraph, path: Path) -> Path:
    """Write it with manifest and labels beside it."""
    graph.save(path)
    path.with_suffix(".txt").write_text("\n".join(LABELS))
    names = [graph.name(index) for index in graph.outputs]
    outputs = {name: name for name in names} if len(names) > 1 else {"predictions": names[0]}
    decode = YoloDecode("grid", objectness=True)
    spec = InputSpec((YOLO_SIDE, YOLO_SIDE), resize="letterbox", color="bgr", mean=0.0, std=1.0)
    labels = path.with_suffix(".txt").name
    manifest = Manifest(path.stem, "yolo", spec, outputs, decode, class_count=len(LABELS), labels=labels)
    manifests.write(manifest, manifests.manifest_path(path))
    return path


def _every_second_pixel(graph: TFLiteGraph, image: int) -> int:
    """As a YOLOX begins, with one of its four slices."""
    bounds = [(0, 0, 0, 0), (1, YOLO_SIDE, YOLO_SIDE, 3), (1, 2, 2, 1)]
    constants = [add_constant(graph, f"bound{i}", np.array(bound, np.int32)) for i, bound in enumerate(bounds)]
    output = graph.add_tensor("pixels", (1, YOLO_SIDE // 2, YOLO_SIDE // 2, 3), FLOAT)
    kind, options = schema.BuiltinOptions.StridedSliceOptions, schema.StridedSliceOptionsT()
    add_operator(graph, "STRIDED_SLICE", [image, *constants], [output], kind, options)
    return output


def _head(graph: TFLiteGraph, features: int, random: np.random.Generator, role: str, level: int) -> int:
    """A convolution, and a logistic for what is a probability."""
    spread = 0.005 if role == "boxes" else 0.1  # offsets and log sizes stay small
    weights = random.normal(0, spread, (COLUMNS[role], 1, 1, 8))
    raw = convolve(graph, features, weights, np.zeros(len(weights)), name=f"{role}{level}")
    if role == "boxes":
        return raw
    probability = graph.add_tensor(f"{role}{level}/sigmoid", graph.shape(raw), FLOAT)
    add_operator(graph, "LOGISTIC", [raw], [probability])
    return probability


def _rows(graph: TFLiteGraph, level: int) -> int:
    _, height, width, channels = graph.shape(level)
    shape = np.array([1, height * width, channels], np.int32)
    output = graph.add_tensor(f"{graph.name(level)}/rows", tuple(shape), FLOAT)
    inputs = [level, add_constant(graph, f"{graph.name(level)}/shape", shape)]
    options = schema.ReshapeOptionsT(newShape=shape)
    add_operator(graph, "RESHAPE", inputs, [output], schema.BuiltinOptions.ReshapeOptions, options)
    return output


def _join(graph: TFLiteGraph, parts: list[int], axis: int, name: str) -> int:
    shape = list(graph.shape(parts[0]))
    shape[axis] = sum(graph.shape(part)[axis] for part in parts)
    output = graph.add_tensor(f"{name}/joined", tuple(shape), FLOAT)
    options = schema.ConcatenationOptionsT(axis=axis)
    add_operator(graph, "CONCATENATION", parts, [output], schema.BuiltinOptions.ConcatenationOptions, options)
    return output


def _turned(graph: TFLiteGraph, predictions: int) -> int:
    batch, rows, columns = graph.shape(predictions)
    output = graph.add_tensor("turned", (batch, columns, rows), FLOAT)
    inputs = [predictions, add_constant(graph, "order", np.array([0, 2, 1], np.int32))]
    options = schema.TransposeOptionsT()
    add_operator(graph, "TRANSPOSE", inputs, [output], schema.BuiltinOptions.TransposeOptions, options)
    return output
