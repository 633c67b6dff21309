"""The threshold that a manifest gets."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edge_detector.workstation.evaluation.score_quality import CalibrationError, OperatingPoint, ScoreQuality
from edge_detector.workstation.training.results import best_threshold


def quality(f1: Sequence[float]) -> ScoreQuality:
    points = tuple(OperatingPoint(round(0.1 * n, 2), 1.0, 1.0, each) for n, each in enumerate(f1, start=1))
    best = max(points, key=lambda point: point.f1)
    return ScoreQuality(points, best, 1.0, 1.0, CalibrationError(0.0, 0.0), CalibrationError(0.0, 0.0))


@pytest.mark.parametrize(
    ("f1", "threshold"),
    [
        ((0.5, 0.9, 0.895, 0.9, 0.5), 0.3),  # a plateau of few photographs: its middle
        ((0.5, 0.6, 0.9, 0.6, 0.5), 0.3),
        ((0.9, 0.8, 0.7), 0.1),
    ],
)
def test_of_thresholds_that_are_as_good_the_middle_is_chosen(f1: tuple[float, ...], threshold: float) -> None:
    assert best_threshold(quality(f1)) == threshold


def test_a_best_threshold_between_the_rows_is_taken_itself() -> None:
    found = quality((0.5, 0.6))
    between = ScoreQuality(
        found.points, OperatingPoint(0.17, 1.0, 1.0, 0.9), 1.0, 1.0, found.calibration_error, found.calibration_error
    )
    assert best_threshold(between) == 0.17
