"""From an .onnx file to a float TFLite graph with the same outputs."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from edge_detector.errors import ModelError
from edge_detector.types import Size
from edge_detector.workstation.graph.fusions import fuse
from edge_detector.workstation.graph.onnx_import.builder import GraphBuilder, Node, Operand
from edge_detector.workstation.graph.onnx_import.layout import Value, usual
from edge_detector.workstation.graph.onnx_import.onnx_file import (
    CHANNELS,
    OWN_DOMAINS,
    OnnxFile,
    folded,
    node_attributes,
)
from edge_detector.workstation.graph.onnx_import.operators import ANY_OTHER_WAY, OPERATORS, WAYS_OUT
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

Operands = dict[str, Operand]


def import_onnx(path: Path, input_size: Size | None = None) -> TFLiteGraph:
    """The network as a float graph whose input is (1, height, width, 3).

    Outputs have the names and shapes that they have in the file, except that those of four axes are (1, height, width,
    channels). ``input_size`` (width, height) takes the place of the file's. Raises `ModelError`.
    """
    file = OnnxFile.read(path)
    width, height = file.size_for(path, input_size)
    graph = GraphBuilder(_zoom(file, (width, height)))
    operands: Operands = dict(file.constants)
    operands[file.input] = graph.input(file.input, (1, CHANNELS, height, width))
    for node in file.nodes:
        operands |= _made(path, file, graph, operands, node)
    graph.graph.set_outputs(_outputs(path, file, graph, operands))
    fuse(graph.graph)
    return graph.graph


def _zoom(file: OnnxFile, size: Size) -> tuple[Fraction, Fraction]:
    """How many times higher and wider the input is than the file says."""
    width, height = (Fraction(asked, own) if own else Fraction(1) for asked, own in zip(size, file.size, strict=True))
    return height, width


def _made(path: Path, file: OnnxFile, graph: GraphBuilder, operands: Operands, node: Any) -> Operands:
    """What the node makes, by name."""
    inputs = tuple(_input(path, operands, node, name) if name else None for name in node.input)
    constants = {name: operands[name] for name in node.input if name}
    if node.op_type == "Shape" and isinstance(inputs[0], Value):
        first, last = (node_attributes(node).get(key) for key in ("start", "end"))
        return {node.output[0]: np.asarray(inputs[0].shape[first:last], np.int64)}
    if not any(isinstance(each, Value) for each in inputs):
        return dict(zip(node.output, folded(node, constants, file.opset), strict=True))  # type: ignore[arg-type]
    made = _converted(
        path,
        file,
        graph,
        Node(node.op_type, node.output[0], inputs, node_attributes(node), len(node.output)),
        node.domain,
    )
    return dict(zip(node.output, made if isinstance(made, tuple) else (made,), strict=False))


def _input(path: Path, operands: Operands, node: Any, name: str) -> Operand:
    if name not in operands:
        raise ModelError(
            f"{path}: {node.op_type} reads '{name}', which nothing makes; is the file damaged or cut short?"
        )
    return operands[name]


def _converted(path: Path, file: OnnxFile, graph: GraphBuilder, node: Node, domain: str) -> Value | tuple[Value, ...]:
    if node.kind not in OPERATORS or domain not in OWN_DOMAINS:
        raise ModelError(_unknown(path, file, node, domain))
    try:
        return OPERATORS[node.kind](graph, node)
    except ModelError as error:
        raise ModelError(f"{path}: {node.kind} '{node.name}': {error}") from error


def _unknown(path: Path, file: OnnxFile, node: Node, domain: str) -> str:
    name = node.kind if domain in OWN_DOMAINS else f"{domain}.{node.kind}"
    count = Counter(each.op_type for each in file.nodes)[node.kind]
    return (
        f"{path}: the operator {name} ('{node.name}', {count} in the file) is not known here: "
        f"{WAYS_OUT.get(node.kind, ANY_OTHER_WAY)}. Known: {', '.join(OPERATORS)}"
    )


def _outputs(path: Path, file: OnnxFile, graph: GraphBuilder, operands: Operands) -> dict[str, int]:
    """Name -> tensor. Raises `ModelError` for an output that does not depend on the picture."""
    found = {}
    for name in file.outputs:
        value = operands.get(name)
        if not isinstance(value, Value):
            raise ModelError(f"{path}: the output '{name}' does not depend on the picture; is the file damaged?")
        found[name] = graph.in_order(value, usual(len(value.shape))).tensor
    return found
