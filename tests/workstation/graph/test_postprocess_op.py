from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_detector.errors import ModelError
from edge_detector.workstation.graph import postprocess_op
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.graphs import anchors, run, tiny_detector

IMAGE = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3))


def test_the_fused_operator_tells_its_anchors_and_options() -> None:
    options = postprocess_op.read_postprocess(tiny_detector(fused=True))
    assert options is not None
    assert np.array_equal(options.anchors, anchors())
    assert options.box_scales == (10.0, 10.0, 5.0, 5.0)
    assert (options.num_classes, options.max_detections) == (3, 10)
    assert options.iou_threshold == pytest.approx(0.6)


def test_cut_off_it_leaves_the_raw_heads() -> None:
    graph = tiny_detector(fused=True)
    postprocess_op.cut_postprocess(graph)
    expected = run(tiny_detector().to_bytes(), IMAGE)
    found = run(graph.to_bytes(), IMAGE)
    assert found.keys() == {"raw_boxes", "scores"}
    assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_raw_heads_have_no_fused_operator() -> None:
    assert postprocess_op.read_postprocess(tiny_detector()) is None
    with pytest.raises(ModelError, match="no TFLite_Detection_PostProcess"):
        postprocess_op.cut_postprocess(tiny_detector())


def test_the_shared_model_has_12804_anchors_and_90_classes(shared: Path) -> None:
    path = shared / "models/ssd_mobilenet_v2_fpnlite_320_coco/model.tflite"
    options = postprocess_op.read_postprocess(TFLiteGraph.load(path))
    assert options is not None
    assert (options.anchors.shape, options.num_classes) == ((12804, 4), 90)
