"""Every activation of a graph on a photograph, as real numbers, whether the graph is float or int8."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from edge_detector.detect.quantized import to_real
from edge_detector.detect.runtimes.litert import tensor_info
from edge_detector.types import TensorInfo

NUMBERS = (np.float32, np.int8)


class Activations:
    """A graph that keeps every tensor it computes, to be read by name after `run`.

    Names are the keys, so they must be unique (`repairs.tidy` makes them so).
    """

    def __init__(self, model: bytes) -> None:
        """`model`: the content of a .tflite file."""
        self._interpreter = _keeping_all_tensors(model)
        self._input = self._interpreter.get_input_details()[0]
        constants = _constants(self._interpreter)
        self._details = {
            detail["name"]: detail
            for detail in self._interpreter.get_tensor_details()
            if detail["index"] not in constants and detail["dtype"] in NUMBERS
        }

    def names(self) -> list[str]:
        """The input, the outputs, and everything in between."""
        return list(self._details)

    def run(self, sample: NDArray[Any]) -> None:
        """Compute all activations for a real input tensor (1, H, W, 3)."""
        self._interpreter.set_tensor(self._input["index"], _stored(sample, tensor_info(self._input)))
        self._interpreter.invoke()

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """The activation's real values, in its own shape."""
        detail = self._details[name]
        return to_real(self._interpreter.get_tensor(detail["index"]), tensor_info(detail))


def _keeping_all_tensors(model: bytes) -> Interpreter:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors", category=UserWarning)
        interpreter = Interpreter(model_content=model, experimental_preserve_all_tensors=True, num_threads=2)
    interpreter.allocate_tensors()
    return interpreter


def _constants(interpreter: Interpreter) -> set[int]:
    """Tensors that no operator writes, such as weights, but not the input."""
    written = {int(index) for op in interpreter._get_ops_details() for index in op["outputs"]}
    inputs = {detail["index"] for detail in interpreter.get_input_details()}
    return {detail["index"] for detail in interpreter.get_tensor_details()} - written - inputs


def _stored(real: NDArray[Any], info: TensorInfo) -> NDArray[Any]:
    if not info.quantized:
        return real
    limits = np.iinfo(info.dtype)
    return np.clip(np.round(real / info.scale + info.zero_point), limits.min, limits.max).astype(info.dtype)
