"""What must be repaired in a float graph before it is quantized; otherwise accuracy is lost without any error.

Names and tensors: the quantizer knows tensors by name, and one constant that several operators read gets several
scales. Dead channels: folding a batch normalisation leaves channels whose weights are almost zero beside a bias that
is not. Such a bias is quantized with scale = input scale * weight scale, overflows int32 and is clipped, and the
channel's output changes: one such channel in a first layer is enough to ruin a detector.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

# operator -> axis of its weights that counts output channels
# (tensorflow/lite/kernels: CONV_2D OHWI, DEPTHWISE_CONV_2D 1HWO, FULLY_CONNECTED OI).
CHANNEL_AXIS = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
INT8_MAX = 127
# A bias may fill half of int32: the accumulator of the products is added to it, and operators that share
# a scale (concatenation, reshape) can make the input scale a little smaller than its own range says.
BIAS_LIMIT = 2**30


@dataclass(frozen=True, slots=True)
class DeadChannels:
    """The channels of one operator whose weights were raised."""

    tensor: str  # the operator's output
    channels: tuple[int, ...]
    largest_weight: float  # the greatest absolute value written
    largest_bias: float
    raised: str = "a weight each"  # or all of their weights


@dataclass(frozen=True, slots=True)
class Tidied:
    """What `tidy` changed, as names of tensors."""

    renamed: tuple[str, ...]
    unshared: tuple[str, ...]
    removed: tuple[str, ...]


def tidy(graph: TFLiteGraph) -> Tidied:
    """Make tensor names unique, give every reader of a bias its own copy, remove what nothing reads."""
    unshared = unshare_biases(graph)
    removed = remove_unused(graph)
    renamed = make_names_unique(graph)
    graph.write_signature()
    return Tidied(renamed, unshared, removed)


def make_names_unique(graph: TFLiteGraph) -> tuple[str, ...]:
    """Give every second use of a name, and every empty name, a number; the new names."""
    taken = {graph.name(index) for index in range(len(graph.tensors))} | {""}
    seen = {""}
    renamed = []
    for index in range(len(graph.tensors)):
        name = graph.name(index)
        if name in seen:
            name = _free_name(name or "tensor", taken)
            graph.rename(index, name)
            renamed.append(name)
            taken.add(name)
        seen.add(name)
    return tuple(renamed)


def unshare_biases(graph: TFLiteGraph) -> tuple[str, ...]:
    """A copy of the bias for each operator that shares one; the names of those that were shared.

    Heads that share weights across feature levels share the bias too, but its scale depends on the level's input, so
    that one int32 value cannot be right for two levels.
    """
    seen: set[int] = set()
    unshared = []
    for operator in graph.operators:
        bias = _bias(graph, operator)
        if bias is None:
            continue
        if bias in seen:
            operator.inputs = np.asarray([*op_tensors(operator.inputs)[:2], _copy(graph, bias)], np.int32)
            unshared.append(graph.name(bias))
        seen.add(bias)
    return tuple(dict.fromkeys(unshared))


def remove_unused(graph: TFLiteGraph) -> tuple[str, ...]:
    """Remove the tensors, buffers and operator codes that no operator uses; gives the names of these tensors."""
    used = {*graph.inputs, *graph.outputs}
    for operator in graph.operators:
        used.update(op_tensors(operator.inputs), op_tensors(operator.outputs))
    removed = tuple(graph.name(i) for i in range(len(graph.tensors)) if i not in used)
    _keep_tensors(graph, sorted(used))
    _keep_buffers(graph)
    _keep_op_codes(graph)
    return removed


def raise_dead_channels(
    graph: TFLiteGraph, input_scales: Mapping[str, float], floats: Collection[str] = (), *, alike: bool = False
) -> tuple[DeadChannels, ...]:
    """Raise one weight of every channel whose quantized bias would not fit in int32.

    `input_scales`: tensor name -> scale it will be quantized with. `floats`: the output tensors of operators that will
    not be quantized, and keep their weights. The weight written is just large
    enough for |bias| / (input scale * weight scale) to be `BIAS_LIMIT`: 1e-5 or so, which the float
    model does not notice. `alike`: raise all weights of such a channel by the same factor, so that it has no int8
    values that it would not have had. Gives what was raised, by operator.
    """
    raised = []
    for operator in graph.operators:
        if _bias(graph, operator) is not None and graph.name(int(operator.outputs[0])) not in floats:
            found = _raise_in(graph, operator, input_scales, alike=alike)
            raised += [] if found is None else [found]
    return tuple(raised)


def smallest_weight(bias: NDArray[Any], input_scale: float) -> NDArray[np.float64]:
    """(C,) how large the largest weight of each channel must at least be, so that its bias (C,) fits in int32."""
    scale: NDArray[np.float64] = np.abs(bias).astype(np.float64) / (input_scale * BIAS_LIMIT)
    return scale * INT8_MAX


def _raise_in(
    graph: TFLiteGraph, operator: Any, input_scales: Mapping[str, float], *, alike: bool
) -> DeadChannels | None:
    source, weights_index, bias_index = op_tensors(operator.inputs)
    weights, bias = graph.constant(weights_index), graph.constant(bias_index)
    if weights is None or bias is None:
        return None
    channels_first = np.moveaxis(weights.copy(), CHANNEL_AXIS[graph.op_name(operator)], 0)
    rows = channels_first.reshape(len(bias), -1)
    needed = smallest_weight(bias, input_scales[graph.name(source)])
    dead = np.flatnonzero(np.abs(rows).max(axis=1) < needed)
    if len(dead) == 0:
        return None
    if alike:
        _raise_alike(rows, dead, needed)
    _raise_largest(rows, dead, needed)
    mended = rows.reshape(channels_first.shape)
    graph.set_constant(weights_index, np.moveaxis(mended, 0, CHANNEL_AXIS[graph.op_name(operator)]).astype(np.float32))
    return DeadChannels(
        tensor=graph.name(int(operator.outputs[0])),
        channels=tuple(int(channel) for channel in dead),
        largest_weight=float(needed[dead].max()),
        largest_bias=float(np.abs(bias[dead]).max()),
        raised="all their weights" if alike else "a weight each",
    )


def _raise_alike(rows: NDArray[Any], dead: NDArray[Any], needed: NDArray[np.float64]) -> None:
    """Multiply each dead row by what makes its largest weight as large as needed; one of zeros stays as it is."""
    largest = np.abs(rows[dead]).max(axis=1)
    rows[dead] *= np.where(largest > 0, needed[dead] / np.where(largest > 0, largest, 1), 1)[:, np.newaxis]


def _raise_largest(rows: NDArray[Any], dead: NDArray[Any], needed: NDArray[np.float64]) -> None:
    """Set the largest weight of each dead row to what is needed, keeping its sign."""
    largest = np.abs(rows[dead]).argmax(axis=1)
    signs = np.where(rows[dead, largest] < 0, -1.0, 1.0)
    rows[dead, largest] = signs * needed[dead]


def _bias(graph: TFLiteGraph, operator: Any) -> int | None:
    """The tensor index of the operator's constant bias, if it has one."""
    if graph.op_name(operator) not in CHANNEL_AXIS or len(op_tensors(operator.inputs)) < 3:
        return None
    bias = op_tensors(operator.inputs)[2]
    return bias if graph.constant(bias) is not None else None


