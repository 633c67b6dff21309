"""The twin of a graph computes what the graph computes, and its weights come back into the file."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.errors import ModelError
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.training.graph_twin import GraphTwin, twin_of
from tests.workstation.blocks import block_detector, yolox_like
from tests.workstation.graphs import SIDE, run, tiny_detector

IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, SIDE, SIDE, 3)).astype(np.float32)
GRAPHS = {"ssd": tiny_detector, "block": block_detector, "yolox": yolox_like}


def answers(graph: TFLiteGraph) -> list[np.ndarray]:
    """The outputs in the order of the graph, for each of the images."""
    each = [run(graph.to_bytes(), image[None]) for image in IMAGES]
    return [np.concatenate([one[graph.name(index)] for one in each]) for index in graph.outputs]


def disturb(twin: GraphTwin) -> None:
    """Give every weight another value."""
    random = np.random.default_rng(1)
    twin.model.set_weights([each + random.normal(0, 0.05, each.shape) for each in twin.model.get_weights()])


@pytest.mark.parametrize("name", GRAPHS)
def test_the_twin_answers_as_the_graph(name: str) -> None:
    graph = GRAPHS[name]()
    for found, expected in zip(twin_of(graph).model(IMAGES), answers(graph), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("name", GRAPHS)
def test_trained_weights_come_back_into_the_file(name: str) -> None:
    twin = twin_of(GRAPHS[name]())
    disturb(twin)
    trained = twin.trained_graph()
    for found, expected in zip(answers(trained), twin.model(IMAGES), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not np.allclose(answers(trained)[0], answers(twin.graph)[0], atol=1e-2)


def test_without_training_the_file_is_the_same() -> None:
    graph = yolox_like()
    trained = twin_of(graph).trained_graph()
    assert [trained.name(index) for index in trained.outputs] == ["raw_boxes", "scores"]
    assert trained.op_counts() == graph.op_counts()
    for index in range(len(graph.tensors)):
        if graph.constant(index) is not None:
            np.testing.assert_array_equal(trained.constant(index), graph.constant(index))


def test_a_sigmoid_in_the_middle_is_rounded_to_the_steps_that_int8_has() -> None:
    graph = yolox_like()
    ranges = {"stem/gate": Range(0.2, 0.7)}  # an int8 LOGISTIC has steps of 1/256 whatever was seen
    exact, rounded = (twin_of(graph, each).model(IMAGES)[0].numpy() for each in ({}, ranges))
    assert 0 < np.abs(rounded - exact).max() < 0.05


def test_a_fused_activation_without_a_layer_is_named() -> None:
    graph = tiny_detector()
    graph.operators[0].builtinOptions.fusedActivationFunction = 4  # tanh
    with pytest.raises(ModelError, match="CONV_2D: fused activation function 4 cannot be trained here"):
        twin_of(graph)
