"""Where a .tflite file runs: tried in both runtimes, each in its own process; checked against the Edge TPU's rules."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_detector.workstation.graph.tflite_graph import TFLiteGraph, op_tensors

LOAD_TIMEOUT_S = 60.0
RUNTIME_MODULES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}

_CHILD = """
import importlib, importlib.util, json, sys
module, path = sys.argv[1:]
if importlib.util.find_spec(module.partition(".")[0]) is None:
    print(json.dumps("not installed"))
    raise SystemExit
interpreter = importlib.import_module(module).Interpreter(model_path=path)
interpreter.allocate_tensors()
interpreter.invoke()
print(json.dumps("ok"))
"""

# coral.ai/docs/edgetpu/models-intro, "Supported operations".
EDGETPU_OPERATORS = frozenset(
    """ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION
    LOGISTIC LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6
    RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT
    SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV""".split()  # noqa: SIM905 - forty names are easier to read in rows
)
# The newest operator versions that the last compiler (16.0) accepts.
EDGETPU_VERSIONS = {
    "ADD": 2,
    "CONCATENATION": 2,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 3,
    "FULLY_CONNECTED": 4,
    "LOGISTIC": 2,
    "MEAN": 2,
    "PAD": 2,
    "QUANTIZE": 1,
    "RESHAPE": 1,
}
EDGETPU_PARAMETER_BYTES = 8 * 2**20  # memory on the chip; what does not fit goes over USB for each picture
EIGHT_BIT = (np.dtype(np.int8), np.dtype(np.uint8))


@dataclass(frozen=True, slots=True)
class Compatibility:
    """Which runtimes run the file, and what the Edge TPU's compiler would refuse."""

    runtimes: dict[str, str]  # runtime -> "ok", "not installed" or the error
    edgetpu: tuple[str, ...]  # known reasons why the Edge TPU compiler would refuse it; there may be others


def check_compatibility(path: Path, *, pythons: Mapping[str, Path] | None = None) -> Compatibility:
    """Load and run the file in each runtime, and apply the Edge TPU's rules to it.

    `pythons` names another Python for a runtime that cannot be installed beside the others.
    """
    pythons = pythons or {}
    runtimes = {
        name: runs_in(module, path, python=pythons.get(name, Path(sys.executable)))
        for name, module in RUNTIME_MODULES.items()
    }
    return Compatibility(runtimes, tuple(edgetpu_problems(TFLiteGraph.load(path))))


def runs_in(module: str, path: Path, *, python: Path, timeout_s: float = LOAD_TIMEOUT_S) -> str:
    """ "ok", "not installed", or what went wrong when a child process loaded and ran the file once.

    In a child process, because a runtime may abort its process on a model that it cannot run.
    """
    command = [str(python), "-c", _CHILD, module, str(path)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired:
        return f"did not finish within {timeout_s:.0f} s"
    except OSError as error:
        return f"{python} cannot be started: {error.strerror}"
    if child.returncode < 0:
        return f"the process was killed by signal {-child.returncode}"
    if child.returncode > 0:
        return child.stderr.strip().splitlines()[-1]
    answer: str = json.loads(child.stdout.splitlines()[-1])
    return answer


def edgetpu_problems(graph: TFLiteGraph) -> Iterator[str]:
    """Each reason why the Edge TPU compiler would leave more than the end of the graph on the CPU."""
    for rule in EDGETPU_RULES:
        yield from rule(graph)


def _static_batch_of_one(graph: TFLiteGraph) -> Iterator[str]:
    for index in graph.inputs:
        signature = graph.tensors[index].shapeSignature
        if signature is not None and min(signature, default=1) < 0:
            yield f"input '{graph.name(index)}' has a dynamic shape"
        elif graph.shape(index)[:1] != (1,):
            yield f"input '{graph.name(index)}' has shape {graph.shape(index)}; the batch size must be 1"


def _supported_operators(graph: TFLiteGraph) -> Iterator[str]:
    body = _without_end(graph)
    unsupported = {graph.op_name(op) for op in body} - EDGETPU_OPERATORS
    if unsupported:
        yield f"operators without an Edge TPU form before the end: {', '.join(sorted(unsupported))}"


def _operator_versions(graph: TFLiteGraph) -> Iterator[str]:
    for code in {operator.opcodeIndex: operator for operator in _without_end(graph)}.values():
        name, version = graph.op_name(code), graph.op_code(code).version
        newest = EDGETPU_VERSIONS.get(name)
        if newest is not None and version > newest:
            yield f"{name} has version {version}; the compiler knows up to {newest}"


def _eight_bit_tensors(graph: TFLiteGraph) -> Iterator[str]:
    wide = {
        graph.name(index)
        for operator in _without_end(graph)
        for index in op_tensors(operator.outputs)
        if graph.dtype(index) not in EIGHT_BIT
    }
    if wide:
        yield f"{len(wide)} activations are not int8 or uint8, such as '{min(wide)}'"


def _parameter_memory(graph: TFLiteGraph) -> Iterator[str]:
    size = sum(len(buffer.data) for buffer in graph.model.buffers if buffer.data is not None)
    if size > EDGETPU_PARAMETER_BYTES:
        yield f"{size / 2**20:.1f} MiB of parameters; about 8 MiB fit on the chip"


EDGETPU_RULES: tuple[Callable[[TFLiteGraph], Iterator[str]], ...] = (
    _static_batch_of_one,
    _supported_operators,
    _operator_versions,
    _eight_bit_tensors,
    _parameter_memory,
)


def _without_end(graph: TFLiteGraph) -> list[Any]:
    """The operators up to the last one the Edge TPU has; the operators after it may stay on the CPU."""
    supported = [graph.op_name(operator) in EDGETPU_OPERATORS for operator in graph.operators]
    last = max((place for place, fits in enumerate(supported) if fits), default=-1)
    return graph.operators[: last + 1]
