"""What training is measured by, and which of the weights it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from tf_keras import Model

from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics
from edge_detector.workstation.training.keras_twin import to_keras
from edge_detector.workstation.training.validator import ENOUGH_OBJECTS, Validator, best_blend, mean_ap_of
from tests.workstation.graphs import tiny_detector


def metrics(truths: int, ap: float) -> ClassMetrics:
    return ClassMetrics("class", truths, ap, ap, np.zeros(101))


def test_classes_with_fewer_than_ten_objects_do_not_count() -> None:
    assert ENOUGH_OBJECTS == 10
    assert mean_ap_of([metrics(10, 0.5), metrics(9, 0.1), metrics(30, 0.7)]) == pytest.approx(0.6)


def test_all_classes_count_if_none_has_ten_objects() -> None:
    assert mean_ap_of([metrics(9, 0.1), metrics(1, 0.5)]) == pytest.approx(0.3)


@dataclass
class Closeness:
    """In place of a `Validator`: a model is the better, the nearer its first weight is to `best`."""

    best: float

    def mean_ap(self, model: Model) -> float:
        return -abs(first_weight(model) - self.best)


def first_weight(model: Model) -> float:
    return float(model.get_weights()[0].flat[0])


def with_first_weight(value: float) -> Any:
    model = to_keras(tiny_detector())
    weights = model.get_weights()
    weights[0].flat[0] = value
    model.set_weights(weights)
    return model


@pytest.mark.parametrize(("best", "kept"), [(-9.0, 2.0), (3.2, 3.0), (4.0, 4.0), (5.1, 5.0), (99.0, 6.0)])
def test_of_five_blends_from_the_start_to_the_trained_weights_the_best_is_kept(best: float, kept: float) -> None:
    start, trained = with_first_weight(2.0), with_first_weight(6.0)
    blended = best_blend(start, trained, cast(Validator, Closeness(best)))
    assert first_weight(blended) == pytest.approx(kept)
