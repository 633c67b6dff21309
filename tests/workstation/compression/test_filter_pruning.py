"""Channels that are really removed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.errors import ModelError
from edge_detector.workstation.compression.filter_pruning import (
    hidden_blocks,
    multiplications,
    remove_channels,
    to_fewer_channels,
)
from edge_detector.workstation.data.images import InputTensors
from edge_detector.workstation.graph.float_source import FloatSource
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.material import Material
from tests.workstation.blocks import HIDDEN, block_detector
from tests.workstation.graphs import SIDE, photographs, run, tiny_detector


@pytest.fixture
def tensors(tmp_path: Path) -> InputTensors:
    return InputTensors(sorted(photographs(tmp_path, 8).iterdir()), InputSpec((SIDE, SIDE)))


def silence(graph: TFLiteGraph, channels: list[int]) -> None:
    """Let these hidden channels have the same value everywhere, whatever is on the picture."""
    (block,) = hidden_blocks(graph)
    for operator, axis in ((block.expand, 0), (block.depthwise, 3)):
        kernel = graph.constant(int(operator.inputs[1])).copy()
        np.moveaxis(kernel, axis, 0)[channels] = 0.0
        graph.set_constant(int(operator.inputs[1]), kernel)


def difference(one: TFLiteGraph, other: TFLiteGraph, tensors: InputTensors) -> float:
    images = [tensor.copy() for tensor in tensors]
    boxes = [[run(graph.to_bytes(), image)["raw_boxes"] for image in images] for graph in (one, other)]
    return float(np.abs(np.array(boxes[0]) - np.array(boxes[1])).max())


def test_channels_that_say_nothing_go_first_and_nothing_changes(tensors: InputTensors) -> None:
    graph = block_detector()
    silence(graph, [1, 4, 5, 9, 13, 14, 20, 23])
    pruned, removal = remove_channels(graph, tensors, 0.3)
    assert (removal.blocks, removal.hidden, removal.removed) == (1, HIDDEN, 8)
    assert difference(graph, pruned, tensors) < 1e-4


def test_the_mean_of_what_is_removed_stays(tensors: InputTensors) -> None:
    graph = block_detector()
    pruned, _ = remove_channels(graph, tensors, 0.3)
    without_means = pruned.copy()
    (before,), (after,) = hidden_blocks(graph), hidden_blocks(without_means)
    without_means.set_constant(int(after.project.inputs[2]), graph.constant(int(before.project.inputs[2])))
    assert 0 < difference(graph, pruned, tensors) < difference(graph, without_means, tensors)


def test_the_pruned_graph_has_less_to_compute_and_says_how_much(tensors: InputTensors) -> None:
    graph = block_detector()
    pruned, removal = remove_channels(graph, tensors, 0.3)
    assert multiplications(pruned) / multiplications(graph) == removal.multiplications
    # Of 64 places, the block has 8 x 24 + 9 x 24 + 24 x 8 multiplications at each, and 16 hidden channels are left.
    assert multiplications(graph) - multiplications(pruned) == 64 * 8 * (8 + 9 + 8)
    assert "8 of 24 hidden channels in 1 blocks removed" in removal.section().lines[0]


def test_a_channel_that_another_operator_reads_stays() -> None:
    graph = block_detector()
    hidden = graph.operators[1].outputs[0]
    graph.subgraph.outputs = np.array([*graph.outputs, hidden], np.int32)
    assert list(hidden_blocks(graph)) == []


def test_a_model_without_such_blocks_is_left_alone(tensors: InputTensors) -> None:
    _, removal = remove_channels(tiny_detector(), tensors, 0.3)
    assert (removal.blocks, removal.removed, removal.multiplications) == (0, 0, 1.0)


def test_the_technique_says_so_before_anything_is_trained() -> None:
    source = FloatSource(tiny_detector(), Manifest("tiny", "ssd", InputSpec((32, 32)), {}, SsdDecode("raw")))
    with pytest.raises(ModelError, match="this network has none"):
        to_fewer_channels(Material(source))
