from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.errors import ModelError
from edge_detector.workstation.comparison import detections
from edge_detector.workstation.data import coco
from edge_detector.workstation.evaluation.measurement import evaluations, observe
from tests.workstation.data.test_coco import truth, write
from tests.workstation.graphs import photographs, save_with_manifest, tiny_detector


def test_what_was_seen_comes_back_as_it_was(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(image_id=8, category_id=18)))
    configs = [Config(model=save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite"))]
    observed = observe(configs, annotations)
    detections.save(observed[0], tmp_path / "seen.npz")
    loaded = detections.load(tmp_path / "seen.npz", annotations)
    assert list(loaded.detections) == list(observed[0].detections)
    for image_id, found in observed[0].detections.items():
        assert np.array_equal(loaded.detections[image_id].boxes, found.boxes)
        assert np.array_equal(loaded.detections[image_id].class_ids, found.class_ids)
    first, second = (evaluations(configs, each, annotations)[0] for each in (observed, [loaded]))
    assert (first.metrics.ap, first.total, first.matching) == (second.metrics.ap, second.total, second.matching)


def test_numbers_that_are_none_are_named(tmp_path: Path) -> None:
    graph = tiny_detector()
    (weights,) = [index for index in range(len(graph.tensors)) if graph.name(index) == "boxes/raw/weights"]
    damaged = np.array(graph.constant(weights))
    damaged[0] = np.nan
    graph.set_constant(weights, damaged)
    model = save_with_manifest(graph, tmp_path / "tiny.tflite")
    pictures = sorted(photographs(tmp_path / "photographs", 1).iterdir())
    with pytest.raises(ModelError, match=r"25% of the values of its output 'raw_boxes' are no numbers"):
        detections.check_numbers(model, pictures)
    detections.check_numbers(save_with_manifest(tiny_detector(), tmp_path / "good.tflite"), pictures)
