from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect.detector import Detector
from edge_detector.types import Frame, Result, Timings
from edge_detector.workstation.data import coco
from edge_detector.workstation.evaluation.measurement import Latency, measure_models, with_metric_thresholds
from tests.workstation.data.test_coco import truth, write
from tests.workstation.graphs import save_with_manifest, tiny_detector


def test_average_precision_needs_unsure_detections_and_a_hundred_of_them() -> None:
    config = with_metric_thresholds(Config(confidence=0.5, iou=0.3, max_detections=5, threads=3))
    assert (config.confidence, config.iou, config.max_detections, config.threads) == (0.01, 0.6, 100, 3)


def test_latency_is_the_median_and_the_95th_percentile() -> None:
    assert Latency.of([float(each) for each in range(101)]) == Latency(50.0, 95.0)


def test_the_wait_for_a_frame_is_not_the_model_s_and_the_first_run_is_not_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detect, runs = Detector.detect, []

    def timed(self: Detector, frame: Frame) -> Result:
        runs.append(frame)
        slow = 1000.0 if len(runs) == 1 else 1.0
        return Result(frame, detect(self, frame).detections, Timings(500.0, 2.0 * slow, 3.0 * slow, 4.0 * slow))

    monkeypatch.setattr(Detector, "detect", timed)
    model = save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")
    (result,) = measure_models([Config(model=model)], coco.load_annotations(write(tmp_path, truth())))
    assert (result.inference, result.total) == (Latency(3.0, 3.0), Latency(9.0, 9.0))
    assert len(runs) == 3  # for two photographs


def test_categories_count_that_any_of_the_models_knows(tmp_path: Path) -> None:
    models = [save_with_manifest(tiny_detector(), tmp_path / f"{name}.tflite") for name in ("first", "second")]
    models[0].with_suffix(".txt").write_text("person\nfern\nmoss")
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(image_id=8, category_id=18)))
    results = measure_models([Config(model=model) for model in models], annotations)
    assert [[each.name for each in result.metrics.classes] for result in results] == [["dog", "person"]] * 2


def test_the_models_take_turns_on_every_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detect, runs = Detector.detect, []

    def noted(self: Detector, frame: Frame) -> Result:
        runs.append((self.name, frame.file.name if frame.file else ""))
        return detect(self, frame)

    monkeypatch.setattr(Detector, "detect", noted)
    models = [save_with_manifest(tiny_detector(), tmp_path / f"{name}.tflite") for name in ("first", "second")]
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(image_id=8)))
    measure_models([Config(model=model) for model in models], annotations)
    one, other = (path.name for _, path in annotations.images)
    warming, timed = runs[:2], runs[2:]
    assert warming == [("first", one), ("second", one)]
    assert timed == [("first", one), ("second", one), ("second", other), ("first", other)]
