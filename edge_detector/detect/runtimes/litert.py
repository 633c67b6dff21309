"""TensorFlow Lite: ai-edge-litert, and its predecessor tflite-runtime, which have the same interpreter.

XNNPACK, the fast kernels for ARM and x86, is on by default in both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from edge_detector.buffers import BufferPool
from edge_detector.errors import ConfigError, ModelError
from edge_detector.resource import Resource
from edge_detector.types import Tensor, TensorInfo

STANDARD_ERROR_FD = 2
# Printed for every user before everything else; the interpreter has no option that leaves it out.
NOTICE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"

OPEN = -1  # in a shape: the caller must choose it


class LiteRtRuntime(Resource):
    """The interpreter of ai-edge-litert."""

    module: ClassVar[str] = "ai_edge_litert.interpreter"
    install: ClassVar[str] = "pip install ai-edge-litert"

    def __init__(self, path: Path, *, threads: int) -> None:
        """Raises `ConfigError` if the package is not installed or broken, `ModelError` if it refuses the model."""
        self._path = path
        # Read once, not mapped: a mapped file that `cp` overwrites kills the process (SIGBUS), and other threads must
        # run the same model, whatever the file is by then.
        self._content: bytes | None = self._read()
        self.threads = threads
        self._interpreter = self._load()
        picture = self._only_input()
        self.input = tensor_info(picture)
        details = self._interpreter.get_output_details()
        self.outputs = tuple(tensor_info(detail) for detail in details)
        self._input_index = picture["index"]
        self._output_indices = [(detail["name"], detail["index"]) for detail in details]
        self._pools = {detail["name"]: BufferPool() for detail in details}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._path.name} threads={self.threads}>"

    def close(self) -> None:
        self._interpreter = self._content = None

    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        """The output tensors by name, the caller's to keep. The interpreter lets other threads run meanwhile.

        Raises `ModelError` if the model fails on this input.
        """
        interpreter = self._interpreter
        interpreter.set_tensor(self._input_index, tensor)
        try:
            interpreter.invoke()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self._path}: the model loads but fails when run: {_first_line(error)}") from None
        return {name: self._copy(name, interpreter.tensor(index)()) for name, index in self._output_indices}

    def _copy(self, name: str, view: Tensor) -> Tensor:
        """An output, out of the interpreter; one with a fused operator knows its shape only after a run."""
        copied = self._pools[name].take(view.shape, view.dtype)
        np.copyto(copied, view)
        return copied

    def use_threads(self, threads: int) -> None:
        """Go on with so many threads; between two calls of `invoke`, for the interpreter is made anew."""
        self.threads = threads
        self._interpreter = self._load()

    def _only_input(self) -> dict[str, Any]:
        inputs = self._interpreter.get_input_details()
        if len(inputs) != 1:
            raise ModelError(f"{self._path}: {len(inputs)} inputs; expected one picture")
        picture: dict[str, Any] = inputs[0]
        sides = picture["shape_signature"][1:]  # the number of pictures may be open: it is one
        if OPEN in sides:
            shape = ", ".join("?" if side == OPEN else str(side) for side in sides)
            raise ModelError(
                f"{self._path}: the size of its input is open ({shape}); expected a model that was exported for one "
                "size, such as (320, 320, 3)"
            )
        return picture

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise ModelError(f"{self._path}: cannot be read: {error.strerror}") from None

    def _load(self) -> Any:
        try:
            with without_notice():
                module = import_module(self.module)
                interpreter = module.Interpreter(model_content=self._content, num_threads=self.threads)
                interpreter.allocate_tensors()
        except ImportError as error:
            raise ConfigError(f"the runtime is not installed ({error}); {self.install}") from None
        except SystemError as error:  # tflite-runtime 2.14 beside numpy 2: the import works, the interpreter does not
            raise ConfigError(f"the runtime does not fit numpy {np.__version__} ({error}); {self.install}") from None
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"{self._path}: not a model that this runtime can load: {_first_line(error)}") from None
        return interpreter


class TfliteRuntime(LiteRtRuntime):
    """The interpreter of tflite-runtime 2.14, the last: Python 3.11 and numpy 1 only."""

    module = "tflite_runtime.interpreter"
    install = "pip install 'edge-detector[tflite-runtime]' (Python 3.11 only)"


@contextmanager
def without_notice() -> Iterator[None]:
    """Standard error without `NOTICE`: what is written meanwhile, by C++ code too, comes at the end, all else whole."""
    try:
        error = os.dup(STANDARD_ERROR_FD)
    except OSError:  # closed: nobody reads it
        yield
        return
    with os.fdopen(os.memfd_create("stderr"), "rb") as written, os.fdopen(error, "wb", buffering=0) as standard_error:
        os.dup2(written.fileno(), STANDARD_ERROR_FD)
        try:
            yield
        finally:
            os.dup2(standard_error.fileno(), STANDARD_ERROR_FD)
            written.seek(0)
            with suppress(OSError):  # its reader has ended
                standard_error.write(written.read().replace(NOTICE, b""))


def tensor_info(detail: dict[str, Any]) -> TensorInfo:
    """A tensor as the interpreter's ``detail`` describes it."""
    scale, zero_point = detail["quantization"]
    shape = tuple(int(length) for length in detail["shape"])
    return TensorInfo(detail["name"], shape, np.dtype(detail["dtype"]), float(scale), int(zero_point))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
