from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.class_channels import select_columns
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import FLOAT, SIDE, add_constant, add_operator, run, tiny_detector
from tests.workstation.yolo_graphs import YOLO_SIDE, tiny_yolo

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32)
PICTURE = RANDOM.uniform(0, 255, (1, YOLO_SIDE, YOLO_SIDE, 3)).astype(np.float32)

Change = Callable[[TFLiteGraph], TFLiteGraph]


def output(graph: TFLiteGraph, name: str) -> int:
    return next(index for index in graph.outputs if graph.name(index) == name)


def int8(graph: TFLiteGraph) -> TFLiteGraph:
    """The graph in int8, with the ranges of a few pictures."""
    pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")
    from edge_detector.workstation.calibration.ranges import calibrate
    from edge_detector.workstation.quantization.int8 import quantize_graph

    shape, low = graph.shape(graph.inputs[0]), -1 if graph.shape(graph.inputs[0])[1] == SIDE else 0
    images = [RANDOM.uniform(low, 1 if low else 255, shape).astype(np.float32) for _ in range(4)]
    return quantize_graph(graph, calibrate(graph, images, "minmax"))


def same(graph: TFLiteGraph) -> TFLiteGraph:
    return graph


@pytest.mark.parametrize("change", [same, int8])
def test_the_scores_of_an_ssd_keep_every_bit(change: Change) -> None:
    graph = change(tiny_detector())
    selected = select_columns(graph, output(graph, "scores"), 2, [2, 0])
    expected, made = run(graph.to_bytes(), IMAGE), run(selected.to_bytes(), IMAGE)
    assert np.array_equal(made["scores"], expected["scores"][..., [2, 0]])
    assert np.array_equal(made["raw_boxes"], expected["raw_boxes"])


@pytest.mark.parametrize("change", [same, int8])
@pytest.mark.parametrize("attributes_first", [False, True])
def test_the_classes_of_a_yolo_with_one_output_keep_every_bit(change: Change, attributes_first: bool) -> None:
    graph = change(tiny_yolo(attributes_first=attributes_first))
    axis, columns = (1 if attributes_first else 2), [0, 1, 2, 3, 4, 5 + 2, 5 + 0]
    selected = select_columns(graph, output(graph, "predictions"), axis, columns)
    expected, made = (run(each.to_bytes(), PICTURE)["predictions"] for each in (graph, selected))
    assert np.array_equal(made, expected.take(columns, axis))


@pytest.mark.parametrize("change", [same, int8])
def test_the_scores_of_a_yolo_with_three_outputs_keep_every_bit(change: Change) -> None:
    graph = change(tiny_yolo(joined=False))
    selected = select_columns(graph, output(graph, "scores"), 2, [1])
    expected, made = run(graph.to_bytes(), PICTURE), run(selected.to_bytes(), PICTURE)
    assert np.array_equal(made["scores"], expected["scores"][..., [1]])
    assert all(np.array_equal(made[name], expected[name]) for name in ("boxes", "objectness"))


def test_the_graph_that_is_given_stays_as_it_is() -> None:
    graph = tiny_detector()
    before = graph.to_bytes()
    select_columns(graph, output(graph, "scores"), 2, [1])
    assert graph.to_bytes() == before


def test_every_channel_keeps_its_own_scale() -> None:
    graph = int8(tiny_detector())
    selected = select_columns(graph, output(graph, "scores"), 2, [2, 0])

    def scales(graph: TFLiteGraph) -> list[float]:
        (weights,) = (i for i in range(len(graph.tensors)) if graph.name(i) == "logits/raw/weights")
        return [float(scale) for scale in graph.tensors[weights].quantization.scale]

    assert len(set(scales(graph))) == 3
    assert scales(selected) == [scales(graph)[2], scales(graph)[0]]


def test_a_new_class_needs_a_float_model() -> None:
    graph = int8(tiny_detector())
    with pytest.raises(ModelError, match="a new class has no weights in a quantized model"):
        select_columns(graph, output(graph, "scores"), 2, [0, None])


def test_what_mixes_the_classes_is_named() -> None:
    graph = tiny_detector()
    mixed = graph.add_tensor("softmax", graph.shape(output(graph, "scores")), FLOAT)
    options = schema.SoftmaxOptionsT(beta=1.0)
    add_operator(graph, "SOFTMAX", [output(graph, "scores")], [mixed], schema.BuiltinOptions.SoftmaxOptions, options)
    graph.set_outputs({"mixed": mixed})
    with pytest.raises(ModelError, match="tensor 'mixed' is made by SOFTMAX, which does not keep classes apart"):
        select_columns(graph, mixed, 2, [0])


def test_what_needs_every_class_is_named() -> None:
    graph = tiny_detector()
    best = graph.add_tensor("best", (1, 64), FLOAT)
    axis = add_constant(graph, "axis", np.array([2], np.int32))
    scores = output(graph, "scores")
    options = schema.ReducerOptionsT(keepDims=False)
    add_operator(graph, "REDUCE_MAX", [scores, axis], [best], schema.BuiltinOptions.ReducerOptions, options)
    graph.set_outputs({"scores": scores, "best": best})
    with pytest.raises(ModelError, match="REDUCE_MAX needs all classes of tensor 'scores'"):
        select_columns(graph, scores, 2, [0])


def test_classes_that_are_not_side_by_side_are_refused() -> None:
    graph = tiny_detector()
    logits = next(index for index in range(len(graph.tensors)) if graph.name(index) == "logits")
    graph.tensors[logits].shape = np.array([1, 3, 64], np.int32)
    with pytest.raises(ModelError, match="in which the classes are not side by side"):
        select_columns(graph, logits, 1, [0])


def test_columns_of_joined_tensors_stay_in_their_order() -> None:
    graph = tiny_yolo()
    predictions = output(graph, "predictions")
    with pytest.raises(ModelError, match="joins the classes in another order"):
        select_columns(graph, predictions, 2, [5, 0, 1, 2, 3, 4])
    with pytest.raises(ModelError, match="joins 'boxes0', of which nothing would be left"):
        select_columns(graph, predictions, 2, [4, 5])
