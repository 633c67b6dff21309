"""YOLO's Focus as what it is: one convolution.

Focus cuts a picture into its four sub-pictures of every second row and column, joins their channels and convolves the
result, of half the size. A convolution with a kernel twice as large and a stride of 2 reads the same pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

STEP = 2  # between the rows and columns of a sub-picture
CHANNELS_LAST = 3


@dataclass(frozen=True, slots=True)
class SubPicture:
    """Every second row and column of a picture: where it is in the concatenation, and its first row and column."""

    source: int
    row: int
    column: int


def merge_focus(graph: TFLiteGraph) -> int:
    """Replace each Focus by a convolution that gives the same numbers; gives how many there were."""
    merged = [operator for operator in graph.operators if _merge(graph, operator)]
    if merged:
        graph.set_outputs(
            {graph.name(index): index for index in graph.outputs}
        )  # the slices, which nothing reads now, go
    return len(merged)


def _merge(graph: TFLiteGraph, convolution: Any) -> bool:
    if graph.op_name(convolution) != "CONV_2D" or not _is_plain(convolution.builtinOptions):
        return False
    joined, weights, _ = op_tensors(convolution.inputs)
    parts = _sub_pictures(graph, graph.producer(joined))
    kernel = graph.constant(weights)
    if not parts or kernel is None or not _padding_stays(graph, parts[0].source, joined, kernel):
        return False
    graph.set_constant(weights, _larger_kernel(kernel, parts))
    convolution.inputs = np.asarray([parts[0].source, *convolution.inputs[1:]], np.int32)
    convolution.builtinOptions.strideH = convolution.builtinOptions.strideW = STEP
    return True


def _is_plain(options: Any) -> bool:
    """SAME padding, no stride, no dilation."""
    numbers = (options.strideH, options.strideW, options.dilationHFactor, options.dilationWFactor)
    return options.padding == schema.Padding.SAME and set(numbers) == {1}


def _sub_pictures(graph: TFLiteGraph, join: Any | None) -> list[SubPicture]:
    """The four sub-pictures of one picture, in the order in which they are joined; empty if it is no Focus."""
    if join is None or graph.op_name(join) != "CONCATENATION" or join.builtinOptions.axis != CHANNELS_LAST:
        return []
    found = [part for index in op_tensors(join.inputs) if (part := _sub_picture(graph, index))]
    corners = {(part.row, part.column) for part in found}
    complete = len(found) == len(join.inputs) == len(corners) == STEP * STEP
    return found if complete and len({part.source for part in found}) == 1 else []


def _sub_picture(graph: TFLiteGraph, index: int) -> SubPicture | None:
    """What a chain of slices leaves of the picture that it starts from."""
    begins, steps = np.zeros(4, int), np.ones(4, int)
    source = index
    while (producer := graph.producer(source)) is not None and graph.op_name(producer) == "STRIDED_SLICE":
        source, *limits = op_tensors(producer.inputs)
        begin, _, step = (graph.constant(limit) for limit in limits)
        assert begin is not None
        assert step is not None
        begins, steps = begins * step + begin, steps * step
    _, height, width, _ = graph.shape(source)
    halves = graph.shape(index)[1:3] == (height // STEP, width // STEP)
    regular = tuple(steps) == (1, STEP, STEP, 1) and begins[0] == begins[3] == 0 and max(begins) < STEP
    return SubPicture(source, int(begins[1]), int(begins[2])) if halves and regular else None


def _padding_stays(graph: TFLiteGraph, source: int, joined: int, kernel: NDArray[Any]) -> bool:
    """Whether SAME adds as much on each side as before: an odd kernel, and a picture of an even size."""
    _, height, width, channels = graph.shape(source)
    even = height % STEP == width % STEP == 0
    whole = graph.shape(joined)[3] == STEP * STEP * channels
    return even and whole and kernel.shape[1] % 2 == kernel.shape[2] % 2 == 1


def _larger_kernel(kernel: NDArray[Any], parts: list[SubPicture]) -> NDArray[np.float32]:
    """(out, 2 rows, 2 columns, in) from (out, rows, columns, 4 in)."""
    filters, rows, columns, channels = kernel.shape
    each = channels // len(parts)
    larger = np.zeros((filters, STEP * rows, STEP * columns, each), np.float32)
    for number, part in enumerate(parts):
        larger[:, part.row :: STEP, part.column :: STEP] = kernel[..., number * each : (number + 1) * each]
    return larger
