"""Models in .onnx files, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from edge_detector.errors import ModelError
from edge_detector.resource import Resource
from edge_detector.types import Tensor, TensorInfo


class OnnxRuntime(Resource):
    """A detector in an .onnx file as a `Runtime`. The file's input is one picture (1, 3, H, W) of floats."""

    def __init__(self, path: Path, *, threads: int) -> None:
        """Raises `ModelError` if the file does not exist, or onnxruntime cannot load it."""
        self._path = path
        if not path.is_file():
            raise ModelError(f"{path}: no such model file")
        try:
            self.use_threads(threads)
        except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions have no other common base class
            raise ModelError(f"{path}: not a model that onnxruntime can load: {error}") from None
        source = self._session.get_inputs()[0]
        _, channels, height, width = source.shape
        self.input = TensorInfo(source.name, (1, height, width, channels), np.dtype(np.float32))
        self.outputs = tuple(
            TensorInfo(each.name, tuple(each.shape), np.dtype(np.float32)) for each in self._session.get_outputs()
        )

    def use_threads(self, threads: int) -> None:
        """Run with this number of threads from now on, in a new session."""
        self.threads = threads
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(self._path, options, providers=["CPUExecutionProvider"])

    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        """The outputs by name; `tensor` is (1, H, W, 3)."""
        names = [each.name for each in self.outputs]
        values = self._session.run(names, {self.input.name: tensor.transpose(0, 3, 1, 2)})
        return dict(zip(names, values, strict=True))
