"""Channels that nobody else reads, and graphs without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from numpy.typing import NDArray

from edge_detector.detect.manifest import InputSpec
from edge_detector.workstation.calibration.channel_moments import channel_moments
from edge_detector.workstation.compression.hidden_channels import (
    HiddenChannels,
    HiddenLayer,
    hidden_layers,
    removal_order,
    without_channels,
)
from edge_detector.workstation.data.images import InputTensors
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.blocks import HIDDEN, RELU6, block_detector, concatenated, depthwise
from tests.workstation.graphs import FLOAT, SIDE, add_constant, convolve, empty_graph, photographs, run

WIDE = 32  # hidden channels of the two towers


@pytest.fixture
def tensors(tmp_path: Path) -> InputTensors:
    return InputTensors(sorted(photographs(tmp_path, 8).iterdir()), InputSpec((SIDE, SIDE)))


def two_towers(*, filtered: bool) -> TFLiteGraph:
    """Two halves of a pyramid with the same two 1x1 convolutions; `filtered`: with a depthwise one between them."""
    random = np.random.default_rng(5)
    graph = empty_graph()
    image = graph.add_tensor("image", (1, SIDE, SIDE, 3), FLOAT)
    graph.subgraph.inputs = np.array([image], np.int32)
    weights = {
        "made": (random.normal(0, 0.5, (WIDE, 1, 1, 6)), random.normal(0, 0.3, WIDE)),
        "given": (random.normal(0, 0.3, (4, 1, 1, WIDE)), random.normal(0, 0.3, 4)),
    }
    constants = {
        name: [add_constant(graph, f"{name}/{number}", each) for number, each in enumerate(pair)]
        for name, pair in weights.items()
    }
    outputs = []
    for level in ("one", "two"):
        features = convolve(graph, image, random.normal(0, 0.3, (6, 3, 3, 3)), np.zeros(6), stride=2, name=level)
        hidden = convolve(graph, features, *weights["made"], name=f"{level}/made")
        graph.producer(hidden).builtinOptions.fusedActivationFunction = RELU6
        kernel = random.normal(0, 0.4, (1, 3, 3, WIDE))
        middle = depthwise(graph, hidden, kernel, np.zeros(WIDE)) if filtered else hidden
        graph.rename(middle, f"{level}/read")
        outputs.append(convolve(graph, middle, *weights["given"], name=f"{level}/given"))
        for tensor, name in ((hidden, "made"), (outputs[-1], "given")):
            operator = graph.producer(tensor)
            operator.inputs = np.asarray([operator.inputs[0], *constants[name]], np.int32)
    graph.set_outputs({"outputs": concatenated(graph, outputs, "both")})
    return graph


def measured(graph: TFLiteGraph, layer: HiddenLayer, tensors: InputTensors) -> HiddenChannels:
    name = graph.name(layer.read)
    return HiddenChannels.of(graph, layer, channel_moments(graph, [name], tensors)[name])


def named(graph: TFLiteGraph, name: str) -> HiddenLayer:
    return next(layer for layer in hidden_layers(graph) if graph.name(layer.read) == name)


def outputs(graph: TFLiteGraph, tensors: InputTensors) -> dict[str, NDArray[np.float32]]:
    runs = [run(graph.to_bytes(), tensor.copy()) for tensor in tensors]
    return {name: np.stack([each[name] for each in runs]) for name in runs[0]}


def test_what_is_read_by_one_convolution_alone_is_hidden() -> None:
    graph = block_detector()
    (layer,) = hidden_layers(graph)
    assert [graph.name(int(each.outputs[0])) for each in layer.operators] == ["hidden", "filtered", "projected"]


def test_a_channel_that_another_operator_reads_or_that_is_an_output_is_not() -> None:
    graph = block_detector()
    graph.subgraph.outputs = np.array([*graph.outputs, graph.operators[1].outputs[0]], np.int32)
    assert list(hidden_layers(graph)) == []


@pytest.mark.parametrize("filtered", [False, True])
def test_a_depthwise_convolution_may_lie_between(filtered: bool) -> None:
    graph = two_towers(filtered=filtered)
    # The features, too, are read by one convolution alone.
    assert [graph.name(layer.read) for layer in hidden_layers(graph)] == ["one", "one/read", "two", "two/read"]
    assert [layer.between is not None for layer in hidden_layers(graph)] == [False, filtered, False, filtered]


@pytest.mark.parametrize("filtered", [False, True])
def test_channels_that_say_the_same_go_and_nothing_changes(filtered: bool, tensors: InputTensors) -> None:
    graph = two_towers(filtered=filtered)
    layer = named(graph, "one/read")
    for operator, axis in [(layer.maker, 0), (layer.between, 3)][: 1 + filtered]:
        kernel = graph.constant(int(operator.inputs[1])).copy()
        twins = np.moveaxis(kernel, axis, 0)
        twins[WIDE // 2 :] = twins[: WIDE // 2]
        graph.give_constant(operator, 1, kernel)
    bias = graph.constant(int(layer.maker.inputs[2])).copy()
    bias[WIDE // 2 :] = bias[: WIDE // 2]
    graph.give_constant(layer.maker, 2, bias)
    before = outputs(graph, tensors)
    hidden = measured(graph, layer, tensors)
    assert hidden.losses[WIDE // 2] < 1e-3 < hidden.losses[-1]
    without_channels(graph, layer, hidden, WIDE // 2)
    assert graph.shape(layer.read)[-1] == WIDE // 2
    damped = 0.01  # the covariance of channels that are the same is
    np.testing.assert_allclose(outputs(graph, tensors)["outputs"], before["outputs"], atol=damped)


def test_a_layer_with_the_same_weights_keeps_its_channels(tensors: InputTensors) -> None:
    graph = two_towers(filtered=False)
    before = outputs(graph, tensors)["outputs"]
    layer = named(graph, "one/read")
    without_channels(graph, layer, measured(graph, layer, tensors), 16)
    after = outputs(graph, tensors)["outputs"]
    assert graph.shape(named(graph, "two/read").read)[-1] == WIDE
    assert np.array_equal(after[..., 4:], before[..., 4:])
    assert not np.array_equal(after[..., :4], before[..., :4])


def test_the_mean_of_what_is_removed_stays(tensors: InputTensors) -> None:
    graph = block_detector()
    pruned = graph.copy()
    (layer,) = hidden_layers(pruned)
    without_channels(pruned, layer, measured(pruned, layer, tensors), 8)
    without_means = pruned.copy()
    (before,), (after,) = hidden_layers(graph), hidden_layers(without_means)
    without_means.set_constant(int(after.reader.inputs[2]), graph.constant(int(before.reader.inputs[2])))
    boxes = [outputs(each, tensors)["raw_boxes"] for each in (graph, pruned, without_means)]
    assert 0 < np.abs(boxes[1] - boxes[0]).max() < np.abs(boxes[2] - boxes[0]).max()


def test_whole_kernels_are_left(tensors: InputTensors) -> None:
    graph = block_detector()
    assert HIDDEN == 24
    (layer,) = hidden_layers(graph)
    hidden = measured(graph, layer, tensors)
    assert [hidden.next_count(count) for count in (0, 7, 8, 20)] == [8, 8, None, None]


def test_the_loss_is_that_of_least_squares() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 1, (4000, 5)) @ random.normal(0, 1, (5, 5))
    weights = random.normal(0, 1, (3, 5))
    covariance = np.cov(values.T, bias=True)
    order, losses = removal_order(weights, covariance)
    assert sorted([*order, *set(range(5)) - set(order.tolist())]) == [0, 1, 2, 3, 4]
    centred = values - values.mean(axis=0)
    truth, kept = centred @ weights.T, np.setdiff1d(range(5), order[:2])
    solved, *_ = np.linalg.lstsq(centred[:, kept], truth, rcond=None)
    lost = ((centred[:, kept] @ solved - truth) ** 2).sum() / (truth**2).sum()
    assert losses[[0, 2]].tolist() == pytest.approx([0.0, lost])


def test_a_convolution_with_groups_is_left_alone() -> None:
    graph = block_detector()
    (layer,) = hidden_layers(graph)
    kernel = graph.constant(int(layer.reader.inputs[1]))
    graph.give_constant(layer.reader, 1, kernel[..., : HIDDEN // 2])
    assert list(hidden_layers(graph)) == []