def _copy(graph: TFLiteGraph, index: int) -> int:
    value = graph.constant(index)
    assert value is not None
    copied = graph.add_tensor(graph.name(index), value.shape, value.dtype)
    graph.set_constant(copied, value)
    return copied


def _free_name(name: str, taken: set[str]) -> str:
    number = 1
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def _keep_tensors(graph: TFLiteGraph, kept: list[int]) -> None:
    new_index = {old: new for new, old in enumerate(kept)} | {-1: -1}
    for operator in graph.operators:
        operator.inputs = _renumbered(operator.inputs, new_index)
        operator.outputs = _renumbered(operator.outputs, new_index)
    graph.subgraph.inputs = _renumbered(graph.subgraph.inputs, new_index)
    graph.subgraph.outputs = _renumbered(graph.subgraph.outputs, new_index)
    graph.subgraph.tensors = [graph.tensors[index] for index in kept]


def _keep_buffers(graph: TFLiteGraph) -> None:
    """Buffer 0 stays: it is the empty one. Metadata is dropped: it may describe the graph as it was."""
    graph.model.metadata = graph.model.metadataBuffer = None
    kept = sorted({0, *(tensor.buffer for tensor in graph.tensors)})
    new_index = {old: new for new, old in enumerate(kept)}
    graph.model.buffers = [graph.model.buffers[index] for index in kept]
    for tensor in graph.tensors:
        tensor.buffer = new_index[tensor.buffer]


def _keep_op_codes(graph: TFLiteGraph) -> None:
    kept = sorted({operator.opcodeIndex for operator in graph.operators})
    new_index = {old: new for new, old in enumerate(kept)}
    graph.model.operatorCodes = [graph.model.operatorCodes[index] for index in kept]
    for operator in graph.operators:
        operator.opcodeIndex = new_index[operator.opcodeIndex]


def _renumbered(indices: Any, new_index: Mapping[int, int]) -> NDArray[np.int32]:
    return np.asarray([new_index[int(index)] for index in indices], np.int32)
