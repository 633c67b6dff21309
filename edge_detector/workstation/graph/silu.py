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
    divided: int | None = None  # what the sigmoid reads in the place of x, after `equalization`

    @property
    def output(self) -> int:
        """The tensor x * sigmoid(x)."""
        return int(self.product.outputs[0])


def silus(graph: TFLiteGraph) -> Iterator[Silu]:
    """Every SiLU of the graph, in the order of computation."""
    for logistic in [operator for operator in graph.operators if graph.op_name(operator) == "LOGISTIC"]:
        read, sigmoid = int(logistic.inputs[0]), int(logistic.outputs[0])
        for source, divided in ((read, None), (_before_division(graph, read), read)):
            readers = [] if source is None or source in graph.outputs else list(graph.consumers(source))
            products = [operator for operator in readers if _is_product(graph, operator, source, sigmoid)]
            if source is not None and len(products) == 1 and len(readers) == 2:
                yield Silu(source, logistic, products[0], divided)


def _before_division(graph: TFLiteGraph, index: int) -> int | None:
    """What a depthwise convolution of one pixel reads to make the tensor; None if that is not what makes it."""
    producer = graph.producer(index)
    if producer is None or graph.op_name(producer) != "DEPTHWISE_CONV_2D":
        return None
    return int(producer.inputs[0]) if graph.shape(int(producer.inputs[1]))[:3] == (1, 1, 1) else None


def _is_product(graph: TFLiteGraph, operator: Any, source: int | None, sigmoid: int) -> bool:
    return graph.op_name(operator) == "MUL" and set(op_tensors(operator.inputs)) == {source, sigmoid}
