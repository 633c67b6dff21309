"""Scores that people see: monotonic, and exact at every threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.detect.score_scale import ScoreScale

TEMPERATURES = st.floats(0.05, 20.0)


def test_a_temperature_divides_the_logit() -> None:
    raw = np.float32([0.0, 0.2, 0.5, 0.8, 1.0])
    assert ScoreScale(0.5).shown(raw).tolist() == pytest.approx([0, 1 / 17, 0.5, 16 / 17, 1])
    assert ScoreScale(2.0).shown(raw).tolist() == pytest.approx([0, 1 / 3, 0.5, 2 / 3, 1])


def test_without_a_temperature_nothing_is_computed() -> None:
    scores = np.float32([0.3, np.inf])
    assert ScoreScale().shown(scores) is scores
    assert ScoreScale().raw(scores) is scores


@given(score=st.floats(0, 1, width=32), temperature=TEMPERATURES)
def test_a_score_passes_the_threshold_that_is_shown_for_it_and_nothing_lower_does(score, temperature) -> None:
    scale = ScoreScale(temperature)
    lowest = scale.shown(np.float32([score]))
    bound = scale.raw(lowest)
    assert bound <= np.float32(score)
    assert scale.shown(bound) >= lowest
    below = np.nextafter(bound, np.float32(-1))
    assert bound == 0 or scale.shown(below) < lowest


@given(scores=st.lists(st.floats(0, 1, width=32), min_size=2), temperature=TEMPERATURES)
def test_the_order_stays(scores, temperature) -> None:
    assert (np.diff(ScoreScale(temperature).shown(np.sort(np.float32(scores)))) >= 0).all()


def test_a_threshold_that_nothing_passes_stays_one() -> None:
    assert ScoreScale(0.5).raw(np.float32([0.0, 1.0, np.inf])).tolist() == [0.0, pytest.approx(1.0, abs=1e-3), np.inf]


def test_scores_a_little_out_of_bounds_are_shown_within() -> None:
    assert ScoreScale(0.5).shown(np.float32([-0.01, 1.01])).tolist() == [0.0, 1.0]
