"""Photographs, augmented views and batches."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.errors import SourceError
from edge_detector.workstation.data.photographs import Photograph, as_annotations, read_photographs, to_coco
from edge_detector.workstation.data.targets import Objects, TargetEncoder
from edge_detector.workstation.training.augmentation import Labelled, Light, View, batches, read_rgb
from tests.workstation.graphs import anchors, photographs

LABELS = ("person", "dog", "cat")
ENCODER = TargetEncoder(anchors(), (10.0, 10.0, 5.0, 5.0))
OBJECTS = Objects(np.float32([[0.25, 0.5, 0.5, 0.75], [0.0, 0.0, 1.0, 1.0]]), np.int32([1, 2]), np.float32([1.0, 0.5]))


def unlimited(photographs: list[Photograph]) -> list[Labelled]:
    """All classes are labelled wherever they are."""
    return [(each, ()) for each in photographs]


@pytest.fixture
def annotated(tmp_path: Path) -> Path:
    """Twelve pictures of 64x48; on the first a dog and a proposed cat, and a horse, which is no class of ours."""
    files = sorted(photographs(tmp_path / "pictures", 12).iterdir())
    content = {
        "images": [
            {"id": number, "file_name": f"pictures/{file.name}", "width": 64, "height": 48}
            for number, file in enumerate(files, start=10)
        ],
        "annotations": [
            {"id": 1, "image_id": 10, "category_id": 18, "bbox": [32, 12, 16, 12]},
            {"id": 2, "image_id": 10, "category_id": 17, "bbox": [0, 0, 64, 48], "score": 0.5},
            {"id": 3, "image_id": 10, "category_id": 19, "bbox": [0, 0, 64, 48]},
            {"id": 4, "image_id": 10, "category_id": 18, "bbox": [0, 0, 64, 48], "iscrowd": 1},
        ],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}, {"id": 19, "name": "horse"}],
    }
    path = tmp_path / "pictures.json"
    path.write_text(json.dumps(content))
    return path


def test_objects_are_fractions_with_class_ids_and_scores(annotated: Path) -> None:
    first, second, *_ = read_photographs(annotated, LABELS)
    assert first.path == annotated.parent / "pictures" / "000.png"
    np.testing.assert_array_equal(first.objects.boxes, OBJECTS.boxes)
    np.testing.assert_array_equal(first.objects.class_ids, OBJECTS.class_ids)
    np.testing.assert_array_equal(first.objects.scores, OBJECTS.scores)
    assert len(second.objects) == 0


def test_photographs_written_as_coco_are_read_back_the_same(annotated: Path, tmp_path: Path) -> None:
    written = read_photographs(annotated, LABELS)
    elsewhere = tmp_path / "elsewhere" / "again.json"
    elsewhere.parent.mkdir()
    elsewhere.write_text(json.dumps(to_coco(written, LABELS, elsewhere.parent)))
    again = read_photographs(elsewhere, LABELS)
    assert [each.path.resolve() for each in again] == [each.path for each in written]
    np.testing.assert_array_equal(again[0].objects.boxes, OBJECTS.boxes)
    np.testing.assert_array_equal(again[0].objects.scores, OBJECTS.scores)


def test_a_held_out_truth_leaves_out_what_the_teacher_doubts(annotated: Path) -> None:
    truth = as_annotations(read_photographs(annotated, LABELS), LABELS, least_score=0.6)
    assert [(each["category_id"], each["bbox"]) for each in truth.content["annotations"]] == [(1, [32, 12, 16, 12])]
    assert len(truth.images) == 12


def test_a_plain_view_is_the_resize_of_the_device(annotated: Path) -> None:
    photograph = read_rgb(annotated.parent / "pictures" / "003.png")
    expected = cv2.resize(photograph, (32, 32), interpolation=cv2.INTER_LINEAR_EXACT)
    difference = View().image(photograph, 32).astype(int) - expected
    assert np.abs(difference).max() <= 1


def test_a_flipped_view_mirrors_picture_and_boxes(annotated: Path) -> None:
    photograph = read_rgb(annotated.parent / "pictures" / "003.png")
    plain, flipped = View(), View(flip=True)
    np.testing.assert_array_equal(flipped.image(photograph, 32), plain.image(photograph, 32)[:, ::-1])
    np.testing.assert_allclose(flipped.objects(OBJECTS).boxes[0], [0.25, 0.25, 0.5, 0.5])


def test_a_zoomed_view_keeps_boxes_on_their_objects() -> None:
    photograph = np.zeros((200, 100, 3), np.uint8)
    photograph[100:150, 20:60] = 255
    square = Objects(np.float32([[0.5, 0.2, 0.75, 0.6]]), np.int32([0]), np.float32([1]))
    for view in (View(zoom=(1.3, 1.2), shift=(-0.2, -0.05)), View(zoom=(0.8, 0.9), shift=(0.15, 0.1), flip=True)):
        white = np.argwhere(view.image(photograph, 100)[..., 0] > 192)
        y1, x1, y2, x2 = view.objects(square).boxes[0] * 100
        np.testing.assert_allclose([*white.min(axis=0), *(white.max(axis=0) + 1)], [y1, x1, y2, x2], atol=1)


def test_an_object_cropped_to_less_than_a_third_is_gone() -> None:
    right = View(zoom=(1.0, 2.0), shift=(0.0, -1.0))  # the right half
    objects = Objects(np.float32([[0, 0.3, 1, 0.55], [0, 0.4, 1, 0.7]]), np.int32([0, 1]), np.float32([1, 1]))
    assert right.objects(objects).class_ids.tolist() == [1]


def test_random_views_repeat_with_their_seed() -> None:
    first, second = (View.random(np.random.default_rng(5)) for _ in range(2))
    assert first == second


def test_an_epoch_shows_each_photograph_once_in_whole_batches(annotated: Path) -> None:
    found = read_photographs(annotated, LABELS)
    epoch = list(batches(unlimited(found), ENCODER, classes=3, size=5, side=16, rng=np.random.default_rng(0)))
    assert [batch.images.shape for batch in epoch] == [(5, 16, 16, 3)] * 2


def test_indices_of_a_batch_begin_with_the_number_of_the_view(annotated: Path) -> None:
    whole = Photograph(annotated.parent / "pictures" / "000.png", (64, 48), OBJECTS[OBJECTS.class_ids == 2])
    (batch,) = batches([(whole, (0,)), (whole, ())], ENCODER, classes=3, size=2, side=16, rng=np.random.default_rng(1))
    assert set(batch.score_index[:, 0]) == set(batch.box_index[:, 0]) == {0, 1}
    assert set(batch.score_index[:, 2]) == {2}
    assert len(batch.box_index) == len(batch.boxes) == len(batch.box_weights)
    assert sorted(batch.negatives.tolist()) == [[0, 1, 1], [1, 1, 1]]


def test_an_unreadable_photograph_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_text("no picture")
    with pytest.raises(SourceError, match=r"broken\.jpg"):
        read_rgb(tmp_path / "broken.jpg")


def test_the_border_of_a_view_that_is_zoomed_out_is_grey_and_light_is_a_gain_and_an_offset() -> None:
    white = np.full((10, 10, 3), 200, np.uint8)
    view = View(zoom=(0.5, 0.5), light=Light(gain=(1.0, 0.5, 0.25), offset=10.0)).image(white, 20)
    assert view[-1, -1].tolist() == [138, 74, 42]  # 128 times the gain, plus the offset
    assert view[2, 2].tolist() == [210, 110, 60]


def test_an_object_is_kept_if_more_than_three_tenths_of_it_are_seen() -> None:
    left = View(shift=(0.0, -0.5))  # without the left half of the photograph
    objects = Objects(np.float32([[0, 0.2, 1, 0.62], [0, 0.2, 1, 0.64]]), np.int32([0, 1]), np.float32([1, 1]))
    assert left.objects(objects).class_ids.tolist() == [1]  # 12 of 42 parts, and 14 of 44


def test_random_views_are_plain_for_three_in_ten_and_never_leave_a_gap_beside_a_zoomed_photograph() -> None:
    rng = np.random.default_rng(0)
    views = [View.random(rng) for _ in range(2000)]
    plain = [view for view in views if replace(view, flip=False) == View()]
    assert 0.25 < len(plain) / len(views) < 0.35
    assert 0.45 < sum(view.flip for view in views) / len(views) < 0.55
    assert 0.05 < sum(view.light.saturation == 0.0 for view in views) / len(views) < 0.1
    for view in views:
        for zoom, shift in zip(view.zoom, view.shift, strict=True):
            assert min(0.0, 1 - zoom) <= shift <= max(0.0, 1 - zoom)


def test_a_random_view_shows_at_least_three_tenths_of_an_object() -> None:
    corner = Objects(np.float32([[0.0, 0.0, 0.1, 0.1]]), np.int32([0]), np.float32([1]))
    rng = np.random.default_rng(0)
    assert all(View.random(rng, corner).visible_shares(corner).max() >= 0.3 for _ in range(200))


def test_light_without_saturation_is_grey_and_contrast_moves_away_from_the_middle() -> None:
    pixel = np.uint8([[[200, 100, 50]]])
    assert Light(saturation=0.0).apply(pixel).tolist() == [[[124, 124, 124]]]
    assert Light(contrast=2.0).apply(pixel).tolist() == [[[255, 72, 0]]]


def test_an_epoch_comes_in_random_order(annotated: Path) -> None:
    found = read_photographs(annotated, LABELS)
    one = [replace(each, objects=OBJECTS[:1] if number == 0 else OBJECTS[:0]) for number, each in enumerate(found)]
    places = {
        next(
            i
            for i, batch in enumerate(batches(unlimited(one), ENCODER, classes=3, size=2, side=16, rng=rng))
            if len(batch.scores)
        )
        for rng in map(np.random.default_rng, range(6))
    }
    assert len(places) > 1
