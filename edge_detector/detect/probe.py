"""The child process that meets an unknown model first: ``python -m edge_detector.detect.probe MODEL RUNTIME``.

A malformed file can crash the interpreter, or keep a parser busy for ever. Here that ends only this process.
Prints one JSON object: a `Description`, or {"error": message, "kind": class of errors.py}.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edge_detector.detect.description import FUSED_OP, Description, Operator, TensorDescription
from edge_detector.detect.manifest import sha256
from edge_detector.detect.quantized import to_real
from edge_detector.detect.runtimes import open_runtime
from edge_detector.errors import EdgeDetectorError
from edge_detector.types import Tensor, TensorInfo


def describe_here(path: Path, runtime_name: str) -> Description:
    """Load, run once and read the model in this very process.

    Raises `ModelError` or `ConfigError`; may crash the process on a malformed file.
    """
    with open_runtime(runtime_name, path, threads=1) as runtime:
        outputs = runtime.invoke(canned_picture(runtime.input))
        graph = _Graph(path)
        return Description(
            sha256=sha256(path),
            size_bytes=path.stat().st_size,
            input=_describe(runtime.input),
            outputs=tuple(_describe(info, outputs[info.name]) for info in runtime.outputs),
            operators=graph.operators(),
            fused_outputs=graph.fused_outputs(),
            fused_options=graph.fused_options(),
            signature=graph.signature(),
            anchor_count=graph.anchor_count(),
            weight_type=graph.weight_type(),
            activation_type=graph.activation_type(),
        )


def canned_picture(info: TensorInfo) -> Tensor:
    """Smooth waves over the whole range of the input's type: the same picture every time."""
    size = int(np.prod(info.shape))
    wave = (np.sin(np.arange(size) / 97.0) + 1) / 2  # 0 to 1; 97 is no divisor of a row
    if info.dtype == np.float32:
        return (wave * 2 - 1).reshape(info.shape).astype(np.float32)
    if not np.issubdtype(info.dtype, np.integer):
        return np.zeros(info.shape, info.dtype)
    limits = np.iinfo(info.dtype)
    return (wave * (limits.max - limits.min) + limits.min).reshape(info.shape).astype(info.dtype)


class _Graph:
    """The flatbuffer, read with the schema that comes with ai-edge-litert."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self._schema = schema
        self._model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
        self._graph = self._model.subgraphs[0]
        self._fused = next((op for op in self._graph.operators if self._code(op) == FUSED_OP), None)

    def operators(self) -> tuple[Operator, ...]:
        codes = self._model.operatorCodes
        counts = Counter((self._code(op), codes[op.opcodeIndex].version) for op in self._graph.operators)
        return tuple(Operator(name, version, count) for (name, version), count in counts.most_common())

    def fused_outputs(self) -> tuple[str, ...]:
        return tuple(self._name(index) for index in self._fused.outputs) if self._fused else ()

    def fused_options(self) -> dict[str, Any]:
        from flatbuffers import flexbuffers

        options = flexbuffers.Loads(bytes(self._fused.customOptions)) if self._fused else {}
        return {str(key): value for key, value in options.items()}

    def anchor_count(self) -> int:
        return int(self._graph.tensors[self._fused.inputs[2]].shape[0]) if self._fused else 0

    def signature(self) -> dict[str, str]:
        signatures = self._model.signatureDefs or []
        return {
            output.name.decode(): self._name(output.tensorIndex) for item in signatures[:1] for output in item.outputs
        }

    def weight_type(self) -> str:
        """The type that holds most bytes of the constants."""
        sizes: Counter[str] = Counter()
        for tensor in self._graph.tensors:
            sizes[self._type(tensor)] += self._constant_bytes(tensor)
        return max(sizes, key=lambda name: sizes[name]) if sizes.total() else ""

    def activation_type(self) -> str:
        """The type of most tensors that are computed."""
        computed = [tensor for tensor in self._graph.tensors if not self._constant_bytes(tensor)]
        return Counter(map(self._type, computed)).most_common(1)[0][0]

    def _constant_bytes(self, tensor: Any) -> int:
        data = self._model.buffers[tensor.buffer].data
        return 0 if data is None else len(data)

    def _type(self, tensor: Any) -> str:
        names = {value: name for name, value in vars(self._schema.TensorType).items() if name.isupper()}
        return names[tensor.type].lower()

    def _name(self, tensor: int) -> str:
        return (self._graph.tensors[tensor].name or b"").decode(errors="replace")

    def _code(self, op: Any) -> str:
        code = self._model.operatorCodes[op.opcodeIndex]
        if code.customCode:
            return str(code.customCode.decode(errors="replace"))
        builtin = max(code.builtinCode, code.deprecatedBuiltinCode)  # codes under 128 once had only the latter
        names = {value: name for name, value in vars(self._schema.BuiltinOperator).items() if name.isupper()}
        return names.get(builtin, f"operator {builtin}")


def _describe(info: TensorInfo, tensor: Tensor | None = None) -> TensorDescription:
    real = to_real(tensor, info) if tensor is not None and tensor.size else np.zeros(1, np.float32)
    return TensorDescription(
        info.name, info.shape, str(info.dtype), info.scale, info.zero_point, float(real.min()), float(real.max())
    )


def main(arguments: list[str]) -> int:
    """Print the description of a model, or why there is none."""
    path, runtime_name = arguments
    try:
        answer = asdict(describe_here(Path(path), runtime_name))
    except EdgeDetectorError as error:
        answer = {"error": str(error), "kind": type(error).__name__}
    print(json.dumps(answer))  # noqa: T201 - the answer to the parent process
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
