from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="needs the extra [workstation]")

from edge_detector.workstation.graph.onnx_import.importer import import_onnx
from edge_detector.workstation.graph.separate_predictions import separate_predictions
from tests.workstation.graphs import run, tiny_detector
from tests.workstation.onnx_graphs import tiny_yolox


def test_three_outputs_have_the_columns_of_the_one(tmp_path: Path) -> None:
    joined = import_onnx(tiny_yolox(tmp_path / "model.onnx"))
    separate = joined.copy()
    assert separate_predictions(separate) == {"boxes": "boxes", "objectness": "objectness", "scores": "scores"}
    picture = np.random.default_rng(0).normal(0, 1, (1, 32, 32, 3)).astype(np.float32)
    expected = run(joined.to_bytes(), picture)["output"]
    found = run(separate.to_bytes(), picture)
    assert [found[role].shape for role in ("boxes", "objectness", "scores")] == [(1, 21, 4), (1, 21, 1), (1, 21, 3)]
    together = np.concatenate([found[role] for role in ("boxes", "objectness", "scores")], axis=2)
    np.testing.assert_allclose(together, expected, rtol=0, atol=1e-6)


def test_one_logistic_makes_the_probabilities_of_all_scales(tmp_path: Path) -> None:
    joined = import_onnx(tiny_yolox(tmp_path / "model.onnx"))
    separate = joined.copy()
    separate_predictions(separate)
    assert joined.op_counts()["LOGISTIC"] - separate.op_counts()["LOGISTIC"] == 2 * (3 - 1)


def test_another_graph_stays_as_it_is() -> None:
    graph = tiny_detector()
    content = graph.to_bytes()
    assert separate_predictions(graph) == {}
    assert graph.to_bytes() == content
