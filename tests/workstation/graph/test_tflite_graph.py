from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.tflite_graph import SIGNATURE, TFLiteGraph
from tests.workstation.graphs import run, tiny_detector

IMAGE = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3))


def test_a_graph_loaded_and_saved_computes_the_same(tmp_path: Path) -> None:
    graph = tiny_detector()
    graph.save(tmp_path / "a.tflite")
    again = TFLiteGraph.load(tmp_path / "a.tflite")
    before, after = run(graph.to_bytes(), IMAGE), run(again.to_bytes(), IMAGE)
    assert before.keys() == after.keys() == {"raw_boxes", "scores"}
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.tflite").write_text("a shopping list")
    with pytest.raises(ModelError, match=r"notes\.tflite: not a \.tflite file"):
        TFLiteGraph.load(tmp_path / "notes.tflite")
    with pytest.raises(ModelError, match=r"gone\.tflite: cannot be read: No such file"):
        TFLiteGraph.load(tmp_path / "gone.tflite")


@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.3, 0.5, 0.7])
def test_a_truncated_file_is_an_error_that_says_so(fraction: float) -> None:
    content = tiny_detector().to_bytes()
    with pytest.raises(ModelError, match="truncated or damaged"):
        TFLiteGraph.from_bytes(content[: int(len(content) * fraction)])


def test_constants_behind_the_flatbuffer_are_brought_inside() -> None:
    graph = tiny_detector()
    buffer = next(b for b in graph.model.buffers if b.data is not None)
    data = bytes(buffer.data)
    buffer.data, buffer.offset, buffer.size = None, 2**20, len(data)  # any offset takes the same room in the file
    buffer.offset = len(graph.to_bytes())
    external = graph.to_bytes() + data
    assert np.array_equal(
        run(TFLiteGraph.from_bytes(external).to_bytes(), IMAGE)["scores"],
        run(tiny_detector().to_bytes(), IMAGE)["scores"],
    )


def test_setting_one_constant_leaves_those_that_shared_its_buffer() -> None:
    graph = tiny_detector()
    first, second = (i for i in range(len(graph.tensors)) if graph.name(i) in ("boxes/raw/bias", "logits/raw/bias"))
    graph.tensors[second].buffer = graph.tensors[first].buffer
    graph.tensors[second].shape = graph.tensors[first].shape
    graph.set_constant(first, np.full(4, 7, np.float32))
    assert np.array_equal(graph.constant(second), np.zeros(4, np.float32))


def test_setting_outputs_names_them_and_drops_what_is_then_dead() -> None:
    graph = tiny_detector()
    (boxes,) = (i for i in graph.outputs if graph.name(i) == "raw_boxes")
    graph.set_outputs({"only": boxes})
    assert graph.op_counts() == {"CONV_2D": 2, "RESHAPE": 1}
    assert run(graph.to_bytes(), IMAGE).keys() == {"only"}
    assert graph.model.signatureDefs[0].signatureKey == SIGNATURE.encode()


def test_several_subgraphs_are_refused() -> None:
    graph = tiny_detector()
    graph.model.subgraphs = [graph.subgraph, graph.subgraph]
    with pytest.raises(ModelError, match="2 subgraphs"):
        TFLiteGraph.from_bytes(graph.to_bytes())
