from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.shape_rules import RULES, dimension_groups
from edge_detector.workstation.graph.shapes import set_shapes, shapes_after
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import FLOAT, SIDE, add_constant, add_operator, convolve, empty_graph, run, tiny_detector

Options = schema.BuiltinOptions


def graph_of(shape: tuple[int, ...]) -> tuple[TFLiteGraph, int]:
    """A graph with nothing but an input, and that input."""
    graph = empty_graph()
    image = graph.add_tensor("image", shape, FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    return graph, image


def operate(
    graph: TFLiteGraph, name: str, inputs: list[int], shape: tuple[int, ...], kind: int = 0, options: Any = None
) -> int:
    """Append an operator; its output, of that shape."""
    output = graph.add_tensor(name.lower(), shape, FLOAT)
    add_operator(graph, name, inputs, [output], kind, options)
    return output


def reshaped(graph: TFLiteGraph, source: int, shape: tuple[int, ...], target: tuple[int, ...] | None = None) -> int:
    constant = add_constant(graph, "shape", np.array(target or shape, np.int32))
    return operate(graph, "RESHAPE", [source, constant], shape, Options.ReshapeOptions, schema.ReshapeOptionsT())


def resized(graph: TFLiteGraph, outputs: dict[str, int], shape: tuple[int, ...]) -> TFLiteGraph:
    """A copy of the finished graph for an input of ``shape``."""
    graph.set_outputs(outputs)
    copy = graph.copy()
    set_shapes(copy, shapes_after(copy, shape))
    return copy


def check_against_the_runtime(graph: TFLiteGraph) -> None:
    """The runtime makes outputs of the shapes that the file states."""
    image = np.random.default_rng(0).normal(size=graph.shape(graph.inputs[0])).astype(np.float32)
    made = run(graph.to_bytes(), image)
    assert {graph.name(index): graph.shape(index) for index in graph.outputs} == {
        name: value.shape for name, value in made.items()
    }


def test_the_shapes_of_a_detector_follow_its_input() -> None:
    graph = tiny_detector()
    shapes = shapes_after(graph, (1, 20, 24, 3))
    assert [shapes[index] for index in graph.outputs] == [(1, 120, 4), (1, 120, 3)]
    assert [graph.shape(index) for index in graph.outputs] == [(1, 64, 4), (1, 64, 3)]  # nothing is changed yet
    set_shapes(graph, shapes)
    check_against_the_runtime(graph)


def test_there_and_back_is_the_same_model() -> None:
    graph = tiny_detector()
    image = np.random.default_rng(0).normal(size=(1, SIDE, SIDE, 3)).astype(np.float32)
    expected = run(graph.to_bytes(), image)
    for side in (20, SIDE):
        set_shapes(graph, shapes_after(graph, (1, side, side, 3)))
    made = run(graph.to_bytes(), image)
    assert all(np.array_equal(made[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("padding", "stride", "dilation", "expected"),
    [
        (schema.Padding.SAME, 1, 1, (9, 13)),
        (schema.Padding.SAME, 2, 1, (5, 7)),
        (schema.Padding.VALID, 1, 1, (7, 11)),
        (schema.Padding.VALID, 2, 1, (4, 6)),
        (schema.Padding.VALID, 1, 2, (5, 9)),
    ],
)
def test_windows_are_counted_as_the_runtime_counts_them(
    padding: int, stride: int, dilation: int, expected: tuple[int, int]
) -> None:
    graph, image = graph_of((1, 8, 8, 3))
    features = convolve(graph, image, np.ones((2, 3, 3, 3)), np.zeros(2), stride=stride, name="features")
    options = graph.operators[0].builtinOptions
    options.padding, options.dilationHFactor, options.dilationWFactor = padding, dilation, dilation
    copy = resized(graph, {"features": features}, (1, 9, 13, 3))
    assert copy.shape(copy.outputs[0]) == (1, *expected, 2)
    check_against_the_runtime(copy)


def test_a_pyramid_that_doubles_by_packing_follows() -> None:
    """As the SSDs of TensorFlow do it: every row and every column twice, by PACK and RESHAPE with a constant."""
    graph, image = graph_of((1, 8, 8, 2))
    coarse = convolve(graph, image, np.ones((2, 1, 1, 2)), np.zeros(2), stride=2, name="coarse")
    columns = operate(
        graph, "PACK", [coarse] * 2, (1, 4, 4, 2, 2), Options.PackOptions, schema.PackOptionsT(valuesCount=2, axis=3)
    )
    rows = operate(
        graph,
        "PACK",
        [columns] * 2,
        (1, 4, 2, 4, 2, 2),
        Options.PackOptions,
        schema.PackOptionsT(valuesCount=2, axis=2),
    )
    fine = reshaped(graph, rows, (1, 8, 8, 2))
    joined = operate(graph, "ADD", [fine, image], (1, 8, 8, 2), Options.AddOptions, schema.AddOptionsT())
    graph.set_outputs({"joined": joined})
    with pytest.raises(ModelError, match="ADD 'joined' would join 1x10x6x2 with 1x9x6x2"):
        shapes_after(graph, (1, 9, 6, 2))
    copy = resized(graph, {"joined": joined}, (1, 12, 6, 2))
    assert copy.shape(copy.outputs[0]) == (1, 12, 6, 2)
    check_against_the_runtime(copy)


@pytest.mark.parametrize("name", ["RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR"])
def test_an_upsampling_keeps_its_factor(name: str) -> None:
    graph, image = graph_of((1, 4, 4, 2))
    sides = add_constant(graph, "sides", np.array([8, 12], np.int32))
    if name == "RESIZE_BILINEAR":
        kind, options = Options.ResizeBilinearOptions, schema.ResizeBilinearOptionsT()
    else:
        kind, options = Options.ResizeNearestNeighborOptions, schema.ResizeNearestNeighborOptionsT()
    output = operate(graph, name, [image, sides], (1, 8, 12, 2), kind, options)
    copy = resized(graph, {"large": output}, (1, 5, 6, 2))
    assert copy.shape(copy.outputs[0]) == (1, 10, 18, 2)
    check_against_the_runtime(copy)


def test_an_upsampling_without_a_factor_is_named() -> None:
    graph, image = graph_of((1, 4, 4, 2))
    sides = add_constant(graph, "sides", np.array([7, 8], np.int32))
    options = schema.ResizeBilinearOptionsT()
    operate(graph, "RESIZE_BILINEAR", [image, sides], (1, 7, 8, 2), Options.ResizeBilinearOptions, options)
    with pytest.raises(ModelError, match="resizes 4 to 7, which is no factor that 5 can keep"):
        shapes_after(graph, (1, 5, 6, 2))


def test_operators_without_lengths_of_their_own_follow() -> None:
    """What a YOLO's graph has beside convolutions: slices of every second pixel, pooling, padding, transposition."""
    graph, image = graph_of((1, 8, 8, 2))
    slices = [_every_second(graph, image, begin) for begin in (0, 1)]
    joined = operate(
        graph,
        "CONCATENATION",
        slices,
        (1, 4, 4, 4),
        Options.ConcatenationOptions,
        schema.ConcatenationOptionsT(axis=-1),
    )
    border = add_constant(graph, "border", np.array([[0, 0], [1, 1], [1, 1], [0, 0]], np.int32))
    padded = operate(graph, "PAD", [joined, border], (1, 6, 6, 4), Options.PadOptions, schema.PadOptionsT())
    windows = {"filterHeight": 3, "filterWidth": 3, "strideH": 1, "strideW": 1, "padding": schema.Padding.VALID}
    pooled = operate(
        graph, "MAX_POOL_2D", [padded], (1, 4, 4, 4), Options.Pool2DOptions, schema.Pool2DOptionsT(**windows)
    )
    axes = add_constant(graph, "axes", np.array([1, 2], np.int32))
    mean = operate(
        graph, "MEAN", [pooled, axes], (1, 1, 1, 4), Options.ReducerOptions, schema.ReducerOptionsT(keepDims=True)
    )
    scaled = operate(graph, "MUL", [pooled, mean], (1, 4, 4, 4), Options.MulOptions, schema.MulOptionsT())
    order = add_constant(graph, "order", np.array([0, 3, 1, 2], np.int32))
    turned = operate(
        graph, "TRANSPOSE", [scaled, order], (1, 4, 4, 4), Options.TransposeOptions, schema.TransposeOptionsT()
    )
    rows = reshaped(graph, turned, (1, 4, 16), target=(1, 4, -1))
    copy = resized(graph, {"rows": rows}, (1, 12, 6, 2))
    assert copy.shape(copy.outputs[0]) == (1, 4, 18)
    assert {-1} < set(copy.constant(int(copy.operators[-1].inputs[1])))  # type: ignore[arg-type] # as it was written
    check_against_the_runtime(copy)


def _every_second(graph: TFLiteGraph, image: int, begin: int) -> int:
    bounds = [np.array(each, np.int32) for each in ((0, begin, begin, 0), (1, 8, 8, 2), (1, 2, 2, 1))]
    constants = [add_constant(graph, f"bound{begin}", bound) for bound in bounds]
    options = schema.StridedSliceOptionsT()
    return operate(graph, "STRIDED_SLICE", [image, *constants], (1, 4, 4, 2), Options.StridedSliceOptions, options)


def test_a_slice_with_a_fixed_place_is_named() -> None:
    graph, image = graph_of((1, 8, 8, 2))
    bounds = [add_constant(graph, "bound", np.array(b, np.int32)) for b in ((0, 0, 0, 0), (1, 4, 8, 2), (1, 1, 1, 1))]
    options = schema.StridedSliceOptionsT()
    operate(graph, "STRIDED_SLICE", [image, *bounds], (1, 4, 8, 2), Options.StridedSliceOptions, options)
    with pytest.raises(ModelError, match="STRIDED_SLICE 'strided_slice' takes 0 to 4 of 8, which is a fixed place"):
        shapes_after(graph, (1, 10, 10, 2))


def test_parts_of_the_channels_follow_and_parts_of_the_picture_do_not() -> None:
    graph, image = graph_of((1, 8, 8, 4))
    axes = [add_constant(graph, "axis", np.array(axis, np.int32)) for axis in (3, 1)]
    options = schema.SplitOptionsT(numSplits=2)
    halves = [graph.add_tensor(f"half{number}", (1, 8, 8, 2), FLOAT) for number in range(2)]
    add_operator(graph, "SPLIT", [axes[0], image], halves, Options.SplitOptions, options)
    copy = resized(graph, {"first": halves[0], "second": halves[1]}, (1, 12, 6, 4))
    check_against_the_runtime(copy)
    graph.operators[0].inputs = np.array([axes[1], image], np.int32)
    for half in halves:
        graph.tensors[half].shape = np.array([1, 4, 8, 4], np.int32)
    with pytest.raises(ModelError, match="SPLIT 'first' would take 1x12x6x4 apart at other places"):
        shapes_after(graph, (1, 12, 6, 4))


def test_an_operator_that_fits_one_size_only_is_named() -> None:
    graph, image = graph_of((1, 4, 4, 2))
    flat = reshaped(graph, image, (1, 32))
    weights = [add_constant(graph, name, value) for name, value in (("w", np.ones((3, 32))), ("b", np.zeros(3)))]
    options = schema.FullyConnectedOptionsT()
    operate(graph, "FULLY_CONNECTED", [flat, *weights], (1, 3), Options.FullyConnectedOptions, options)
    with pytest.raises(ModelError, match="FULLY_CONNECTED 'fully_connected' takes 1x32 only, not 1x72"):
        shapes_after(graph, (1, 6, 6, 2))
    assert shapes_after(graph, (1, 8, 2, 2))[graph.operators[-1].outputs[0]] == (1, 3)  # as many numbers as before


def test_a_constant_picture_in_the_graph_is_named() -> None:
    graph, image = graph_of((1, 4, 4, 2))
    grid = add_constant(graph, "grid", np.ones((1, 4, 4, 1)))
    operate(graph, "ADD", [image, grid], (1, 4, 4, 2), Options.AddOptions, schema.AddOptionsT())
    with pytest.raises(ModelError, match="ADD 'add' would join 1x6x6x2 with 1x4x4x1"):
        shapes_after(graph, (1, 6, 6, 2))


def test_what_becomes_one_pixel_is_not_repeated() -> None:
    graph, image = graph_of((1, 4, 4, 2))
    inner = convolve(graph, image, np.ones((2, 3, 3, 2)), np.zeros(2), name="inner")
    graph.operators[0].builtinOptions.padding = schema.Padding.VALID
    graph.tensors[inner].shape = np.array([1, 2, 2, 2], np.int32)
    half = convolve(graph, image, np.ones((2, 1, 1, 2)), np.zeros(2), stride=2, name="half")
    operate(graph, "ADD", [inner, half], (1, 2, 2, 2), Options.AddOptions, schema.AddOptionsT())
    with pytest.raises(ModelError, match="ADD 'add' would join 1x1x1x2 with 1x2x2x2"):
        shapes_after(graph, (1, 3, 3, 2))


def test_a_reshape_that_mixes_places_with_channels_is_named() -> None:
    graph, image = graph_of((1, 4, 6, 5))
    reshaped(graph, image, (1, 8, 15))
    with pytest.raises(ModelError, match="RESHAPE 'reshape' makes 8x15 of 4x6x5, which works for this size only"):
        shapes_after(graph, (1, 4, 7, 5))


def test_two_reshapes_with_one_constant_get_one_each() -> None:
    graph, image = graph_of((1, 4, 4, 2))
    target = add_constant(graph, "shape", np.array([1, 16, 2], np.int32))
    rows = [
        operate(graph, "RESHAPE", [each, target], (1, 16, 2), Options.ReshapeOptions, schema.ReshapeOptionsT())
        for each in (image, convolve(graph, image, np.ones((2, 1, 1, 2)), np.zeros(2), name="again"))
    ]
    copy = resized(graph, {"first": rows[0], "second": rows[1]}, (1, 5, 6, 2))
    check_against_the_runtime(copy)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((1, 40, 40, 24), (1, 9600, 4), [((1,), (1,)), ((40, 40, 24), (9600, 4))]),
        ((1, 10, 2, 10, 2, 8), (1, 20, 20, 8), [((1,), (1,)), ((10, 2), (20,)), ((10, 2), (20,)), ((8,), (8,))]),
        ((1, 5, 4, 4), (1, 5, 16, 1), [((1,), (1,)), ((5,), (5,)), ((4, 4), (16, 1))]),
        ((1, 1, 1, 7), (1, 7), [((1,), (1,)), ((1, 1, 7), (7,))]),
    ],
)
def test_dimensions_that_are_reshaped_together(
    before: tuple[int, ...], after: tuple[int, ...], expected: list[Any]
) -> None:
    assert [(before[inputs], after[outputs]) for inputs, outputs in dimension_groups(before, after)] == expected


def test_every_rule_is_for_an_operator_of_the_format() -> None:
    assert set(RULES) <= set(vars(schema.BuiltinOperator))
