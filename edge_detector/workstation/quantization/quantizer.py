"""A float graph made smaller: int8 throughout, int8 weights only, or float16 weights, by the AI Edge Quantizer."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import (
    ComputePrecision,
    OpQuantizationConfig,
    TensorDataType,
    TensorQuantizationConfig,
    TFLOperationName,
)
from numpy.typing import NDArray

from edge_detector.workstation.calibration.ranges import Ranges
from edge_detector.workstation.graph import postprocess_op
from edge_detector.workstation.graph.repairs import remove_unused
from edge_detector.workstation.graph.tflite_graph import TYPES, TFLiteGraph

# The version of each operator that first had an int8 kernel (tensorflow/lite/tools/versioning/op_version.cc). The
# quantizer leaves the source's numbers, which may say less (wrong) or more (refused by older runtimes).
INT8_VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MUL": 2,
    "PACK": 2,
    "PAD": 2,
    "QUANTIZE": 1,
    "RESHAPE": 1,
}
FLOAT_VERSIONS = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1}
UINT8_OFFSET = 128  # the same real value, one scale: uint8 = int8 + 128
FLOAT16_WEIGHTS = OpQuantizationConfig(
    weight_tensor_config=TensorQuantizationConfig(num_bits=16, dtype=TensorDataType.FLOAT),
    compute_precision=ComputePrecision.FLOAT,
    explicit_dequantize=True,
)


def to_int8(graph: TFLiteGraph, ranges: Ranges) -> TFLiteGraph:
    """The graph with int8 weights (a scale per channel), activations, input and outputs.

    `ranges` has every activation, by name. The outputs of a fused operator stay float, as it writes them.
    """
    engine = quantizer.Quantizer(graph.to_bytes(), recipe.static_wi8_ai8())
    if postprocess_op.find_postprocess(graph) is not None:
        engine.update_quantization_recipe(".*", TFLOperationName.OUTPUT, algorithm_key=AlgorithmName.NO_QUANTIZE)
    result = _run(engine, _statistics(graph, ranges))
    drop_identities(result)
    set_versions(result, INT8_VERSIONS)
    return result


def to_dynamic(graph: TFLiteGraph) -> TFLiteGraph:
    """The graph with int8 weights, a scale per channel; activations stay float."""
    return _run(quantizer.Quantizer(graph.to_bytes(), recipe.dynamic_wi8_afp32()))


def to_float16(graph: TFLiteGraph) -> TFLiteGraph:
    """The graph with float16 weights, widened to float32 as it is loaded."""
    engine = quantizer.Quantizer(graph.to_bytes())
    engine.update_quantization_recipe(
        ".*", TFLOperationName.ALL_SUPPORTED, FLOAT16_WEIGHTS, algorithm_key=AlgorithmName.FLOAT_CASTING
    )
    return _run(engine)


def to_float32(graph: TFLiteGraph) -> TFLiteGraph:
    """The graph as it is, under the oldest operator versions that run it."""
    result = graph.copy()
    set_versions(result, FLOAT_VERSIONS)
    return result


UNCALIBRATED: dict[str, Callable[[TFLiteGraph], TFLiteGraph]] = {
    "dynamic": to_dynamic,
    "float16": to_float16,
    "float32": to_float32,
}


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


def set_versions(graph: TFLiteGraph, versions: dict[str, int]) -> None:
    """Write the operator versions of the table; other operators keep theirs."""
    for operator in graph.operators:
        name = graph.op_name(operator)
        graph.op_code(operator).version = versions.get(name, graph.op_code(operator).version)


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


def float_operators(graph: TFLiteGraph) -> list[str]:
    """The names of operators that read or write floats."""
    return [
        graph.op_name(operator)
        for operator in graph.operators
        if any(graph.tensors[i].type == TYPES[np.dtype(np.float32)] for i in (*operator.inputs, *operator.outputs))
    ]


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


def _statistics(graph: TFLiteGraph, ranges: Ranges) -> dict[str, dict[str, Any]]:
    """The ranges as the quantizer wants them: arrays of one element with the tensor's rank."""
    ranks = {graph.name(index): len(graph.shape(index)) for index in range(len(graph.tensors))}
    return {
        name: {
            "min": np.full((1,) * ranks[name], each.minimum, np.float32),
            "max": np.full((1,) * ranks[name], each.maximum, np.float32),
        }
        for name, each in ranges.items()
    }


def _run(engine: Any, statistics: dict[str, dict[str, Any]] | None = None) -> TFLiteGraph:
    with _quietly():
        result = engine.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    return TFLiteGraph.from_bytes(bytes(result.quantized_model), name="quantized model")


@contextmanager
def _quietly() -> Iterator[None]:
    """The quantizer draws a progress bar, terminal or not, and warns where numbers overflow: the guards' business."""
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
