"""Thresholds by class and non-maximum suppression."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.boxes import iou
from edge_detector.detect.postprocess import BLOCK, MOST_CANDIDATES, Candidates, best, class_thresholds, nms
from edge_detector.errors import ConfigError
from edge_detector.types import Thresholds

LABELS = ("person", "dog", "cat")


def plain_iou(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union if union > 0 else 0.0


def plain_nms(candidates: Candidates, threshold: float, limit: int) -> list[int]:
    """The textbook: the best row stays, every row of its class that overlaps it too much goes; repeat."""
    boxes = [list(map(float, box)) for box in candidates.boxes.astype(np.float64)]
    rest = sorted(range(len(boxes)), key=lambda row: -float(candidates.scores[row]))
    kept = []
    while rest and len(kept) < limit:
        top = rest.pop(0)
        kept.append(top)
        same = candidates.class_ids[top]
        rest = [r for r in rest if candidates.class_ids[r] != same or plain_iou(boxes[top], boxes[r]) <= threshold]
    return kept


@st.composite
def random_candidates(draw: st.DrawFn) -> Candidates:
    """Boxes on a grid of sixteenths: overlaps are frequent, and exact in both float widths."""
    count = draw(st.integers(0, 40) | st.integers(BLOCK - 1, 3 * BLOCK))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    corner = rng.integers(0, 8, (count, 2))
    sides = rng.integers(1, 8, (count, 2))
    boxes = (np.concatenate([corner, corner + sides], axis=1) / 16).astype(np.float32)
    return Candidates(boxes, rng.permutation(count).astype(np.float32) / 64, rng.integers(0, 3, count).astype(np.int32))


@given(candidates=random_candidates(), threshold=st.sampled_from([0.29, 0.51, 0.61, 0.99]), limit=st.integers(1, 50))
def test_nms_equals_the_textbook(candidates, threshold, limit) -> None:
    rows = nms(candidates, iou_threshold=threshold, limit=limit)
    assert rows.tolist() == plain_nms(candidates, threshold, limit)


def greedy(candidates: Candidates, threshold: float) -> list[int]:
    """One row after the other, by `boxes.iou`."""
    kept: list[int] = []
    for row in np.argsort(-candidates.scores, kind="stable").tolist():
        same = [each for each in kept if candidates.class_ids[each] == candidates.class_ids[row]]
        if not (iou(candidates.boxes[row], candidates.boxes[same]) > threshold).any():
            kept.append(row)
    return kept


@pytest.mark.parametrize("seed", range(20))
def test_nms_computes_overlaps_to_the_last_bit_as_iou_does(seed: int) -> None:
    """Whatever a model predicts: corners that are swapped, boxes of no or infinite size, and no numbers."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 200))
    boxes = rng.normal(0.5, 0.3, (count, 4)).astype(np.float32)
    boxes[rng.integers(0, count, 3)] = np.float32(rng.choice([np.inf, -np.inf, np.nan, 3e38, 0]))
    scores = rng.uniform(0, 1, count).astype(np.float32)
    found = Candidates(boxes, scores, rng.integers(0, 3, count).astype(np.int32))
    # A threshold that some pair reaches exactly: a bit more or less would decide otherwise.
    overlaps = iou(boxes[:, np.newaxis], boxes)[np.triu_indices(count, 1)]
    threshold = float(rng.choice(overlaps[overlaps > 0])) if (overlaps > 0).any() else 0.5
    assert nms(found, iou_threshold=threshold, limit=1000).tolist() == greedy(found, threshold)


def test_nms_of_nothing_is_nothing() -> None:
    nothing = Candidates(np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))
    assert nms(nothing, iou_threshold=0.5, limit=10).tolist() == []


def test_different_classes_do_not_suppress_each_other() -> None:
    box = np.array([[0, 0, 1, 1], [0, 0, 1, 1]], np.float32)
    twins = Candidates(box, np.float32([0.9, 0.8]), np.int32([0, 1]))
    assert nms(twins, iou_threshold=0.5, limit=10).tolist() == [0, 1]


def candidates(boxes: list[list[float]], scores: list[float]) -> Candidates:
    """Of one class."""
    return Candidates(np.float32(boxes), np.float32(scores), np.zeros(len(scores), np.int32))


def test_boxes_that_overlap_by_the_threshold_exactly_are_two_objects() -> None:
    halves = candidates([[0, 0, 1, 1], [0, 0, 1, 0.5]], [0.9, 0.8])  # their IoU is 0.5
    assert nms(halves, iou_threshold=0.5, limit=10).tolist() == [0, 1]
    assert nms(halves, iou_threshold=0.49, limit=10).tolist() == [0]


def test_a_box_without_an_area_is_reported_once() -> None:
    assert nms(candidates([[0.5, 0.5, 0.5, 0.5]], [0.9]), iou_threshold=0.5, limit=10).tolist() == [0]


def test_of_equal_scores_the_first_row_comes_first() -> None:
    apart = candidates([[row, 0, row + 1, 1] for row in range(100)], [0.25, 0.75] * 50)
    assert nms(apart, iou_threshold=0.5, limit=100).tolist() == [*range(1, 100, 2), *range(0, 100, 2)]


def test_best_keeps_the_highest_scores() -> None:
    scores = np.float32([0.1, 0.9, 0.5, 0.7, 0.2, 0.3])
    assert sorted(scores[best(scores, 2)].tolist()) == pytest.approx([0.7, 0.9])
    assert scores[best(scores, 6)].tolist() == scores.tolist()


def test_a_thousand_candidates_are_looked_at_and_no_more() -> None:
    scores = np.random.default_rng(0).permutation(1500).astype(np.float32)
    assert sorted(scores[best(scores)].tolist()) == list(range(500, 1500))
    thousand = scores[:MOST_CANDIDATES]
    assert thousand[best(thousand)].tolist() == thousand.tolist()


def test_thresholds_by_class() -> None:
    lowest = class_thresholds(Thresholds(0.5, {"dog": 0.25}), LABELS)
    assert lowest.tolist() == [0.5, 0.25, 0.5]


def test_classes_that_are_not_wanted_never_pass() -> None:
    assert class_thresholds(Thresholds(0.5, classes=("cat",)), LABELS).tolist() == [np.inf, np.inf, 0.5]


def test_a_class_the_model_does_not_have_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="unknown class 'dogg'; did you mean 'dog'"):
        class_thresholds(Thresholds(classes=("dogg",)), LABELS)
