"""What training is measured by, and which of the weights it keeps."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics
from edge_detector.workstation.training.validator import ENOUGH_OBJECTS, mean_ap_of


def metrics(truths: int, ap: float) -> ClassMetrics:
    return ClassMetrics("class", truths, ap, ap, np.zeros(101))


def test_classes_with_fewer_than_ten_objects_do_not_count() -> None:
    assert ENOUGH_OBJECTS == 10
    assert mean_ap_of([metrics(10, 0.5), metrics(9, 0.1), metrics(30, 0.7)]) == pytest.approx(0.6)


def test_all_classes_count_if_none_has_ten_objects() -> None:
    assert mean_ap_of([metrics(9, 0.1), metrics(1, 0.5)]) == pytest.approx(0.3)
