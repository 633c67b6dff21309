"""SiLU, the activation function of the YOLOs: x * sigmoid(x), in TFLite a LOGISTIC and a MUL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors


@dataclass(frozen=True, slots=True, eq=False)
class Silu:
    """The two operators of one SiLU, and what they read and make."""

    source: int  # the tensor x, which nothing else reads
    logistic: Any
    product: Any

    @property
    def output(self) -> int:
        """The tensor x * sigmoid(x)."""
        return int(self.product.outputs[0])


def silus(graph: TFLiteGraph) -> Iterator[Silu]:
    """Every SiLU of the graph, in the order of computation."""
    for logistic in [operator for operator in graph.operators if graph.op_name(operator) == "LOGISTIC"]:
        source, sigmoid = int(logistic.inputs[0]), int(logistic.outputs[0])
        readers = [operator for operator in graph.consumers(source) if operator is not logistic]
        if len(readers) == 1 and _is_product(graph, readers[0], source, sigmoid) and source not in graph.outputs:
            yield Silu(source, logistic, readers[0])


def silu_inputs(graph: TFLiteGraph) -> set[str]:
    """The names of the tensors that become a SiLU and are used for nothing else."""
    return {graph.name(silu.source) for silu in silus(graph)}


def _is_product(graph: TFLiteGraph, operator: Any, source: int, sigmoid: int) -> bool:
    return graph.op_name(operator) == "MUL" and set(op_tensors(operator.inputs)) == {source, sigmoid}
