"""Objects laid onto anchors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.boxes import iou
from edge_detector.detect.anchors import AnchorSpec
from edge_detector.detect.heads.ssd import SsdDecode, decode_boxes
from edge_detector.detect.manifest import InputSpec, Manifest
from edge_detector.workstation.data.targets import Objects, TargetEncoder, anchor_corners, encode_boxes

ANCHORS = np.float32([[0.25, 0.25, 0.5, 0.5], [0.25, 0.75, 0.5, 0.5], [0.75, 0.25, 0.5, 0.5], [0.75, 0.75, 0.5, 0.5]])
ENCODER = TargetEncoder(ANCHORS, (10.0, 10.0, 5.0, 5.0))
NOTHING = Objects(np.empty((0, 4), np.float32), np.empty(0, np.int32), np.empty(0, np.float32))


def objects(*rows: tuple[tuple[float, float, float, float], int, float]) -> Objects:
    boxes, class_ids, scores = zip(*rows, strict=True)
    return Objects(np.float32(boxes), np.int32(class_ids), np.float32(scores))


def test_an_anchor_is_responsible_for_the_object_that_it_covers() -> None:
    targets = ENCODER.targets(objects(((0.0, 0.0, 0.5, 0.5), 7, 1.0)))
    assert targets.score_index.tolist() == [[0, 7]]
    assert targets.scores.tolist() == [1.0]
    assert targets.box_index.tolist() == [0]
    np.testing.assert_allclose(targets.boxes, [[0, 0, 0, 0]], atol=1e-6)


def test_a_small_object_gets_the_best_anchor_there_is() -> None:
    targets = ENCODER.targets(objects(((0.8, 0.8, 0.9, 0.9), 1, 1.0)))
    assert targets.box_index.tolist() == [3]


def test_two_classes_on_one_anchor_both_get_their_score_and_the_better_fit_the_box() -> None:
    both = objects(((0.0, 0.0, 0.5, 0.5), 1, 0.4), ((0.0, 0.0, 0.5, 0.45), 2, 0.9))
    targets = ENCODER.targets(both)
    assert dict(zip(map(tuple, targets.score_index.tolist()), targets.scores.tolist(), strict=True)) == {
        (0, 1): np.float32(0.4),
        (0, 2): np.float32(0.9),
    }
    assert targets.box_weights.tolist() == [np.float32(0.4)]


def test_of_two_scores_for_one_class_on_one_anchor_the_higher_counts() -> None:
    twice = objects(((0.0, 0.0, 0.5, 0.5), 1, 0.4), ((0.0, 0.0, 0.5, 0.48), 1, 0.9))
    assert ENCODER.targets(twice).scores.tolist() == [np.float32(0.9)]


def test_a_photograph_without_objects_has_no_targets() -> None:
    targets = ENCODER.targets(NOTHING)
    assert (len(targets.scores), len(targets.boxes)) == (0, 0)


fractions = st.floats(0.05, 0.9)


@given(fractions, fractions, fractions, fractions, st.sampled_from([(10.0, 10.0, 5.0, 5.0), (4.0, 3.0, 2.0, 1.0)]))
def test_what_training_encodes_the_device_decodes(
    y: float, x: float, height: float, width: float, box_scales: tuple[float, ...]
) -> None:
    box = np.float32([[y, x, y + height, x + width]])
    encoded = encode_boxes(box, ANCHORS[:1], box_scales)
    x1, y1, x2, y2 = decode_boxes(encoded, ANCHORS[:1], np.float32(box_scales))[0]
    np.testing.assert_allclose([y1, x1, y2, x2], box[0], atol=1e-5)


def test_the_scales_are_factors_of_y_x_height_and_width() -> None:
    box = np.float32([[0.25, 0.375, 0.25 + 0.5 * np.e, 0.375 + 0.5 * np.e]])
    middle = (box[0, :2] + box[0, 2:]) / 2
    anchor = np.float32([[*(middle - 0.25), 0.5, 0.5]])
    np.testing.assert_allclose(encode_boxes(box, anchor, (4.0, 3.0, 2.0, 1.0)), [[2.0, 1.5, 2.0, 1.0]], rtol=1e-5)


def test_an_encoder_has_the_anchors_and_the_scales_of_the_manifest(tmp_path: Path) -> None:
    np.save(tmp_path / "four.npy", ANCHORS)
    manifest = Manifest(
        name="m",
        family="ssd",
        input=InputSpec((16, 16)),
        outputs={"boxes": "b", "scores": "s"},
        decode=SsdDecode("raw", box_scales=(4.0, 3.0, 2.0, 1.0), anchors=AnchorSpec(file="four.npy")),
        folder=tmp_path,
    )
    encoder = TargetEncoder.of(manifest)
    np.testing.assert_array_equal(encoder.anchors, ANCHORS)
    box = (0.125, 0.0, 0.625, 0.5)  # a quarter of the first anchor's height below it
    np.testing.assert_allclose(encoder.targets(objects((box, 0, 1.0))).boxes, [[0.25 * 4.0, 0, 0, 0]], atol=1e-6)


def test_a_box_without_any_height_has_a_finite_target() -> None:
    targets = ENCODER.targets(objects(((0.25, 0.0, 0.25, 0.5), 0, 1.0)))
    np.testing.assert_allclose(targets.boxes, [[0, 0, np.log(1e-3 / 0.5) * 5, 0]], atol=1e-4)


def test_an_overlap_of_half_is_enough_for_an_anchor() -> None:
    wide = objects(((0.0, 0.0, 0.5, 1.0), 0, 1.0))  # the two upper anchors are its halves
    assert ENCODER.targets(wide).box_index.tolist() == [0, 1]


def test_iou_of_halves_is_a_third() -> None:
    boxes, others = np.float32([[0, 0, 2, 2]]), np.float32([[0, 1, 2, 3], [0, 0, 2, 2]])
    assert iou(boxes[:, None], others).tolist() == [[np.float32(1 / 3), 1.0]]


def test_corners_of_an_anchor() -> None:
    assert anchor_corners(ANCHORS[1:2]).tolist() == [[0.0, 0.5, 0.5, 1.0]]


def test_a_mirror_image_swaps_left_and_right() -> None:
    mirrored = objects(((0.1, 0.25, 0.5, 0.5), 1, 1.0)).mirrored()
    np.testing.assert_allclose(mirrored.boxes, [[0.1, 0.5, 0.5, 0.75]], atol=1e-6)


def test_an_object_between_the_sizes_of_the_anchors_gets_several_of_them_unless_another_is_nearer() -> None:
    rows, columns = np.meshgrid([0.25, 0.5, 0.75], [0.25, 0.5, 0.75], indexing="ij")
    centres = np.stack([rows.ravel(), columns.ravel()], axis=1)
    encoder = TargetEncoder(np.concatenate([centres, np.full((9, 2), 0.5)], axis=1).astype(np.float32), (1.0,) * 4)
    small = np.float32([0.3, 0.3, 0.7, 0.7])  # IoU 0.64 with the middle anchor, 0.27 with its neighbours, 0.13 beyond
    alone = Objects(small[None], np.int32([0]), np.float32([1.0]))
    assert encoder.targets(alone).box_index.tolist() == [1, 3, 4, 5, 7]
    left = np.float32([0.25, 0.0, 0.75, 0.5])  # is the anchor beside it
    both = Objects(np.stack([small, left]), np.int32([0, 1]), np.float32([1.0, 1.0]))
    assert [1, 3] not in encoder.targets(both).score_index.tolist()
    assert {tuple(pair) for pair in encoder.targets(both).score_index.tolist()} >= {(3, 1), (4, 0), (5, 0)}
