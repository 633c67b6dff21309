"""What an .onnx file holds, read with the `onnx` package and checked: what is wrong with it is one clear line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import external_data_helper, numpy_helper

from edge_detector.errors import ModelError
from edge_detector.types import Size

OLDEST_OPSET = 9  # 2019; in older ones, operators have other inputs
OWN_DOMAINS = ("", "ai.onnx")
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)
CHANNELS = 3


@dataclass(frozen=True, slots=True, eq=False)
class OnnxFile:
    """The network in an .onnx file; its one input is a picture (1, 3, height, width)."""

    nodes: Sequence[Any]  # NodeProto
    constants: dict[str, NDArray[Any]]
    input: str
    size: tuple[int | None, int | None]  # width, height; None where the file leaves it open
    outputs: tuple[str, ...]
    opset: int

    @classmethod
    def read(cls, path: Path) -> OnnxFile:
        """Raises `ModelError` for a file that is damaged, incomplete or too new, or whose input is no picture."""
        model = _load(path)
        opset = _opset(path, model)
        constants = {each.name: _array(path, each) for each in model.graph.initializer}
        picture = _input(path, model, constants)
        return cls(
            nodes=model.graph.node,
            constants=constants,
            input=picture.name,
            size=_size(path, picture),
            outputs=tuple(output.name for output in model.graph.output),
            opset=opset,
        )

    def size_for(self, path: Path, asked: Size | None) -> Size:
        """The size of the input: as asked for, else as the file says. Raises `ModelError` if neither says it."""
        width, height = asked or self.size
        if width is None or height is None:
            raise ModelError(
                f"{path}: the file leaves the size of its input open; say it with --input-size 320, or export with a "
                "fixed shape (torch.onnx.export without dynamic_axes)"
            )
        return width, height


def _load(path: Path) -> Any:
    try:
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except DecodeError:
        raise ModelError(f"{path}: not a readable ONNX file; is it damaged or cut short?") from None
    if not model.graph.node:
        raise ModelError(f"{path}: an ONNX file without any operator; is it damaged or cut short?")
    _load_external_data(path, model)
    return model


def _load_external_data(path: Path, model: Any) -> None:
    """Read the weights that are in a file of their own beside the .onnx file."""
    outside = [each for each in model.graph.initializer if external_data_helper.uses_external_data(each)]
    for name in dict.fromkeys(external_data_helper.ExternalDataInfo(each).location for each in outside):
        if not (path.parent / name).is_file():
            raise ModelError(f"{path}: its weights are in {name}, which is missing; copy it into the same folder")
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{path}: its weights in another file cannot be read: {_first_line(error)}") from error


def _opset(path: Path, model: Any) -> int:
    opset = max((each.version for each in model.opset_import if each.domain in OWN_DOMAINS), default=0)
    newest = onnx.defs.onnx_opset_version()
    if opset > newest:
        raise ModelError(
            f"{path}: made for opset {opset}; the onnx package installed here knows {newest}: export with "
            f"opset_version={newest} or lower, or install a newer onnx"
        )
    if opset < OLDEST_OPSET:
        raise ModelError(f"{path}: made for opset {opset}; expected {OLDEST_OPSET} or newer: export it again")
    return opset


def _array(path: Path, tensor: Any) -> NDArray[Any]:
    try:
        array: NDArray[Any] = numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path}: the constant '{tensor.name}' is damaged ({_first_line(error)})") from error
    return array


def _input(path: Path, model: Any, constants: dict[str, NDArray[Any]]) -> Any:
    inputs = [each for each in model.graph.input if each.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(f"'{each.name}'" for each in inputs) or "none"
        raise ModelError(f"{path}: {len(inputs)} inputs ({names}); expected one picture")
    (picture,) = inputs
    kind = picture.type.tensor_type.elem_type
    if kind not in FLOATS:
        name = onnx.TensorProto.DataType.Name(kind)
        raise ModelError(f"{path}: the input '{picture.name}' is {name}; expected a picture of floats")
    return picture


def _size(path: Path, picture: Any) -> tuple[int | None, int | None]:
    """(width, height); None for what the file leaves open. A batch of any size becomes one picture."""
    shape = [each.dim_value or None for each in picture.type.tensor_type.shape.dim]
    if len(shape) != 4 or shape[0] not in (1, None) or shape[1] not in (CHANNELS, None):
        known = ", ".join("?" if each is None else str(each) for each in shape)
        raise ModelError(f"{path}: the input '{picture.name}' is ({known}); expected one picture (1, 3, height, width)")
    return shape[3], shape[2]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def node_attributes(node: Any) -> dict[str, Any]:
    """The settings of a node as Python values."""
    values = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def folded(node: Any, inputs: dict[str, NDArray[Any]], opset: int) -> list[NDArray[Any]]:
    """What a node makes whose inputs are all constants, computed by ONNX's own reference."""
    from onnx.reference import ReferenceEvaluator  # takes a second, and few files need it

    names = [name for name in node.input if name]
    graph = onnx.helper.make_graph(
        [node],
        "constants",
        [
            onnx.helper.make_tensor_value_info(name, _type(inputs[name]), inputs[name].shape)
            for name in dict.fromkeys(names)
        ],
        [onnx.helper.make_empty_tensor_value_info(name) for name in node.output if name],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
    return [np.asarray(each) for each in ReferenceEvaluator(model).run(None, inputs)]


def _type(array: NDArray[Any]) -> int:
    return int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype))
