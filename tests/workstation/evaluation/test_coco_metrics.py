from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.workstation.data import coco
from edge_detector.workstation.evaluation.coco_metrics import CocoDetection, average_precision
from tests.workstation.data.test_coco import truth, write

BOX = [1.0, 2.0, 30.0, 40.0]


def row(image_id: int = 7, category_id: int = 1, score: float = 0.9, bbox: list[float] = BOX) -> CocoDetection:
    return CocoDetection(image_id=image_id, category_id=category_id, bbox=bbox, score=score)


def test_perfect_detections_score_one(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(image_id=8, category_id=18)))
    metrics = average_precision(annotations, [row(), row(image_id=8, category_id=18)], [1, 18, 72])
    assert (metrics.ap, metrics.ap50) == (pytest.approx(1.0), pytest.approx(1.0))
    assert [(each.name, each.truths) for each in metrics.classes] == [("dog", 1), ("person", 1)]
    assert np.allclose(metrics.precision, 1.0)


def test_nothing_found_scores_zero(tmp_path: Path) -> None:
    metrics = average_precision(coco.load_annotations(write(tmp_path, truth())), [], [1])
    assert (metrics.ap, metrics.ap50) == (0.0, 0.0)


def test_one_of_two_objects_found_after_a_false_alarm_scores_a_quarter(tmp_path: Path) -> None:
    # Precision at recall 0.5 is 1/2, and nothing is found beyond: 51 of the 101 recalls (0.00 to 0.50) have 0.5.
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(image_id=8)))
    rows = [row(score=0.9, bbox=[50, 2, 10, 40]), row(score=0.8)]
    metrics = average_precision(annotations, rows, [1])
    assert metrics.ap50 == pytest.approx(51 / 101 / 2)


def test_a_box_shifted_to_an_iou_of_two_thirds_counts_at_four_of_ten_thresholds(tmp_path: Path) -> None:
    # 30 wide, shifted by 6: intersection 24, union 36. IoU 0.667 passes 0.50, 0.55, 0.60 and 0.65.
    annotations = coco.load_annotations(write(tmp_path, truth()))
    metrics = average_precision(annotations, [row(bbox=[7, 2, 30, 40])], [1])
    assert (metrics.ap, metrics.ap50) == (pytest.approx(0.4), pytest.approx(1.0))


def test_a_known_category_that_was_never_found_pulls_the_mean_down(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(category_id=18)))
    assert average_precision(annotations, [row()], [1, 18]).ap == pytest.approx(0.5)
    assert average_precision(annotations, [row()], [1]).ap == pytest.approx(1.0)


def test_ap50_and_its_curve_are_those_of_an_overlap_of_half(tmp_path: Path) -> None:
    # 30 wide, shifted by 9: intersection 21, union 39. IoU 0.538 passes 0.50 alone.
    annotations = coco.load_annotations(write(tmp_path, truth()))
    metrics = average_precision(annotations, [row(bbox=[10, 2, 30, 40])], [1])
    assert (metrics.ap, metrics.ap50) == (pytest.approx(0.1), pytest.approx(1.0))
    assert np.allclose(metrics.classes[0].precision, 1.0)


def test_recalls_that_nothing_reaches_have_a_precision_of_zero(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(category_id=18, image_id=8)))
    metrics = average_precision(annotations, [row()], [1, 18])
    assert [each.precision.min() for each in metrics.classes] == [0.0, pytest.approx(1.0)]
    assert metrics.precision.shape == (101,)
    assert np.allclose(metrics.precision, 0.5)


def test_a_category_that_is_only_a_crowd_does_not_count(tmp_path: Path) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth(), truth(category_id=18, iscrowd=1)))
    metrics = average_precision(annotations, [row()], [1, 18])
    assert [each.name for each in metrics.classes] == ["person"]
