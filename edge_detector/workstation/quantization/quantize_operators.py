"""The QUANTIZE and DEQUANTIZE operators of a graph, which change the scale or the type of a tensor: none needless."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.workstation.graph.repairs import make_names_unique, remove_unused
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.operator_versions import INT8_VERSIONS

UINT8_OFFSET = 128  # the same real value, one scale: uint8 = int8 + 128
CONVERSIONS = ("QUANTIZE", "DEQUANTIZE")


def drop_needless(graph: TFLiteGraph) -> None:
    """Remove the conversions that the quantizer adds and nobody needs: identities, twins, and integers at the end."""
    _drop_identities(graph)
    _drop_twins(graph)
    _end_in_float(graph)
    make_names_unique(graph)
    remove_unused(graph)
    graph.write_signature()


def set_input_type(graph: TFLiteGraph, kind: str) -> None:
    """Let an int8 graph take "uint8" or "float32" pictures, by a QUANTIZE operator before all others.

    Float operators that read the picture read it without rounding.
    """
    if kind == "int8":
        return
    inner = graph.inputs[0]
    outer = graph.add_tensor(graph.name(inner), graph.shape(inner), np.dtype(kind))
    graph.rename(inner, f"{graph.name(inner)}_int8")
    graph.subgraph.inputs = _indices(outer)
    if kind == "uint8":
        graph.tensors[outer].quantization = _shifted(graph.tensors[inner].quantization)
    _dequantize_from(graph, inner, outer)
    if any(graph.consumers(inner)):
        _quantize_first(graph, outer, inner)
    remove_unused(graph)
    graph.write_signature()


def _dequantize_from(graph: TFLiteGraph, inner: int, outer: int) -> None:
    """Who reads `inner` as floats reads `outer`, which is float already, or is dequantized in its place."""
    if graph.dtype(outer) == np.float32:
        _replace(graph, lambda operator: outer if _dequantizes(graph, operator, inner) else None)
    for operator in graph.operators:
        if _dequantizes(graph, operator, inner):
            operator.inputs = _indices(outer)


def _dequantizes(graph: TFLiteGraph, operator: Any, index: int) -> bool:
    return graph.op_name(operator) == "DEQUANTIZE" and int(operator.inputs[0]) == index


def _quantize_first(graph: TFLiteGraph, outer: int, inner: int) -> None:
    code = graph.add_op_code("QUANTIZE", INT8_VERSIONS["QUANTIZE"])
    quantize = schema.OperatorT(opcodeIndex=code, inputs=_indices(outer), outputs=_indices(inner))
    graph.subgraph.operators = [quantize, *graph.operators]


def _drop_identities(graph: TFLiteGraph) -> None:
    """Remove QUANTIZE operators that change nothing; the quantizer puts them before operators that join tensors."""

    def source_if_alike(operator: Any) -> int | None:
        source, target = _ends(operator)
        needless = graph.op_name(operator) == "QUANTIZE" and _alike(graph, source, target)
        return source if needless and target not in graph.outputs else None

    _replace(graph, source_if_alike)


def _drop_twins(graph: TFLiteGraph) -> None:
    """Convert a tensor once for all its readers that want the same."""
    first: dict[Hashable, int] = {}

    def earlier_twin(operator: Any) -> int | None:
        source, target = _ends(operator)
        if graph.op_name(operator) not in CONVERSIONS or target in graph.outputs:
            return None
        twin = first.setdefault((source, *_stored_as(graph, target)), target)
        return twin if twin != target else None

    _replace(graph, earlier_twin)


def _end_in_float(graph: TFLiteGraph) -> None:
    """An output that a float operator computes stays float."""
    conversions = {int(op.outputs[0]): op for op in graph.operators if graph.op_name(op) == "QUANTIZE"}
    floats = {
        target: source
        for target in graph.outputs
        if target in conversions and graph.dtype(source := _ends(conversions[target])[0]) == np.float32
    }
    graph.subgraph.outputs = _indices(*(floats.get(index, index) for index in graph.outputs))
    dropped = {id(conversions[target]) for target in floats if not any(graph.consumers(target))}
    graph.subgraph.operators = [operator for operator in graph.operators if id(operator) not in dropped]


def _replace(graph: TFLiteGraph, replacement: Callable[[Any], int | None]) -> None:
    """Remove each operator for which `replacement` gives a tensor; that tensor stands for its output from then on."""
    replaced: dict[int, int] = {}
    kept = []
    for operator in graph.operators:
        operator.inputs = _indices(*(replaced.get(int(index), int(index)) for index in operator.inputs))
        instead = replacement(operator)
        if instead is None:
            kept.append(operator)
        else:
            replaced[int(operator.outputs[0])] = instead
    graph.subgraph.operators = kept


def _ends(operator: Any) -> tuple[int, int]:
    """The first input and the first output."""
    return int(operator.inputs[0]), int(operator.outputs[0])


def _alike(graph: TFLiteGraph, first: int, second: int) -> bool:
    return graph.quantization(first) is not None and _stored_as(graph, first) == _stored_as(graph, second)


def _stored_as(graph: TFLiteGraph, index: int) -> tuple[Hashable, ...]:
    """The tensor's type, scales and zero points."""
    scales, zero_points = graph.quantization(index) or (np.zeros(0), np.zeros(0))
    return (graph.dtype(index).name, tuple(scales.tolist()), tuple(zero_points.tolist()))


def _indices(*tensors: int) -> NDArray[np.int32]:
    return np.asarray(tensors, np.int32)


def _shifted(parameters: Any) -> Any:
    zero_point = np.asarray(parameters.zeroPoint, np.int64) + UINT8_OFFSET
    return schema.QuantizationParametersT(scale=parameters.scale, zeroPoint=zero_point)
