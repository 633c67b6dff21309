from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.detect.score_scale import ScoreScale
from edge_detector.types import Detections
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.score_quality import (
    CANDIDATES,
    Outcomes,
    expected_calibration_error,
    fit_temperature,
    operating_point,
    outcomes_of,
    score_quality,
)

SCORES = np.float32([0.9, 0.8, 0.6, 0.4])
OUTCOMES = Outcomes(SCORES, np.array([True, True, False, True]), objects=5)


def test_precision_recall_and_f1_are_of_what_reaches_the_threshold() -> None:
    assert operating_point(OUTCOMES, SCORES, 0.8) == (0.8, 1.0, 2 / 5, pytest.approx(4 / 7))
    assert operating_point(OUTCOMES, SCORES, 0.4) == (0.4, 3 / 4, 3 / 5, pytest.approx(6 / 9))
    assert operating_point(OUTCOMES, SCORES, 0.95) == (0.95, 1.0, 0.0, 0.0)


def test_the_best_threshold_is_where_f1_is_highest() -> None:
    best = score_quality(OUTCOMES, 1.0).best
    assert best.f1 == max(operating_point(OUTCOMES, SCORES, each).f1 for each in CANDIDATES)
    assert best.recall == 3 / 5


def test_a_score_that_means_what_it_says_has_no_calibration_error() -> None:
    assert expected_calibration_error(np.float32([0.75] * 4), np.array([True] * 3 + [False])) == pytest.approx(0)
    assert expected_calibration_error(np.float32([0.75] * 4), np.array([False] * 4)) == pytest.approx(0.75)
    assert expected_calibration_error(np.float32([1.0, 0.0]), np.array([False, True])) == pytest.approx(1.0)
    assert expected_calibration_error(np.float32([]), np.array([], np.bool_)) == 0.0


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_made_the_scores_is_found_again(temperature) -> None:
    random = np.random.default_rng(0)
    probabilities = random.uniform(0.01, 0.99, 50_000).astype(np.float32)
    correct = random.random(len(probabilities)) < probabilities
    raw = ScoreScale(1 / temperature).shown(probabilities)
    assert fit_temperature(Outcomes(raw, correct, 1)) == pytest.approx(temperature, rel=0.05)


def test_without_both_outcomes_there_is_nothing_to_fit() -> None:
    for correct in (np.array([True] * 4), np.array([False] * 4)):
        assert fit_temperature(Outcomes(SCORES, correct, 4)) == 1.0
    nothing = score_quality(Outcomes(SCORES[:0], np.array([], np.bool_), 0), 1.0)
    assert (nothing.best.f1, nothing.fitted_temperature, nothing.calibration_error) == (0.0, 1.0, (0.0, 0.0))


def test_crowds_and_unknown_categories_count_neither_way() -> None:
    def truth(category_id: int, box: list[float], crowd: int = 0) -> dict[str, object]:
        return {"image_id": 1, "category_id": category_id, "bbox": box, "iscrowd": crowd}

    listed = [truth(1, [0, 0, 10, 10]), truth(1, [50, 50, 40, 40], crowd=1), truth(9, [20, 20, 5, 5])]
    annotations = Annotations(Path("a.json"), {"annotations": listed}, ((1, Path("1.png")),), {1: "dog", 9: "elf"})
    boxes = np.float32([[0, 0, 10, 10], [50, 50, 90, 90], [0, 0, 10, 9]])
    found = Detections(boxes, np.float32([0.8, 0.7, 0.6]), np.int32([1, 1, 1]), ("cat", "dog"))
    outcomes = outcomes_of({1: found}, annotations, {1}, ScoreScale())
    assert (outcomes.raw.tolist(), outcomes.correct.tolist()) == (pytest.approx([0.8, 0.6]), [True, False])
    assert outcomes.objects == 1
    halved = outcomes_of({1: found}, annotations, {1}, ScoreScale(0.5))
    np.testing.assert_allclose(ScoreScale(0.5).shown(halved.raw), [0.8, 0.6], rtol=1e-6)
