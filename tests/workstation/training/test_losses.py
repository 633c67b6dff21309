"""The SSD loss."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector.workstation.training.losses import box_loss, score_loss

LOGITS = np.float32([[[-3.0, 1.0], [2.0, -1.0]]])  # one view, two anchors, two classes
INDEX, SCORES = np.int32([[0, 0, 1], [0, 1, 0]]), np.float32([1.0, 0.4])


def focal(logit: float, score: float) -> float:
    probability = 1 / (1 + np.exp(-logit))
    entropy = -(score * np.log(probability) + (1 - score) * np.log(1 - probability))
    return (0.25 * score + 0.75 * (1 - score)) * (score - probability) ** 2 * entropy


def test_the_score_loss_is_the_focal_loss_of_every_logit() -> None:
    expected = focal(-3.0, 0) + focal(1.0, 1.0) + focal(2.0, 0.4) + focal(-1.0, 0)
    assert float(score_loss(LOGITS, INDEX, SCORES)) == pytest.approx(expected, rel=1e-5)


def test_a_soft_score_is_learnt_as_it_is() -> None:
    agreeing = np.log(0.4 / 0.6)
    assert focal(agreeing, 0.4) == pytest.approx(0.0, abs=1e-12)
    logits = np.float32([[[-100.0, 100.0], [agreeing, -100.0]]])
    assert float(score_loss(logits, INDEX, SCORES)) == pytest.approx(0.0, abs=1e-6)


def test_without_objects_everything_is_background() -> None:
    nothing = np.empty((0, 3), np.int32), np.empty(0, np.float32)
    expected = sum(focal(float(logit), 0) for logit in LOGITS.ravel())
    assert float(score_loss(LOGITS, *nothing)) == pytest.approx(expected, rel=1e-5)


def test_the_box_loss_is_square_when_near_and_straight_when_far() -> None:
    boxes = np.float32([[[0.5, 0, 0, 0], [3.0, 0, 0, 0]]])
    index, targets = np.int32([[0, 0], [0, 1]]), np.zeros((2, 4), np.float32)
    weights = np.float32([1.0, 0.5])
    assert float(box_loss(boxes, index, targets, weights)) == pytest.approx((0.125 + 0.5 * 2.5) / 4)


def test_a_class_that_may_be_there_without_a_box_is_no_negative() -> None:
    open_first = np.float32([[0.0, 1.0]])
    expected = focal(1.0, 1.0) + focal(2.0, 0.4) + focal(-1.0, 0)
    assert float(score_loss(LOGITS, INDEX, SCORES, open_first)) == pytest.approx(expected, rel=1e-5)
