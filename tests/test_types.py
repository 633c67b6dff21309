"""What flows through the program: how it is indexed, checked and printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_detector.types import Detection, Detections, Frame, Result, Timings
from tests.make import LABELS, detections, frame

PERSON = Detection((10.0, 20.0, 110.0, 220.0), 0.75, 0, "person")
DOG = Detection((30.0, 40.0, 50.5, 60.0), 0.5, 1, "dog")
CAT = Detection((0.0, 0.0, 8.0, 9.0), 0.25, 2, "cat")
THREE = detections(*(row[:3] for row in (PERSON, DOG, CAT)))


def test_a_number_gives_one_detection() -> None:
    assert [THREE[0], THREE[1], THREE[2]] == [PERSON, DOG, CAT]
    assert [THREE[-1], THREE[-2], THREE[-3]] == [CAT, DOG, PERSON]


def test_a_number_out_of_numpy_gives_one_detection() -> None:
    assert THREE[np.argmin(THREE.scores)] == CAT
    assert THREE[np.int32(-2)] == DOG


def test_one_detection_is_made_of_plain_numbers() -> None:
    (x1, *_), score, class_id, _, _, held = THREE[np.int64(0)]
    assert [type(each) for each in (x1, score, class_id, held)] == [float, float, int, bool]


@pytest.mark.parametrize("number", [3, -4, np.int64(3)])
def test_a_number_that_is_not_there_is_an_index_error(number) -> None:
    with pytest.raises(IndexError, match=f"no detection {number}: there are 3"):
        THREE[number]


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        (slice(1, None), [DOG, CAT]),
        (slice(None, None, -1), [CAT, DOG, PERSON]),
        (np.array([True, False, True]), [PERSON, CAT]),
        (np.array([2, 0]), [CAT, PERSON]),
        ([2, 0], [CAT, PERSON]),
        (np.zeros(3, bool), []),
    ],
)
def test_slices_masks_and_row_numbers_give_detections(rows, wanted) -> None:
    assert isinstance(THREE[rows], Detections)
    assert list(THREE[rows]) == wanted


@pytest.mark.parametrize("rows", [None, np.array([[0, 1], [1, 2]]), np.zeros(2, bool)])
def test_an_index_of_another_shape_is_an_index_error(rows: Any) -> None:
    with pytest.raises(IndexError):
        THREE[rows]


def arrays(**other: Any) -> dict[str, Any]:
    """What two detections are made of, with some of it replaced."""
    two = {"boxes": np.zeros((2, 4), np.float32), "scores": np.zeros(2, np.float32), "class_ids": np.zeros(2, np.int32)}
    return {**two, "labels": LABELS, **other}


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"boxes": np.zeros(0)}, r"boxes has the shape \(0,\); expected \(N, 4\): x1, y1, x2, y2"),
        ({"boxes": np.zeros((2, 5))}, r"boxes has the shape \(2, 5\); expected \(N, 4\)"),
        ({"boxes": np.array(0.0)}, r"boxes has the shape \(\); expected \(N, 4\)"),
        ({"scores": np.zeros(3)}, r"scores has the shape \(3,\); expected \(2,\): boxes has 2 rows"),
        ({"class_ids": np.zeros((2, 1))}, r"class_ids has the shape \(2, 1\); expected \(2,\)"),
        ({"track_ids": np.zeros(1)}, r"track_ids has the shape \(1,\); expected \(2,\)"),
    ],
)
def test_arrays_that_do_not_fit_together_are_named(other, message) -> None:
    with pytest.raises(ValueError, match=message):
        Detections(**arrays(**other))


def test_without_a_tracker_no_detection_has_a_track() -> None:
    assert (THREE.track_ids.tolist(), THREE.track_ids.dtype) == ([-1, -1, -1], np.int32)
    assert [each.track_id for each in THREE] == [None, None, None]
    assert Detections.empty(LABELS).track_ids.shape == (0,)


def test_tracks_stay_with_their_detections() -> None:
    tracked = Detections(THREE.boxes, THREE.scores, THREE.class_ids, LABELS, np.int32([7, -1, 0]))
    assert [each.track_id for each in tracked] == [7, None, 0]
    assert [tracked[0].track_id, tracked[1].track_id, tracked[2].track_id] == [7, None, 0]
    assert tracked[np.array([2, 0])].track_ids.tolist() == [0, 7]


def test_a_detection_is_printed_in_words() -> None:
    assert str(PERSON) == "person 75% at (10, 20, 110, 220)"
    assert repr(PERSON) == "<Detection person 75% at (10, 20, 110, 220)>"
    assert repr(PERSON._replace(track_id=4)) == "<Detection person 75% at (10, 20, 110, 220), track 4>"


def test_detections_are_printed_in_words() -> None:
    assert repr(THREE[:1]) == "<Detections person 75% at (10, 20, 110, 220)>"
    assert repr(THREE[:0]) == "<Detections nothing>"


def test_many_detections_are_abbreviated() -> None:
    four = THREE[np.array([2, 2, 2, 0])]
    assert repr(THREE).endswith("cat 25% at (0, 0, 8, 9)>")
    assert repr(four) == "<Detections " + "cat 25% at (0, 0, 8, 9), " * 3 + "1 more>"


def test_a_class_without_a_label_is_printed_with_its_number() -> None:
    assert repr(Detections(**arrays(class_ids=np.int32([90, -1])))) == (
        "<Detections class 90 0% at (0, 0, 0, 0), class -1 0% at (0, 0, 0, 0)>"
    )


def test_a_result_is_printed_in_words() -> None:
    timings = Timings(2.0, 1.0, 20.25, 0.15)
    assert repr(Result(frame(12), THREE[:2], timings)) == (
        "<Result frame 12: person 75% at (10, 20, 110, 220), dog 50% at (30, 40, 50, 60); 23.4 ms>"
    )
    assert repr(Result(frame(3), THREE[:0], timings)) == "<Result frame 3: nothing; 23.4 ms>"


def test_a_frame_is_printed_without_its_pixels() -> None:
    assert repr(frame(5, size=(640, 480))) == "<Frame 5: 640x480>"
    photograph = Frame(np.zeros((2, 3, 3), np.uint8), 0, 0, file=Path("pets.jpg"))
    assert repr(photograph) == "<Frame 0: 3x2 from pets.jpg>"
