"""Area and overlap of boxes, by hand."""

from __future__ import annotations

import numpy as np

from edge_detector.boxes import area, iou, lower_middles


def test_iou_by_hand() -> None:
    box = np.float32([0, 0, 2, 2])
    others = np.float32([[0, 0, 2, 2], [1, 0, 3, 2], [2, 2, 3, 3], [1, 1, 1, 1]])
    np.testing.assert_allclose(iou(box, others), [1, 2 / 6, 0, 0], rtol=1e-6)


def test_boxes_that_lie_apart_in_both_directions_have_no_overlap() -> None:
    assert iou(np.float32([0, 0, 1, 1]), np.float32([[2, 3, 4, 5]])).tolist() == [0]


def test_every_pair_of_two_lists_is_compared() -> None:
    boxes, others = np.float32([[0, 0, 2, 2], [2, 0, 4, 2]]), np.float32([[0, 0, 2, 1], [2, 0, 4, 2], [9, 9, 9, 9]])
    assert iou(boxes[:, None], others).tolist() == [[0.5, 0, 0], [0, 1, 0]]


def test_two_empty_boxes_have_no_overlap() -> None:
    assert iou(np.float32([1, 1, 1, 1]), np.float32([[1, 1, 1, 1]])).tolist() == [0]


def test_the_area_of_a_box_turned_inside_out_is_zero() -> None:
    assert area(np.float32([[0, 0, 2, 3], [2, 0, 0, 3]])).tolist() == [6, 0]


def test_a_box_beyond_all_numbers_is_infinite_without_a_warning() -> None:
    huge = np.float32([0, 0, 1e30, 1e30])
    assert area(huge) == np.inf
    assert iou(huge, np.float32([0, 0, 1, 1])) == 0
    assert np.isnan(iou(huge, huge))


def test_the_lower_middle_of_a_box_is_between_its_lower_corners() -> None:
    assert lower_middles(np.array([[10.0, 20.0, 30.0, 60.0]])).tolist() == [[20.0, 60.0]]
