"""Operators that stay float inside a quantized graph.

Some operators lose far more by rounding than others, often the first ones of a network. They can stay float, between a
DEQUANTIZE and a QUANTIZE; the quantizer puts these wherever a float operator and an integer one meet.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import TFLOperationName

from edge_detector.errors import ConfigError
from edge_detector.registry import unknown
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors


def chosen_operators(graph: TFLiteGraph, wanted: int | Sequence[str]) -> tuple[str, ...]:
    """The operators to keep in float, in the order of computation; each is named by its (first) output tensor.

    `wanted`: how many of the first operators, or their names. Raises `ConfigError` for what the graph does not have.
    """
    operators = operator_names(graph)
    if isinstance(wanted, int):
        if not 0 <= wanted <= len(operators):
            raise ConfigError(f"--float-operators {wanted}: the model has {len(operators)} operators")
        return operators[:wanted]
    for name in wanted:
        if name not in operators:
            raise ConfigError(f"--float-operators: {unknown('operator (named by its output tensor)', name, operators)}")
    return tuple(name for name in operators if name in wanted)


def operator_names(graph: TFLiteGraph) -> tuple[str, ...]:
    """The first output tensor of every operator, in the order of computation."""
    return tuple(graph.name(int(operator.outputs[0])) for operator in graph.operators)


def keep_float(engine: Any, graph: TFLiteGraph, names: Collection[str]) -> None:
    """Tell an `ai_edge_quantizer.quantizer.Quantizer` of `graph` to leave these operators as they are."""
    scopes = [re.escape(scope) for name, scope in _scopes(graph) if name in names]
    if scopes:
        pattern = f"^(?:{'|'.join(scopes)})$"
        engine.update_quantization_recipe(
            pattern, TFLOperationName.ALL_SUPPORTED, algorithm_key=AlgorithmName.NO_QUANTIZE
        )


def _scopes(graph: TFLiteGraph) -> list[tuple[str, str]]:
    """(name, scope) of every operator: recipes know it by its scope, which is all its outputs with a ; after each."""
    outputs = [[graph.name(index) for index in op_tensors(operator.outputs)] for operator in graph.operators]
    return [(names[0], "".join(f"{name};" for name in names)) for names in outputs]
