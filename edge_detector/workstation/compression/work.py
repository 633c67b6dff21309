"""How much a float graph's convolutions have to compute for a picture: before anything is made, let alone timed."""

from __future__ import annotations

import math
from typing import Any

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

# What else takes time, in multiplications of a 1x1 convolution. From times of the parts of the default model in int8
# (XNNPACK, one thread of an x86 machine): 5.5 ms for 1e9 of its multiplications, 65 ms for 1e9 of a depthwise
# convolution, which reads each value for few of them, and 0.1 ms for 1e6 values that are written.
A_DEPTHWISE_MULTIPLICATION = 12
A_VALUE = 18


def multiplications(graph: TFLiteGraph) -> int:
    """Those of its convolutions."""
    return sum(_multiplications(graph, operator) for operator in graph.operators)


def work(graph: TFLiteGraph) -> float:
    """About the time of its convolutions in int8, in multiplications of a 1x1 convolution."""
    return sum(work_of(graph, operator) for operator in graph.operators)


def work_of(graph: TFLiteGraph, operator: Any) -> float:
    """The same for one operator; 0 for one that is no convolution."""
    count = _multiplications(graph, operator)
    if not count:
        return 0
    if graph.op_name(operator) == "DEPTHWISE_CONV_2D":
        return A_DEPTHWISE_MULTIPLICATION * count
    return count + A_VALUE * math.prod(graph.shape(int(operator.outputs[0])))


def _multiplications(graph: TFLiteGraph, operator: Any) -> int:
    if "CONV_2D" not in graph.op_name(operator):
        return 0
    _, height, width, channels = graph.shape(int(operator.outputs[0]))
    kernel = graph.shape(int(operator.inputs[1]))
    inputs = kernel[3] if graph.op_name(operator) == "CONV_2D" else 1
    return height * width * channels * kernel[1] * kernel[2] * inputs
