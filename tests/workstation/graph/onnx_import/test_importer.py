from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.errors import ModelError
from tests.workstation.graphs import run

onnx = pytest.importorskip("onnx", reason="onnx reads the files; it comes with the workstation extra")
onnxruntime = pytest.importorskip(
    "onnxruntime", reason="onnxruntime says what is right; it comes with the training extra"
)

from edge_detector.workstation.graph.onnx_import.importer import import_onnx  # noqa: E402  after the skips
from tests.workstation.onnx_graphs import OPSET, node, save, tiny_yolox  # noqa: E402  after the skips

TOLERANCE = 1e-4
RANDOM = np.random.default_rng(5)


def weights(*shape: int) -> NDArray[np.float32]:
    return RANDOM.normal(0, 0.5, shape).astype(np.float32)


def difference(path: Path, size: tuple[int, int] | None = None, scale: float = 1.0) -> float:
    """The largest difference between the imported graph and onnxruntime, over all outputs."""
    graph = import_onnx(path, size)
    picture = np.random.default_rng(0).normal(0, scale, graph.shape(graph.inputs[0])).astype(np.float32)
    found = run(graph.to_bytes(), picture)
    session = onnxruntime.InferenceSession(str(path))
    names = [output.name for output in session.get_outputs()]
    expected = session.run(names, {session.get_inputs()[0].name: picture.transpose(0, 3, 1, 2)})
    return max(
        float(np.abs(found[name] - (each.transpose(0, 2, 3, 1) if each.ndim == 4 else each)).max())
        for name, each in zip(names, expected, strict=True)
    )


CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "Conv same": ([node("Conv", "x", "w", "b", pads=[1, 1, 1, 1])], {"w": weights(4, 3, 3, 3), "b": weights(4)}),
    "Conv valid": ([node("Conv", "x", "w")], {"w": weights(4, 3, 3, 3)}),
    "Conv strided": ([node("Conv", "x", "w", pads=[1, 1, 1, 1], strides=[2, 2])], {"w": weights(4, 3, 3, 3)}),
    "Conv uneven pads": ([node("Conv", "x", "w", pads=[2, 0, 1, 1], strides=[1, 2])], {"w": weights(4, 3, 3, 2)}),
    "Conv dilated": ([node("Conv", "x", "w", pads=[2, 2, 2, 2], dilations=[2, 2])], {"w": weights(4, 3, 3, 3)}),
    "Conv SAME_UPPER": ([node("Conv", "x", "w", auto_pad="SAME_UPPER", strides=[2, 2])], {"w": weights(4, 3, 3, 3)}),
    "Conv SAME_LOWER": ([node("Conv", "x", "w", auto_pad="SAME_LOWER", strides=[2, 2])], {"w": weights(4, 3, 3, 3)}),
    "Conv depthwise": (
        [node("Conv", "x", "w", "b", group=3, pads=[1, 1, 1, 1])],
        {"w": weights(3, 1, 3, 3), "b": weights(3)},
    ),
    "Conv depthwise strided": (
        [node("Conv", "x", "w", group=3, pads=[2, 2, 2, 2], strides=[2, 2])],
        {"w": weights(6, 1, 5, 5)},
    ),
    "Sigmoid": ([node("Sigmoid", "x")], {}),
    "SiLU": ([node("Sigmoid", "x", to="s"), node("Mul", "x", "s")], {}),
    "Relu after Conv": ([node("Conv", "x", "w", to="c"), node("Relu", "c")], {"w": weights(4, 3, 3, 3)}),
    "Relu beside another reader": (
        [node("Conv", "x", "w", to="c"), node("Relu", "c", to="r"), node("Add", "r", "c")],
        {"w": weights(4, 3, 1, 1)},
    ),
    "LeakyRelu": ([node("LeakyRelu", "x", alpha=0.1)], {}),
    "Clip as RELU6": (
        [node("Conv", "x", "w", to="c"), node("Clip", "c", "low", "high")],
        {"w": 9 * weights(4, 3, 1, 1), "low": np.float32(0), "high": np.float32(6)},
    ),
    "Clip": ([node("Clip", "x", "low", "high")], {"low": np.float32(-0.3), "high": np.float32(0.4)}),
    "Clip from below": ([node("Clip", "x", "low")], {"low": np.float32(-0.3)}),
    "HardSwish": ([node("HardSwish", "x")], {}),
    "HardSigmoid": ([node("HardSigmoid", "x", alpha=1 / 6, beta=0.5)], {}),
    "Softmax": ([node("Softmax", "x", axis=1)], {}),
    "Add a row": ([node("Add", "x", "c")], {"c": weights(10)}),
    "Add channels": ([node("Add", "c", "x")], {"c": weights(3, 1, 1)}),
    "Sub from a constant": ([node("Sub", "c", "x")], {"c": weights(3, 8, 10)}),
    "Div": ([node("Div", "x", "c")], {"c": np.float32([3.0])}),
    "BatchNormalization folded": (
        [node("Conv", "x", "w", to="c"), node("BatchNormalization", "c", "g", "s", "m", "v", epsilon=1e-3)],
        {"w": weights(4, 3, 3, 3), "g": weights(4), "s": weights(4), "m": weights(4), "v": np.float32([1, 2, 3, 0.5])},
    ),
    "BatchNormalization folded into depthwise": (
        [node("Conv", "x", "w", to="c", group=3), node("BatchNormalization", "c", "g", "s", "m", "v")],
        {"w": weights(6, 1, 3, 3), "g": weights(6), "s": weights(6), "m": weights(6), "v": weights(6) ** 2 + 1},
    ),
    "BatchNormalization alone": (
        [node("BatchNormalization", "x", "g", "s", "m", "v")],
        {"g": weights(3), "s": weights(3), "m": weights(3), "v": np.float32([1, 2, 3])},
    ),
    "MaxPool": ([node("MaxPool", "x", kernel_shape=[2, 2], strides=[2, 2])], {}),
    "MaxPool of SPP": ([node("MaxPool", "x", kernel_shape=[5, 5], pads=[2, 2, 2, 2])], {}),
    "MaxPool of ResNet": ([node("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])], {}),
    "AveragePool": ([node("AveragePool", "x", kernel_shape=[2, 2], strides=[2, 2])], {}),
    "AveragePool at the edge": ([node("AveragePool", "x", kernel_shape=[3, 3], pads=[1, 1, 1, 1])], {}),
    "GlobalAveragePool, Flatten, Gemm": (
        [
            node("GlobalAveragePool", "x", to="p"),
            node("Flatten", "p", to="f"),
            node("Gemm", "f", "w", "b", transB=1, alpha=2.0, beta=0.5),
        ],
        {"w": weights(5, 3), "b": weights(5)},
    ),
    "Flatten moves data": ([node("Flatten", "x", to="f"), node("Gemm", "f", "w")], {"w": weights(240, 5)}),
    "squeeze and excite": (
        [
            node("GlobalAveragePool", "x", to="p"),
            node("Conv", "p", "w", to="c"),
            node("HardSigmoid", "c", to="h"),
            node("Mul", "x", "h"),
        ],
        {"w": weights(3, 3, 1, 1)},
    ),
    "Concat": ([node("Relu", "x", to="r"), node("Concat", "x", "r", axis=1)], {}),
    "Concat with a constant": ([node("Concat", "x", "c", axis=-1)], {"c": weights(1, 3, 8, 2)}),
    "Slice": (
        [node("Slice", "x", "begin", "end", "axes", "steps")],
        {"begin": np.array([1, -9]), "end": np.array([99, -1]), "axes": np.array([2, 3]), "steps": np.array([2, 3])},
    ),
    "Split": (
        [node("Split", "x", "sizes", to="a b", axis=3), node("Concat", "b", "a", axis=3)],
        {"sizes": np.array([4, 6])},
    ),
    "Split in equal parts": ([node("Split", "x", to="a b", axis=2), node("Add", "a", "b")], {}),
    "Pad": ([node("Pad", "x", "p")], {"p": np.array([0, 0, 1, 2, 0, 0, 3, 0])}),
    "Resize by factors": (
        [
            node(
                "Resize",
                "x",
                "",
                "f",
                mode="nearest",
                coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )
        ],
        {"f": np.float32([1, 1, 2, 3])},
    ),
    "Resize to a size": (
        [
            node(
                "Resize",
                "x",
                "",
                "",
                "s",
                mode="nearest",
                nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )
        ],
        {"s": np.array([1, 3, 16, 20])},
    ),
    "Resize, ONNX's default rule": ([node("Resize", "x", "", "f")], {"f": np.float32([1, 1, 2, 2])}),
    "Resize linear": (
        [node("Resize", "x", "", "f", mode="linear", coordinate_transformation_mode="half_pixel")],
        {"f": np.float32([1, 1, 2, 2])},
    ),
    "Resize linear, corners aligned": (
        [node("Resize", "x", "", "f", mode="linear", coordinate_transformation_mode="align_corners")],
        {"f": np.float32([1, 1, 2, 2])},
    ),
    "a head with channels first": ([node("Reshape", "x", "s")], {"s": np.array([1, 3, -1])}),
    "a head with channels last": (
        [node("Reshape", "x", "s", to="r"), node("Transpose", "r", perm=[0, 2, 1])],
        {"s": np.array([0, 0, -1])},
    ),
    "a head with anchors": (
        [
            node("Conv", "x", "w", to="c"),
            node("Reshape", "c", "s", to="r"),
            node("Transpose", "r", to="t", perm=[0, 1, 3, 4, 2]),
            node("Reshape", "t", "e"),
        ],
        {"w": weights(12, 3, 1, 1), "s": np.array([1, 2, 6, 8, 10]), "e": np.array([1, -1, 6])},
    ),
    "a reshape that mixes axes": ([node("Reshape", "x", "s")], {"s": np.array([1, 8, 30])}),
    "Transpose to NHWC and back": (
        [
            node("Transpose", "x", to="t", perm=[0, 2, 3, 1]),
            node("Add", "t", "c", to="a"),
            node("Transpose", "a", perm=[0, 3, 1, 2]),
        ],
        {"c": weights(3)},
    ),
    "Squeeze and Unsqueeze": (
        [
            node("GlobalAveragePool", "x", to="p"),
            node("Squeeze", "p", "axes", to="s"),
            node("Unsqueeze", "s", "axes", to="u"),
            node("Mul", "x", "u"),
        ],
        {"axes": np.array([2, 3])},
    ),
    "a shape computed in the graph": (
        [
            node("Shape", "x", to="shape"),
            node("Gather", "shape", "zero", to="batch"),
            node("Concat", "batch", "rest", to="target", axis=0),
            node("Reshape", "x", "target"),
        ],
        {"zero": np.array([0]), "rest": np.array([3, -1])},
    ),
    "Constant, Identity and Dropout": (
        [
            node("Constant", to="c", value=onnx.numpy_helper.from_array(np.float32([[[2.0]]]))),
            node("Identity", "x", to="i"),
            node("Dropout", "i", to="d"),
            node("Add", "d", "c"),
        ],
        {},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_operator_gives_what_onnxruntime_gives(case: str, tmp_path: Path) -> None:
    nodes, constants = CASES[case]
    opset = 14 if case == "HardSwish" else OPSET
    assert difference(save(tmp_path / "model.onnx", nodes, constants, opset=opset)) < TOLERANCE


def test_limits_that_are_attributes_in_an_older_opset(tmp_path: Path) -> None:
    nodes = [
        node("Slice", "x", to="s", starts=[1], ends=[7], axes=[2]),
        node("Clip", "s", to="c", min=0.0, max=6.0),
        node("Upsample", "c", "f", mode="nearest"),
    ]
    path = save(tmp_path / "model.onnx", nodes, {"f": np.float32([1, 1, 2, 2])}, opset=9)
    assert difference(path) < TOLERANCE


def test_a_folded_network_has_one_operator_for_each_convolution(tmp_path: Path) -> None:
    nodes = [
        node("Conv", "x", "w", to="c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c", "g", "g", "g", "g", to="n"),
        node("Clip", "n", "low", "high"),
    ]
    constants = {"w": weights(4, 3, 3, 3), "g": np.float32([1, 2, 3, 4]), "low": np.float32(0), "high": np.float32(6)}
    path = save(tmp_path / "model.onnx", nodes, constants)
    assert import_onnx(path).op_counts() == {"CONV_2D": 1}
    assert difference(path) < TOLERANCE


def test_a_head_needs_no_transpose(tmp_path: Path) -> None:
    assert "TRANSPOSE" not in import_onnx(tiny_yolox(tmp_path / "model.onnx")).op_counts()


def test_a_whole_network_gives_what_onnxruntime_gives(tmp_path: Path) -> None:
    assert difference(tiny_yolox(tmp_path / "model.onnx")) < TOLERANCE


def test_another_input_size_gives_what_a_file_of_that_size_gives(tmp_path: Path) -> None:
    small, large = tiny_yolox(tmp_path / "small.onnx", side=32), tiny_yolox(tmp_path / "large.onnx", side=64)
    resized, made = import_onnx(small, (64, 64)), import_onnx(large)
    picture = RANDOM.normal(0, 1, (1, 64, 64, 3)).astype(np.float32)
    np.testing.assert_array_equal(run(resized.to_bytes(), picture)["output"], run(made.to_bytes(), picture)["output"])


def test_sizes_in_the_file_follow_another_input_size(tmp_path: Path) -> None:
    nodes = [
        node("Resize", "x", "", "", "s", to="r", coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
        node("Reshape", "r", "t"),
    ]
    path = save(tmp_path / "model.onnx", nodes, {"s": np.array([1, 3, 16, 20]), "t": np.array([1, 3, 320])})
    graph = import_onnx(path, (20, 24))
    assert graph.shape(graph.outputs[0]) == (1, 3, 48 * 40)


def test_a_batch_of_any_size_is_one_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [node("Relu", "x")], shape=("batch", 3, 8, 10))
    graph = import_onnx(path)
    assert graph.shape(graph.inputs[0]) == (1, 8, 10, 3)


def test_an_open_size_is_taken_from_the_option(tmp_path: Path) -> None:
    path = save(tmp_path / "model.onnx", [node("Relu", "x")], shape=(1, 3, "height", "width"))
    with pytest.raises(ModelError, match=r"leaves the size of its input open; say it with --input-size 320, or export"):
        import_onnx(path)
    assert difference(path, (12, 8)) < TOLERANCE


def convolution_of(groups: int) -> tuple[list[Any], dict[str, Any]]:
    first = node("Conv", "x", "first", to="c")
    return [first, node("Conv", "c", "w", group=groups)], {
        "first": weights(4, 3, 1, 1),
        "w": weights(4, 4 // groups, 3, 3),
    }


UNKNOWN: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "operator": (
        [node("Einsum", "x", equation="a->a")],
        {},
        r"the operator Einsum \('y', 1 in the file\) is not known here: s",
    ),
    "post-processing": (
        [node("NonMaxSuppression", "x", "x")],
        {},
        "NonMaxSuppression .* is not known here: export the network without its post-processing",
    ),
    "domain": ([node("Relu", "x", domain="com.maker")], {}, r"com\.maker\.Relu .* is not known"),
    "groups": (*convolution_of(2), r"Conv 'y': a group convolution \(2 groups of 2 channels\)"),
    "computed weights": ([node("Conv", "x", "x")], {}, "Conv 'y': input 1 is computed while the network runs"),
    "one dimension": (
        [node("Reshape", "x", "s", to="r"), node("Conv", "r", "w")],
        {"s": np.array([1, 3, 80]), "w": weights(4, 3, 3)},
        r"Conv 'y': its input is \(1, 3, 80\); expected a picture",
    ),
    "backwards": (
        [node("Slice", "x", "end", "begin", "axis", "step")],
        {"begin": np.array([0]), "end": np.array([8]), "axis": np.array([2]), "step": np.array([-1])},
        "Slice 'y': a step of -1",
    ),
    "cubic": (
        [node("Resize", "x", "", "f", mode="cubic")],
        {"f": np.float32([1, 1, 2, 2])},
        "mode is cubic; known: nearest",
    ),
    "other pixels": (
        [node("Resize", "x", "", "f", coordinate_transformation_mode="half_pixel", nearest_mode="ceil")],
        {"f": np.float32([1, 1, 2, 2])},
        "from 8 to 16 pixels, half_pixel with its rounding takes others than TFLite",
    ),
    "whole numbers": (
        [onnx.helper.make_node("Cast", ["x"], ["y"], to=6)],
        {},
        "Cast 'y': it casts to the type 6; expected one of floats",
    ),
    "an axis that the opset decides": (
        [node("Softmax", "x")],
        {},
        "no axis is named; expected one",
    ),
    "rounding up": ([node("MaxPool", "x", kernel_shape=[3, 3], ceil_mode=1)], {}, "ceil_mode is 1; only 0 is known"),
    "elements": ([node("Reshape", "x", "s")], {"s": np.array([1, 7])}, r"it makes \(1, 7\) of \(1, 3, 8, 10\)"),
    "shapes": ([node("Add", "x", "c")], {"c": weights(7)}, r"Add 'y': shapes .* do not fit each other"),
    "a name that is missing": ([node("Add", "x", "gone")], {}, "Add reads 'gone', which nothing makes"),
    "an output without the picture": ([node("Relu", "c")], {"c": weights(3)}, "the output 'y' does not depend on"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_imported_is_one_line_that_names_it(case: str, tmp_path: Path) -> None:
    nodes, constants, message = UNKNOWN[case]
    path = save(tmp_path / "model.onnx", nodes, constants)
    with pytest.raises(ModelError, match=message) as error:
        import_onnx(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_yolox_nano_gives_what_onnxruntime_gives(shared: Path) -> None:
    assert difference(shared / "models/yolox_nano/yolox_nano.onnx", scale=80.0) < TOLERANCE


def test_yolox_nano_gives_it_on_a_photograph(shared: Path) -> None:
    path = shared / "models/yolox_nano/yolox_nano.onnx"
    photograph = cv2.resize(cv2.imread(str(next((shared / "stills").glob("dog*.jpg")))), (416, 416))
    picture = photograph[np.newaxis].astype(np.float32)
    expected = onnxruntime.InferenceSession(str(path)).run(None, {"images": picture.transpose(0, 3, 1, 2)})[0]
    assert np.abs(run(import_onnx(path).to_bytes(), picture)["output"] - expected).max() < TOLERANCE
