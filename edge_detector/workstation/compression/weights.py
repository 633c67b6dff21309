"""The weights that pruning and clustering change, and what the int8 file has of them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.graph.repairs import CHANNEL_AXIS
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors
from edge_detector.workstation.quantization.report import Section
from edge_detector.workstation.training.graph_twin import GraphTwin

COMPRESSED = ("CONV_2D", "FULLY_CONNECTED")  # depthwise kernels are 2 % of the weights, and need all of them


@dataclass(frozen=True, slots=True)
class WeightStatistics:
    """The compressed layers of an int8 graph, and the size of its file."""

    layers: int
    zeros: float  # fraction of the weights
    distinct: int  # most different values in one layer
    file_bytes: int
    gzip_bytes: int

    def section(self) -> Section:
        """For the report."""
        line = (
            f"int8 weights of the {self.layers} compressed layers: {self.zeros:.1%} zeros, at most {self.distinct} "
            f"different values in a layer; {self.file_bytes / 1e6:.2f} MB, {self.gzip_bytes / 1e6:.2f} MB with gzip"
        )
        return Section("weights", self, (line,))


def weight_statistics(graph: TFLiteGraph, compressed: list[str]) -> WeightStatistics:
    """`compressed`: the outputs of the operators whose weights were changed."""
    content = graph.to_bytes()
    kernels = [kernel for name, kernel in _kernels(graph) if name in compressed]
    return WeightStatistics(
        layers=len(kernels),
        zeros=float(np.mean(np.concatenate([kernel.ravel() for kernel in kernels]) == 0)) if kernels else 0.0,
        distinct=max((len(np.unique(kernel)) for kernel in kernels), default=0),
        file_bytes=len(content),
        gzip_bytes=len(gzip.compress(content, compresslevel=9)),
    )


def compressible(graph: TFLiteGraph) -> list[str]:
    """The outputs of the operators whose weights may be compressed: not the first layer, nor the last ones."""
    weighted = [operator for operator in graph.operators if graph.op_name(operator) in CHANNEL_AXIS]
    spared = _last_layers(graph) | {int(operator.outputs[0]) for operator in weighted[:1]}
    outputs = [int(operator.outputs[0]) for operator in weighted if graph.op_name(operator) in COMPRESSED]
    return [graph.name(output) for output in outputs if output not in spared]


@dataclass(frozen=True, slots=True, eq=False)
class CompressedLayer:
    """A layer of a twin whose weights may be compressed."""

    kernel: Any  # a variable (h, w, in, out) or (in, out)
    bias: Any | None  # a variable (out,)
    outputs: tuple[str, ...]  # of the operators that share it


def compressed_layers(twin: GraphTwin) -> list[CompressedLayer]:
    """The layers of the twin that hold the `compressible` weights, once each."""
    names, found = set(compressible(twin.graph)), {id(layer): layer for layer in twin.layers.values()}
    outputs: dict[int, list[str]] = {}
    for output, layer in twin.layers.items():
        if twin.graph.name(output) in names:
            outputs.setdefault(id(layer), []).append(twin.graph.name(output))
    return [CompressedLayer(found[key].kernel, found[key].bias, tuple(each)) for key, each in outputs.items()]


def kernels_of(twin: GraphTwin) -> list[Any]:
    """The variables of the twin that hold the `compressible` weights, once each: (h, w, in, out) or (in, out)."""
    return [layer.kernel for layer in compressed_layers(twin)]


def is_pointwise(graph: TFLiteGraph, operator: Any) -> bool:
    """Whether it is a 1x1 convolution."""
    return graph.op_name(operator) == "CONV_2D" and graph.shape(int(operator.inputs[1]))[1:3] == (1, 1)


def _last_layers(graph: TFLiteGraph) -> set[int]:
    """The outputs of the operators with weights after which there is no other."""
    found: set[int] = set()
    waiting = list(graph.outputs)
    while waiting:
        producer = graph.producer(index := waiting.pop())
        if producer is not None and graph.op_name(producer) in CHANNEL_AXIS:
            found.add(index)
        elif producer is not None:
            waiting += op_tensors(producer.inputs)
    return found


def _kernels(graph: TFLiteGraph) -> Iterator[tuple[str, NDArray[Any]]]:
    """(name of the output, kernel) of each kernel, once each."""
    seen: set[int] = set()
    for operator in graph.operators:
        if graph.op_name(operator) in COMPRESSED and (index := op_tensors(operator.inputs)[1]) not in seen:
            seen.add(index)
            kernel = graph.constant(index)
            if kernel is not None:
                yield graph.name(int(operator.outputs[0])), kernel
