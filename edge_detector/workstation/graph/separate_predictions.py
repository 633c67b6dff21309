"""A YOLO's one output as three: boxes, objectness and class scores, each of which int8 can give a scale of its own.

One scale for all must span box coordinates of several units, and leaves probabilities a few steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from edge_detector.detect.heads.yolo import BOX_COLUMNS, SEPARATE_ROLES
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

CHANNELS_LAST = 3
ROWS = 1
Level = tuple[int, ...]  # the tensors (1, height, width, columns) of one scale: boxes, objectness, scores
COLUMN_COUNT = {"boxes": BOX_COLUMNS, "objectness": 1}


def separate_predictions(graph: TFLiteGraph) -> Mapping[str, str]:
    """Give the graph an output for each role instead of one for all; role -> name of the output.

    Empty, and the graph as it was, if its output is not made as YOLOX makes it: for each scale the three are joined,
    then the scales.
    """
    levels = _levels(graph)
    if not levels:
        return {}
    columns = zip(SEPARATE_ROLES, zip(*levels, strict=True), strict=True)
    graph.set_outputs({role: _joined(graph, role, tensors) for role, tensors in columns})
    return {role: role for role in SEPARATE_ROLES}


def _levels(graph: TFLiteGraph) -> list[Level]:
    join = graph.producer(graph.outputs[0])
    if len(graph.outputs) != 1 or join is None or not _joins(graph, join, ROWS):
        return []
    found = [_level(graph, index) for index in op_tensors(join.inputs)]
    return [level for level in found if level] if all(found) else []


def _level(graph: TFLiteGraph, index: int) -> Level:
    """The three tensors that are joined and reshaped to make this one; empty if they are not there."""
    reshape = graph.producer(index)
    if reshape is None or graph.op_name(reshape) != "RESHAPE":
        return ()
    join = graph.producer(int(reshape.inputs[0]))
    if join is None or not _joins(graph, join, CHANNELS_LAST):
        return ()
    tensors = tuple(op_tensors(join.inputs))
    columns = [graph.shape(tensor)[-1] for tensor in tensors]
    return tensors if len(columns) == len(SEPARATE_ROLES) and columns[:2] == list(COLUMN_COUNT.values()) else ()


def _joins(graph: TFLiteGraph, operator: Any, axis: int) -> bool:
    if graph.op_name(operator) != "CONCATENATION":
        return False
    rank = len(graph.shape(int(operator.outputs[0])))
    return bool(operator.builtinOptions.axis % rank == axis)


def _joined(graph: TFLiteGraph, role: str, tensors: Level) -> int:
    """(1, N, columns) all scales of one role. A LOGISTIC that ends each of them comes once, at the end."""
    logits = [_before_logistic(graph, tensor) for tensor in tensors]
    if None in logits:
        return _concatenated(graph, role, tensors)
    together = _concatenated(graph, f"{role}/logits", tuple(each for each in logits if each is not None))
    output = graph.add_tensor(role, graph.shape(together), graph.dtype(together))
    graph.append_operator("LOGISTIC", [together], [output])
    return output


def _before_logistic(graph: TFLiteGraph, tensor: int) -> int | None:
    producer = graph.producer(tensor)
    if producer is None or graph.op_name(producer) != "LOGISTIC":
        return None
    return int(producer.inputs[0])


def _concatenated(graph: TFLiteGraph, name: str, tensors: Level) -> int:
    flat = [_flat(graph, f"{name}/{number}", tensor) for number, tensor in enumerate(tensors)]
    rows = sum(graph.shape(tensor)[ROWS] for tensor in flat)
    output = graph.add_tensor(name, (1, rows, graph.shape(flat[0])[2]), graph.dtype(flat[0]))
    graph.append_operator("CONCATENATION", flat, [output], schema.ConcatenationOptionsT(axis=ROWS))
    return output


def _flat(graph: TFLiteGraph, name: str, tensor: int) -> int:
    """(1, height * width, columns)."""
    _, height, width, columns = graph.shape(tensor)
    shape = np.asarray([1, height * width, columns], np.int32)
    output = graph.add_tensor(name, tuple(shape), graph.dtype(tensor))
    target = graph.add_tensor(f"{name}/shape", shape.shape, shape.dtype)
    graph.set_constant(target, shape)
    graph.append_operator("RESHAPE", [tensor, target], [output], schema.ReshapeOptionsT(newShape=shape))
    return output
