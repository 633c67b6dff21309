"""The versions of operators: the oldest that runs the graph, so that old runtimes accept it.

The AI Edge Quantizer leaves the source's numbers, which may be too low (wrong) or too high (refused by older runtimes).
"""

from __future__ import annotations

from collections.abc import Mapping

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

# The version of each operator that first had an int8 kernel (tensorflow/lite/tools/versioning/op_version.cc).
INT8_VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "DEQUANTIZE": 2,
    "LOGISTIC": 2,
    "MAX_POOL_2D": 2,
    "MEAN": 2,
    "MUL": 2,
    "PACK": 2,
    "PAD": 2,
    "QUANTIZE": 1,
    "RESHAPE": 1,
}
# The same for int16 activations.
INT16_VERSIONS = {
    "ADD": 3,
    "CONCATENATION": 3,
    "CONV_2D": 4,
    "DEPTHWISE_CONV_2D": 5,
    "DEQUANTIZE": 3,
    "LOGISTIC": 3,
    "PACK": 3,
    "QUANTIZE": 2,
    "RESHAPE": 1,
}
FLOAT_VERSIONS = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1}


def set_versions(graph: TFLiteGraph, versions: Mapping[str, int]) -> None:
    """Write the operator versions of the table; other operators keep theirs."""
    for operator in graph.operators:
        name = graph.op_name(operator)
        graph.op_code(operator).version = versions.get(name, graph.op_code(operator).version)
