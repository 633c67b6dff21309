"""The twin of a graph computes what the graph computes, and its weights come back into the file."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

import tensorflow as tf

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


@pytest.mark.parametrize("name", GRAPHS)
def test_with_one_scale_it_answers_as_a_graph_with_rounded_kernels_and_keeps_the_exact_ones(name: str) -> None:
    graph, twin = GRAPHS[name](), twin_of(GRAPHS[name](), one_scale=True)
    rounded = graph.copy()
    for index in {int(each.inputs[1]) for each in graph.operators if "CONV_2D" in graph.op_name(each)}:
        kernel = graph.constant(index)
        scale = np.abs(kernel).max() / 127
        rounded.set_constant(index, (np.round(kernel / scale) * scale).astype(np.float32))
    for found, expected in zip(twin.model(IMAGES), answers(rounded), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)
    for found, expected in zip(answers(twin.trained_graph()), answers(graph), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_rounded_kernel_learns_as_if_it_were_exact() -> None:
    twin = twin_of(tiny_detector(), one_scale=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(twin.model(IMAGES)[0] ** 2)
    gradients = tape.gradient(loss, twin.model.trainable_variables)
    assert sum(each is not None and bool(np.any(each)) for each in gradients) == 4, "kernels and biases of two layers"


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
