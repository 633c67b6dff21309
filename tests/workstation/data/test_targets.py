"""Objects laid onto anchors."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.boxes import iou
from edge_detector.detect.heads.ssd import decode_boxes
from edge_detector.workstation.data.targets import BOX_SCALES, Objects, corners, encode, lay_out

ANCHORS = np.float32([[0.25, 0.25, 0.5, 0.5], [0.25, 0.75, 0.5, 0.5], [0.75, 0.25, 0.5, 0.5], [0.75, 0.75, 0.5, 0.5]])
NOTHING = Objects(np.empty((0, 4), np.float32), np.empty(0, np.int32), np.empty(0, np.float32))


def objects(*rows: tuple[tuple[float, float, float, float], int, float]) -> Objects:
    boxes, class_ids, scores = zip(*rows, strict=True)
    return Objects(np.float32(boxes), np.int32(class_ids), np.float32(scores))


def test_an_anchor_answers_for_the_object_that_it_covers() -> None:
    targets = lay_out(objects(((0.0, 0.0, 0.5, 0.5), 7, 1.0)), ANCHORS)
    assert targets.score_index.tolist() == [[0, 7]]
    assert targets.scores.tolist() == [1.0]
    assert targets.box_index.tolist() == [0]
    np.testing.assert_allclose(targets.boxes, [[0, 0, 0, 0]], atol=1e-6)


def test_a_small_object_gets_the_best_anchor_there_is() -> None:
    targets = lay_out(objects(((0.8, 0.8, 0.9, 0.9), 1, 1.0)), ANCHORS)
    assert targets.box_index.tolist() == [3]


def test_two_classes_on_one_anchor_both_get_their_score_and_the_better_fit_the_box() -> None:
    both = objects(((0.0, 0.0, 0.5, 0.5), 1, 0.4), ((0.0, 0.0, 0.5, 0.45), 2, 0.9))
    targets = lay_out(both, ANCHORS)
    assert dict(zip(map(tuple, targets.score_index.tolist()), targets.scores.tolist(), strict=True)) == {
        (0, 1): np.float32(0.4),
        (0, 2): np.float32(0.9),
    }
    assert targets.box_weights.tolist() == [np.float32(0.4)]


def test_of_two_scores_for_one_class_on_one_anchor_the_higher_counts() -> None:
    twice = objects(((0.0, 0.0, 0.5, 0.5), 1, 0.4), ((0.0, 0.0, 0.5, 0.48), 1, 0.9))
    assert lay_out(twice, ANCHORS).scores.tolist() == [np.float32(0.9)]


def test_a_photograph_without_objects_has_no_targets() -> None:
    targets = lay_out(NOTHING, ANCHORS)
    assert (len(targets.scores), len(targets.boxes)) == (0, 0)


fractions = st.floats(0.05, 0.9)


@given(fractions, fractions, fractions, fractions)
def test_what_training_encodes_the_device_decodes(y: float, x: float, height: float, width: float) -> None:
    box = np.float32([[y, x, y + height, x + width]])
    x1, y1, x2, y2 = decode_boxes(encode(box, ANCHORS[:1]), ANCHORS[:1], BOX_SCALES)[0]
    np.testing.assert_allclose([y1, x1, y2, x2], box[0], atol=1e-5)


def test_iou_of_halves_is_a_third() -> None:
    boxes, others = np.float32([[0, 0, 2, 2]]), np.float32([[0, 1, 2, 3], [0, 0, 2, 2]])
    assert iou(boxes[:, None], others).tolist() == [[np.float32(1 / 3), 1.0]]


def test_corners_of_an_anchor() -> None:
    assert corners(ANCHORS[1:2]).tolist() == [[0.0, 0.5, 0.5, 1.0]]


def test_a_mirror_image_swaps_left_and_right() -> None:
    mirrored = objects(((0.1, 0.25, 0.5, 0.5), 1, 1.0)).mirrored()
    np.testing.assert_allclose(mirrored.boxes, [[0.1, 0.5, 0.5, 0.75]], atol=1e-6)
