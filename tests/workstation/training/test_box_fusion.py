"""The predictions of several teachers, fused."""

from __future__ import annotations

import numpy as np
import pytest

from edge_detector.workstation.data.targets import Objects
from edge_detector.workstation.training.box_fusion import add_proposals, fuse_boxes

LEFT, RIGHT = (0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 1.0)
ALIKE = np.ones(2, np.float32)


def objects(*rows: tuple[tuple[float, float, float, float], int, float]) -> Objects:
    boxes = np.float32([row[0] for row in rows]).reshape(-1, 4)
    return Objects(boxes, np.int32([row[1] for row in rows]), np.float32([row[2] for row in rows]))


def test_two_teachers_that_agree_give_one_object_between_their_boxes() -> None:
    fused = fuse_boxes([objects((LEFT, 3, 0.9)), objects(((0.0, 0.0, 1.0, 0.6), 3, 0.3))], ALIKE)
    np.testing.assert_allclose(fused.boxes, [[0.0, 0.0, 1.0, 0.525]], atol=1e-6)
    assert (fused.class_ids.tolist(), fused.scores.tolist()) == ([3], [pytest.approx(0.6)])


def test_a_teacher_without_the_object_counts_as_zero() -> None:
    fused = fuse_boxes([objects((LEFT, 3, 0.9)), objects()], np.float32([1.0, 2.0]))
    assert fused.scores.tolist() == [pytest.approx(0.3)]


def test_a_teacher_that_finds_it_twice_counts_once_with_the_higher_score() -> None:
    fused = fuse_boxes([objects((LEFT, 3, 0.9), (LEFT, 3, 0.8)), objects((LEFT, 3, 0.5))], ALIKE)
    assert fused.scores.tolist() == [pytest.approx(0.7)]


def test_other_places_and_other_classes_stay_apart() -> None:
    fused = fuse_boxes([objects((LEFT, 3, 0.9), (RIGHT, 3, 0.8)), objects((LEFT, 4, 0.7))], ALIKE)
    assert fused.class_ids.tolist() == [3, 3, 4]


def test_nothing_seen_is_nothing_proposed() -> None:
    assert len(fuse_boxes([objects(), objects()], ALIKE)) == 0


def test_proposals_neither_repeat_a_label_nor_come_unsure() -> None:
    known = objects((LEFT, 3, 1.0))
    proposed = objects((LEFT, 3, 0.9), (RIGHT, 3, 0.8), (LEFT, 4, 0.7), (RIGHT, 5, 0.05))
    both = add_proposals(known, proposed)
    assert list(zip(both.class_ids.tolist(), both.scores.round(2).tolist(), strict=True)) == [
        (3, 1.0),
        (3, pytest.approx(0.8)),
        (4, pytest.approx(0.7)),
    ]


def test_a_teacher_with_more_weight_pulls_the_box_towards_its_own() -> None:
    fused = fuse_boxes([objects((LEFT, 3, 0.5)), objects(((0.0, 0.0, 1.0, 0.6), 3, 0.5))], np.float32([1.0, 3.0]))
    np.testing.assert_allclose(fused.boxes, [[0.0, 0.0, 1.0, 0.575]], atol=1e-6)


def test_a_teacher_without_weight_is_left_out() -> None:
    fused = fuse_boxes([objects((LEFT, 3, 0.9)), objects((RIGHT, 3, 0.8))], np.float32([1.0, 0.0]))
    assert fused.boxes.tolist() == [list(LEFT)]
    assert fused.scores.tolist() == [pytest.approx(0.9)]


def test_boxes_that_overlap_by_three_fifths_are_two_objects_and_by_more_one() -> None:
    def count(overlap: float) -> int:
        return len(fuse_boxes([objects(((0.0, 0.0, 1.0, 1.0), 3, 0.9), ((0.0, 0.0, 1.0, overlap), 3, 0.8))], ALIKE[:1]))

    assert [count(0.59), count(0.61)] == [2, 1]


def test_a_box_without_area_is_an_object_too() -> None:
    fused = fuse_boxes([objects(((0.5, 0.5, 0.5, 0.5), 3, 0.9))], ALIKE[:1])
    assert fused.boxes.tolist() == [[0.5, 0.5, 0.5, 0.5]]


def test_a_proposal_is_added_from_a_score_of_008_on() -> None:
    proposed = objects((LEFT, 3, 0.08), (RIGHT, 3, 0.079))
    assert add_proposals(objects(), proposed).boxes.tolist() == [list(LEFT)]


def test_a_proposal_that_overlaps_a_labelled_object_by_half_is_new() -> None:
    known = objects(((0.0, 0.0, 1.0, 1.0), 3, 1.0))
    half, more = ((0.0, 0.0, 1.0, 0.5), 3, 0.9), ((0.0, 0.0, 1.0, 0.51), 3, 0.9)
    assert [len(add_proposals(known, objects(each))) for each in (half, more)] == [2, 1]
