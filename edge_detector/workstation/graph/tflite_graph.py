"""A .tflite file as an editable graph: load, inspect, change, save.

The flatbuffer's object interface (`schema_py_generated`) does the parsing; this file adds what editing needs:
constants as arrays, operators by name, every constant inside the flatbuffer.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.errors import ModelError

FILE_IDENTIFIER = b"TFL3"
SIGNATURE = "serving_default"
CUSTOM = "CUSTOM"
NO_TENSOR = -1  # an optional operator input that is not there

DTYPES: dict[int, np.dtype[Any]] = {
    schema.TensorType.FLOAT32: np.dtype(np.float32),
    schema.TensorType.FLOAT16: np.dtype(np.float16),
    schema.TensorType.INT64: np.dtype(np.int64),
    schema.TensorType.INT32: np.dtype(np.int32),
    schema.TensorType.INT16: np.dtype(np.int16),
    schema.TensorType.INT8: np.dtype(np.int8),
    schema.TensorType.UINT8: np.dtype(np.uint8),
    schema.TensorType.BOOL: np.dtype(np.bool_),
}
TYPES = {dtype: code for code, dtype in DTYPES.items()}
OPERATORS: dict[int, str] = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
BUILTIN_CODES = {name: code for code, name in OPERATORS.items()}


class TFLiteGraph:
    """The one subgraph of a .tflite model, which can be changed.

    Tensors and operators are the schema's own objects (`TensorT`, `OperatorT`), addressed by index as
    in the file. Raises `ModelError` for a file that is not a .tflite, or that has several subgraphs.
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    @classmethod
    def load(cls, path: Path) -> TFLiteGraph:
        """The graph of the file at `path`."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
        return cls.from_bytes(content, name=str(path))

    @classmethod
    def from_bytes(cls, content: bytes, *, name: str = "model") -> TFLiteGraph:
        """The graph of a file's content; `name` is for error messages."""
        if content[4:8] != FILE_IDENTIFIER:
            raise ModelError(f"{name}: not a .tflite file (bytes 4 to 8 should read 'TFL3')")
        try:
            model = schema.ModelT.InitFromPackedBuf(content, 0)
            _inline_constants(model, content)
        except (struct.error, IndexError, ValueError, TypeError, UnicodeDecodeError) as error:
            raise ModelError(f"{name}: truncated or damaged .tflite file ({error})") from error
        if not model.subgraphs or len(model.subgraphs) != 1:
            count = len(model.subgraphs or ())
            raise ModelError(f"{name}: {count} subgraphs; only models with exactly one can be edited")
        return cls(model)

    def to_bytes(self) -> bytes:
        """The graph as the content of a .tflite file."""
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), file_identifier=FILE_IDENTIFIER)
        return bytes(builder.Output())

    def save(self, path: Path) -> None:
        """Write the .tflite file."""
        path.write_bytes(self.to_bytes())

    def copy(self) -> TFLiteGraph:
        """An independent graph with the same content."""
        return self.from_bytes(self.to_bytes())

    @property
    def subgraph(self) -> Any:
        return self.model.subgraphs[0]

    @property
    def tensors(self) -> list[Any]:
        tensors: list[Any] = self.subgraph.tensors
        return tensors

    @property
    def operators(self) -> list[Any]:
        operators: list[Any] = self.subgraph.operators
        return operators

    @property
    def inputs(self) -> list[int]:
        return [int(index) for index in self.subgraph.inputs]

    @property
    def outputs(self) -> list[int]:
        return [int(index) for index in self.subgraph.outputs]

    def op_code(self, operator: Any) -> Any:
        """The operator's `OperatorCodeT`: built-in code, custom name, version."""
        return self.model.operatorCodes[operator.opcodeIndex]

    def op_name(self, operator: Any) -> str:
        """The built-in's name, such as CONV_2D, or the custom operator's own name."""
        code = self.op_code(operator)
        # Files older than schema 3a keep the code in the byte-sized field only.
        name = OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        return str(code.customCode.decode()) if name == CUSTOM else name

    def op_counts(self) -> dict[str, int]:
        """How many operators of each name the graph has, most frequent first."""
        return dict(Counter(map(self.op_name, self.operators)).most_common())

    def name(self, index: int) -> str:
        """The tensor's name."""
        name = self.tensors[index].name
        return name.decode() if isinstance(name, bytes) else str(name or "")

    def shape(self, index: int) -> tuple[int, ...]:
        """The tensor's shape; () for a scalar and for an unknown shape."""
        shape = self.tensors[index].shape
        return () if shape is None else tuple(int(size) for size in shape)

    def dtype(self, index: int) -> np.dtype[Any]:
        """The tensor's element type. Raises `ModelError` for types no detector uses."""
        try:
            return DTYPES[self.tensors[index].type]
        except KeyError:
            raise ModelError(
                f"tensor '{self.name(index)}': element type {self.tensors[index].type} is not supported"
            ) from None

    def quantization(self, index: int) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
        """(scales, zero points) of a quantized tensor, else None."""
        parameters = self.tensors[index].quantization
        if parameters is None or parameters.scale is None or len(parameters.scale) == 0:
            return None
        scales = np.asarray(parameters.scale, np.float64)
        zero_points = parameters.zeroPoint
        return scales, np.zeros(len(scales), np.int64) if zero_points is None else np.asarray(zero_points)

    def constant(self, index: int) -> NDArray[Any] | None:
        """The constant's value as an array of the tensor's shape, or None for an activation."""
        if index == NO_TENSOR:
            return None
        data = self.model.buffers[self.tensors[index].buffer].data
        if data is None or len(data) == 0:
            return None
        return np.frombuffer(bytes(data), self.dtype(index)).reshape(self.shape(index))

    def set_constant(self, index: int, value: NDArray[Any]) -> None:
        """Give the tensor a new value, with its type and shape; tensors that shared its buffer keep theirs."""
        tensor = self.tensors[index]
        tensor.type = TYPES[value.dtype]
        tensor.shape = np.asarray(value.shape, np.int32)
        data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
        self.model.buffers.append(schema.BufferT(data=data))
        tensor.buffer = len(self.model.buffers) - 1

    def add_tensor(self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
        """Append an activation tensor without quantization; its index."""
        tensor = schema.TensorT(name=name.encode(), type=TYPES[dtype], shape=np.asarray(shape, np.int32))
        tensor.buffer = 0  # by convention buffer 0 is empty
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def add_constant(self, name: str, value: NDArray[Any]) -> int:
        """Append a constant; its index."""
        index = self.add_tensor(name, value.shape, value.dtype)
        self.set_constant(index, value)
        return index

    def give_constant(self, operator: Any, place: int, value: NDArray[Any]) -> None:
        """Give the operator a constant of its own as its input at ``place``: others may read the one that it had."""
        new = self.add_constant(self.name(int(operator.inputs[place])), value)
        operator.inputs = np.asarray([new if i == place else each for i, each in enumerate(operator.inputs)], np.int32)

    def append_operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], options: Any = None) -> None:
        """Append a built-in operator of version 1; ``options`` is an ``...OptionsT`` of the schema."""
        operator = schema.OperatorT(
            opcodeIndex=self._first_version(kind),
            inputs=np.asarray(inputs, np.int32),
            outputs=np.asarray(outputs, np.int32),
            builtinOptions=options,
        )
        if options is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.operators.append(operator)

    def _first_version(self, kind: str) -> int:
        """The index of the operator code, which is appended if it is not there."""
        wanted = (BUILTIN_CODES[kind], 1)
        codes = [(code.builtinCode, code.version) for code in self.model.operatorCodes]
        return codes.index(wanted) if wanted in codes else self.add_op_code(kind, 1)

    def add_op_code(self, name: str, version: int) -> int:
        """Append an operator code for a built-in; its index."""
        code = BUILTIN_CODES[name]
        # The byte-sized field is read by old runtimes, and holds what fits.
        entry = schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=version)
        self.model.operatorCodes.append(entry)
        return len(self.model.operatorCodes) - 1

    def rename(self, index: int, name: str) -> None:
        """Give the tensor another name."""
        self.tensors[index].name = name.encode()

    def producer(self, index: int) -> Any | None:
        """The operator that computes the tensor, or None for an input or a constant."""
        return next((op for op in self.operators if index in op_tensors(op.outputs)), None)

    def consumers(self, index: int) -> Iterator[Any]:
        """The operators that read the tensor."""
        return (op for op in self.operators if index in op_tensors(op.inputs))

    def set_outputs(self, outputs: Mapping[str, int]) -> None:
        """Make `outputs` (name -> tensor) the graph's outputs under these names; operators that none needs go."""
        for name, index in outputs.items():
            self.rename(index, name)
        self.subgraph.outputs = np.asarray(list(outputs.values()), np.int32)
        self._drop_dead_operators()
        self.write_signature()

    def write_signature(self) -> None:
        """One signature, `serving_default`, whose argument names are the tensor names."""
        self.model.signatureDefs = [
            schema.SignatureDefT(
                signatureKey=SIGNATURE.encode(),
                inputs=[_signature_entry(self.tensors[i].name, i) for i in self.inputs],
                outputs=[_signature_entry(self.tensors[i].name, i) for i in self.outputs],
            )
        ]

    def _drop_dead_operators(self) -> None:
        needed = set(self.outputs)
        alive: list[Any] = []
        for operator in reversed(self.operators):
            if needed.intersection(op_tensors(operator.outputs)):
                needed.update(op_tensors(operator.inputs))
                alive.append(operator)
        self.subgraph.operators = alive[::-1]


def op_tensors(indices: Any) -> list[int]:
    """The tensor indices of an operator's inputs or outputs, without the optional ones left out."""
    return [] if indices is None else [int(index) for index in indices if index != NO_TENSOR]


def _signature_entry(name: bytes, index: int) -> Any:
    return schema.TensorMapT(name=name, tensorIndex=index)


def _inline_constants(model: Any, content: bytes) -> None:
    """Bring constants that lie behind the flatbuffer (offset and size) inside it."""
    for buffer in model.buffers:
        if buffer.offset > 1:  # 0 and 1 mean: the data is here
            start, end = buffer.offset, buffer.offset + buffer.size
            if end > len(content):
                raise ValueError("a constant lies behind the end of the file")
            buffer.data = np.frombuffer(content[start:end], np.uint8)
            buffer.offset = buffer.size = 0
