"""Whether to swap."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.workstation.improvement.verdict import Figures, judge


def figures(met: int, mean_ap: float | None) -> Figures:
    return Figures(Path("m.tflite"), met, mean_ap)


@pytest.mark.parametrize(
    ("old", "new", "swap", "said"),
    [
        (figures(2, 0.400), figures(9, 0.395), True, "it has kept what it knew (0.400 to 0.395 mAP on the old set)"),
        (figures(2, 0.400), figures(9, 0.420), True, "of 12 marks held out it is right at 9, the old model at 2"),
        (figures(2, 0.400), figures(9, 0.389), False, "it has lost 0.011 mAP on the old set (0.400 to 0.389)"),
        (figures(9, 0.400), figures(9, 0.500), False, "so nothing is gained"),
        (figures(2, 0.0), figures(9, 0.0), False, "which so says nothing of what is forgotten"),
        (figures(2, None), figures(9, None), False, "nobody knows what it has forgotten; give photographs"),
    ],
)
def test_a_model_is_recommended_if_it_has_gained_and_not_forgotten(old, new, swap, said) -> None:
    verdict = judge(old, new, marks=12)
    assert verdict.swap == swap
    assert said in verdict.reason
    assert str(verdict).startswith("Swap: " if swap else "Do not swap: ")


def test_who_allows_more_may_lose_more() -> None:
    assert judge(figures(2, 0.4), figures(9, 0.38), marks=12, most_lost=0.03).swap


def test_few_marks_are_said() -> None:
    assert "3 marks are few" in judge(figures(0, 0.4), figures(3, 0.4), marks=3).reason
