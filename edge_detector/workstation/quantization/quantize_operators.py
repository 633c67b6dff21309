"""The QUANTIZE operators of a graph, which change the scale or the type of a tensor: drop them, or put one first."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.workstation.graph.repairs import remove_unused
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.operator_versions import INT8_VERSIONS

UINT8_OFFSET = 128  # the same real value, one scale: uint8 = int8 + 128


def drop_identities(graph: TFLiteGraph) -> None:
    """Remove QUANTIZE operators that change nothing; the quantizer puts them before operators that join tensors."""
    replaced: dict[int, int] = {}
    kept = []
    for operator in graph.operators:
        operator.inputs = _indices(*(replaced.get(int(index), int(index)) for index in operator.inputs))
        source, target = int(operator.inputs[0]), int(operator.outputs[0])
        if graph.op_name(operator) == "QUANTIZE" and _alike(graph, source, target) and target not in graph.outputs:
            replaced[target] = source
        else:
            kept.append(operator)
    graph.subgraph.operators = kept
    remove_unused(graph)
    graph.write_signature()


def set_input_type(graph: TFLiteGraph, kind: str) -> None:
    """Let an int8 graph take "uint8" or "float32" pictures, by a QUANTIZE operator before all others."""
    if kind == "int8":
        return
    inner = graph.inputs[0]
    outer = graph.add_tensor(graph.name(inner), graph.shape(inner), np.dtype(kind))
    graph.rename(inner, f"{graph.name(inner)}_int8")
    if kind == "uint8":
        graph.tensors[outer].quantization = _shifted(graph.tensors[inner].quantization)
    code = graph.add_op_code("QUANTIZE", INT8_VERSIONS["QUANTIZE"])
    quantize = schema.OperatorT(opcodeIndex=code, inputs=_indices(outer), outputs=_indices(inner))
    graph.subgraph.operators = [quantize, *graph.operators]
    graph.subgraph.inputs = _indices(outer)
    graph.write_signature()


def _alike(graph: TFLiteGraph, first: int, second: int) -> bool:
    one, other = graph.quantization(first), graph.quantization(second)
    if one is None or other is None or graph.dtype(first) != graph.dtype(second):
        return False
    return all(np.array_equal(mine, yours) for mine, yours in zip(one, other, strict=True))


def _indices(*tensors: int) -> NDArray[np.int32]:
    return np.asarray(tensors, np.int32)


def _shifted(parameters: Any) -> Any:
    zero_point = np.asarray(parameters.zeroPoint, np.int64) + UINT8_OFFSET
    return schema.QuantizationParametersT(scale=parameters.scale, zeroPoint=zero_point)
