"""Channels that are really removed: which, and how many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ModelError
from edge_detector.workstation.compression.filter_pruning import (
    Candidate,
    remove_channels,
    removed_counts,
    to_fewer_channels,
)
from edge_detector.workstation.compression.hidden_channels import HiddenChannels, HiddenLayer, hidden_layers
from edge_detector.workstation.compression.work import multiplications, work, work_of
from edge_detector.workstation.data.images import InputTensors
from edge_detector.workstation.graph.float_source import FloatSource
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.material import Material
from tests.workstation.blocks import HIDDEN, block_detector
from tests.workstation.compression.test_hidden_channels import two_towers
from tests.workstation.graphs import SIDE, photographs, run, tiny_detector


@pytest.fixture
def tensors(tmp_path: Path) -> InputTensors:
    return InputTensors(sorted(photographs(tmp_path, 8).iterdir()), InputSpec((SIDE, SIDE)))


def silence(graph: TFLiteGraph, channels: list[int]) -> None:
    """Let these hidden channels have the same value everywhere, whatever is on the picture."""
    (layer,) = hidden_layers(graph)
    for operator, axis in ((layer.maker, 0), (layer.between, 3)):
        kernel = graph.constant(int(operator.inputs[1])).copy()
        np.moveaxis(kernel, axis, 0)[channels] = 0.0
        graph.set_constant(int(operator.inputs[1]), kernel)


def difference(one: TFLiteGraph, other: TFLiteGraph, tensors: InputTensors) -> float:
    images = [tensor.copy() for tensor in tensors]
    boxes = [[run(graph.to_bytes(), image)["raw_boxes"] for image in images] for graph in (one, other)]
    return float(np.abs(np.array(boxes[0]) - np.array(boxes[1])).max())


def candidate(losses: list[float], *, sensitivity: float = 1.0, work: float = 1.0) -> Candidate:
    """A layer of 48 channels of which 16 or 32 can go, for these losses."""
    each = np.repeat(np.asarray(losses) / 16, 16)
    hidden = HiddenChannels(np.zeros(48), np.eye(48), np.arange(47), np.concatenate([[0.0], np.cumsum(each)[:-1]]))
    return Candidate(HiddenLayer(None, None, None), hidden, sensitivity, work)


def test_channels_that_say_nothing_go_first_and_nothing_changes(tensors: InputTensors) -> None:
    graph = block_detector()
    silence(graph, [1, 4, 5, 9, 13, 14, 20, 23])
    pruned, removal = remove_channels(graph, tensors)
    assert (removal.layers, removal.hidden, removal.removed) == (1, HIDDEN, 8)
    assert difference(graph, pruned, tensors) < 1e-4


def test_the_pruned_graph_has_less_to_compute_and_says_how_much(tensors: InputTensors) -> None:
    graph = block_detector()
    pruned, removal = remove_channels(graph, tensors)
    assert multiplications(pruned) / multiplications(graph) == removal.multiplications
    assert work(pruned) / work(graph) == removal.work
    # Of 64 places, the block has 8 x 24 + 9 x 24 + 24 x 8 multiplications at each, and 16 hidden channels are left.
    assert multiplications(graph) - multiplications(pruned) == 64 * 8 * (8 + 9 + 8)
    assert "8 of 24 hidden channels removed, in 1 layers" in removal.section().lines[0]


def test_a_depthwise_multiplication_and_a_value_take_longer_than_another_multiplication() -> None:
    graph = block_detector()
    (layer,) = hidden_layers(graph)
    assert work_of(graph, layer.between) == 12 * 64 * 9 * HIDDEN
    assert work_of(graph, layer.maker) == 64 * HIDDEN * (8 + 18)
    assert work_of(graph, graph.operators[-1]) == 0


def test_the_channels_go_that_are_cheapest_for_what_they_save() -> None:
    alike = [0.1, 0.2, 0.3]
    assert removed_counts([candidate(alike), candidate(alike, sensitivity=3.0)], 16) == [16, 0]
    assert removed_counts([candidate(alike), candidate(alike, work=3.0)], 16) == [0, 16]
    assert removed_counts([candidate(alike), candidate([0.15, 0.15, 0.15])], 40) == [16, 32]


def test_no_more_goes_than_is_asked_for_and_no_more_than_can() -> None:
    assert removed_counts([candidate([0.1, 0.2, 0.3])], 0) == [0]
    assert removed_counts([candidate([0.1, 0.2, 0.3])], 1e9) == [32]
    assert removed_counts([], 5) == []


def test_names_stay_unique_where_weights_were_shared(tensors: InputTensors) -> None:
    pruned, removal = remove_channels(two_towers(filtered=True), tensors, left=0.7)
    names = [pruned.name(index) for index in range(len(pruned.tensors))]
    assert removal.layers == 2
    assert len(set(names)) == len(names)


def test_a_goal_that_cannot_be_reached_takes_what_there_is(tensors: InputTensors) -> None:
    pruned, removal = remove_channels(block_detector(), tensors, left=0.01)
    assert removal.removed == 8
    assert difference(block_detector(), pruned, tensors) > 0


def test_a_model_without_such_channels_is_left_alone(tensors: InputTensors) -> None:
    _, removal = remove_channels(tiny_detector(), tensors)
    assert (removal.layers, removal.removed, removal.multiplications) == (0, 0, 1.0)


def test_the_technique_says_so_before_anything_is_trained() -> None:
    source = FloatSource(tiny_detector(), Manifest("tiny", "ssd", InputSpec((32, 32)), {}, SsdDecode("raw")))
    with pytest.raises(ModelError, match="this network has none"):
        to_fewer_channels(Material(source))
