"""Small .onnx files, made with the `onnx` package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 13
FLOAT = onnx.TensorProto.FLOAT
PICTURE = (1, 3, 8, 10)


def node(kind: str, *inputs: str, to: str = "y", domain: str = "", **attributes: Any) -> Any:
    """One operator with the output ``to``."""
    return helper.make_node(kind, list(inputs), to.split(), domain=domain, **attributes)


def save(
    path: Path,
    nodes: Sequence[Any],
    constants: Mapping[str, Any] | None = None,
    *,
    shape: Sequence[int | str | None] = PICTURE,
    outputs: Sequence[str] = ("y",),
    opset: int = OPSET,
) -> Path:
    """Write the file of a network with the input ``x``."""
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, path)
    return path


def tiny_yolox(path: Path, side: int = 32, classes: int = 3) -> Path:
    """A network with YOLOX's Focus, a convolution with SiLU for each scale, and YOLOX's head."""
    random = np.random.default_rng(3)
    constants: dict[str, Any] = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "two": np.array([2]),
        "three": np.array([3]),
        "end": np.array([np.iinfo(np.int64).max]),
        "flat": np.array([1, 5 + classes, -1]),
    }
    nodes = []
    for number, (row, column) in enumerate([("zero", "zero"), ("one", "zero"), ("zero", "one"), ("one", "one")]):
        nodes.append(node("Slice", "x", row, "end", "two", "two", to=f"rows{number}"))
        nodes.append(node("Slice", f"rows{number}", column, "end", "three", "two", to=f"part{number}"))
    nodes.append(node("Concat", *(f"part{number}" for number in range(4)), to="focus", axis=1))

    def convolve(source: str, name: str, count: int, channels: int, size: int = 3, stride: int = 1) -> None:
        constants[f"{name}_w"] = random.normal(0, 0.3 / size, (count, channels, size, size)).astype(np.float32)
        constants[f"{name}_b"] = random.normal(0, 0.1, count).astype(np.float32)
        pads = [size // 2] * 4
        nodes.append(node("Conv", source, f"{name}_w", f"{name}_b", to=name, pads=pads, strides=[stride, stride]))

    def silu(name: str) -> None:
        nodes.append(node("Sigmoid", name, to=f"{name}_sigmoid"))
        nodes.append(node("Mul", name, f"{name}_sigmoid", to=f"{name}_silu"))

    convolve("focus", "stem", 8, 12)
    silu("stem")
    source = "stem_silu"
    convolve(source, "stride4", 8, 8, stride=2)
    source = "stride4"
    levels = []
    for stride in (8, 16, 32):
        convolve(source, f"s{stride}", 8, 8, stride=2)
        silu(f"s{stride}")
        source = f"s{stride}_silu"
        for role, columns in (("boxes", 4), ("objectness", 1), ("scores", classes)):
            convolve(source, f"{role}{stride}", columns, 8, size=1)
        nodes.extend(node("Sigmoid", f"{role}{stride}", to=f"{role}{stride}_p") for role in ("objectness", "scores"))
        parts = (f"boxes{stride}", f"objectness{stride}_p", f"scores{stride}_p")
        nodes.append(node("Concat", *parts, to=f"joined{stride}", axis=1))
        nodes.append(node("Reshape", f"joined{stride}", "flat", to=f"level{stride}"))
        levels.append(f"level{stride}")
    nodes.append(node("Concat", *levels, to="all", axis=2))
    nodes.append(node("Transpose", "all", to="output", perm=[0, 2, 1]))
    return save(path, nodes, constants, shape=(1, 3, side, side), outputs=("output",), opset=11)
