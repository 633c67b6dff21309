from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_detector.errors import ModelError

onnx = pytest.importorskip("onnx", reason="needs the extra [workstation]")

from edge_detector.workstation.graph.onnx_import.onnx_file import OnnxFile  # noqa: E402  after the skip
from tests.workstation.onnx_graphs import node, save, tiny_yolox  # noqa: E402  after the skip


def change(path: Path, **values: Any) -> None:
    """Rewrite the file with another opset or other inputs."""
    model = onnx.load(path)
    if "opset" in values:
        model.opset_import[0].version = values["opset"]
    for name in values.get("more_inputs", ()):
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, (1, 3, 4, 4)))
    if "kind" in values:
        model.graph.input[0].type.tensor_type.elem_type = values["kind"]
    path.write_bytes(model.SerializeToString())


def test_a_file_says_what_it_takes_and_gives(tmp_path: Path) -> None:
    file = OnnxFile.read(tiny_yolox(tmp_path / "model.onnx"))
    assert (file.input, file.size, file.outputs, file.opset) == ("x", (32, 32), ("output",), 11)


@pytest.mark.parametrize("part", [0.999, 0.5, 0.01])
def test_a_cut_file_is_named(part: float, tmp_path: Path) -> None:
    path = tiny_yolox(tmp_path / "model.onnx")
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(ModelError, match=r"model\.onnx: .*damaged or cut short\?"):
        OnnxFile.read(path)


@pytest.mark.parametrize("content", [b"", b"this is no network at all"])
def test_what_is_no_onnx_file_is_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.onnx: .*damaged or cut short\?"):
        OnnxFile.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx: cannot be read: No such file"):
        OnnxFile.read(tmp_path / "model.onnx")


def test_a_newer_opset_says_which_one_to_export(tmp_path: Path) -> None:
    newest = onnx.defs.onnx_opset_version()
    path = tiny_yolox(tmp_path / "model.onnx")
    change(path, opset=newest + 1)
    with pytest.raises(
        ModelError, match=rf"made for opset {newest + 1}; .* export with opset_version={newest} or lower"
    ):
        OnnxFile.read(path)
    change(path, opset=newest)
    assert OnnxFile.read(path).opset == newest


def test_an_old_opset_is_to_be_exported_again(tmp_path: Path) -> None:
    path = tiny_yolox(tmp_path / "model.onnx")
    change(path, opset=8)
    with pytest.raises(ModelError, match="opset 8; expected 9 or newer"):
        OnnxFile.read(path)


def with_external_data(path: Path) -> Path:
    onnx.save(onnx.load(tiny_yolox(path)), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path


def test_weights_in_a_file_of_their_own_are_read(tmp_path: Path) -> None:
    inside = OnnxFile.read(tiny_yolox(tmp_path / "inside.onnx")).constants
    outside = OnnxFile.read(with_external_data(tmp_path / "model.onnx")).constants
    assert outside.keys() == inside.keys()
    for name, array in inside.items():
        np.testing.assert_array_equal(outside[name], array)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    path = with_external_data(tmp_path / "model.onnx")
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"its weights are in weights\.bin, which is missing; copy it"):
        OnnxFile.read(path)


def test_weights_that_were_cut_are_named(tmp_path: Path) -> None:
    path = with_external_data(tmp_path / "model.onnx")
    (tmp_path / "weights.bin").write_bytes(b"1234")
    with pytest.raises(ModelError, match=r"model\.onnx: .*(cannot be read|damaged)"):
        OnnxFile.read(path)


def test_two_inputs_are_named(tmp_path: Path) -> None:
    path = tiny_yolox(tmp_path / "model.onnx")
    change(path, more_inputs=["mask"])
    with pytest.raises(ModelError, match=r"2 inputs \('x', 'mask'\); expected one picture"):
        OnnxFile.read(path)


def test_weights_that_are_inputs_too_do_not_count(tmp_path: Path) -> None:
    path = tiny_yolox(tmp_path / "model.onnx")
    change(path, more_inputs=["stem_w"])
    assert OnnxFile.read(path).input == "x"


def test_an_input_of_bytes_is_named(tmp_path: Path) -> None:
    path = tiny_yolox(tmp_path / "model.onnx")
    change(path, kind=onnx.TensorProto.UINT8)
    with pytest.raises(ModelError, match="the input 'x' is UINT8; expected a picture of floats"):
        OnnxFile.read(path)


@pytest.mark.parametrize(
    ("shape", "said"), [((1, 8, 8, 3), "1, 8, 8, 3"), ((2, 3, 8, 8), "2, 3, 8, 8"), ((1, 7), "1, 7")]
)
def test_an_input_that_is_no_picture_is_named(shape: tuple[int, ...], said: str, tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [node("Relu", "x")], shape=shape)
    with pytest.raises(ModelError, match=rf"the input 'x' is \({said}\); expected one picture \(1, 3, height, width\)"):
        OnnxFile.read(path)
