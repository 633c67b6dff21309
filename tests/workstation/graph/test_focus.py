from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra [workstation]")

from edge_detector.workstation.graph.focus import merge_focus
from edge_detector.workstation.graph.onnx_import.importer import import_onnx
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import run
from tests.workstation.onnx_graphs import tiny_yolox


def with_focus(folder: Path) -> TFLiteGraph:
    return import_onnx(tiny_yolox(folder / "model.onnx"))


def test_a_focus_becomes_one_convolution_with_the_same_numbers(tmp_path: Path) -> None:
    graph = with_focus(tmp_path)
    merged = graph.copy()
    assert merge_focus(merged) == 1
    assert "STRIDED_SLICE" not in merged.op_counts()
    assert merged.op_counts()["CONCATENATION"] == graph.op_counts()["CONCATENATION"] - 1
    picture = np.random.default_rng(0).normal(0, 1, (1, 32, 32, 3)).astype(np.float32)
    before, after = (run(each.to_bytes(), picture)["output"] for each in (graph, merged))
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-5)


@pytest.mark.parametrize("limit", ["begin", "strides"])
def test_slices_that_do_not_cover_the_picture_are_left_alone(limit: str, tmp_path: Path) -> None:
    graph = with_focus(tmp_path)
    slices = [operator for operator in graph.operators if graph.op_name(operator) == "STRIDED_SLICE"]
    changed = int(slices[0].inputs[1 if limit == "begin" else 3])
    graph.set_constant(changed, np.array([0, 1, 0, 0] if limit == "begin" else [1, 1, 1, 1], np.int32))
    before = graph.op_counts()
    assert merge_focus(graph) == 0
    assert graph.op_counts() == before


def test_a_graph_without_focus_stays_as_it_is(tmp_path: Path) -> None:
    graph = with_focus(tmp_path)
    merge_focus(graph)
    content = graph.to_bytes()
    assert merge_focus(graph) == 0
    assert graph.to_bytes() == content
