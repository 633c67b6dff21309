"""Several cameras as one picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge_detector.sinks.mosaic import TRACKS_OF_A_CAMERA, Mosaic
from edge_detector.types import Frame, Result
from tests import make


def seen(camera: str, value: int, *rows, size=(640, 360)) -> Result:
    """A result on a picture of one grey."""
    frame = Frame(np.full((size[1], size[0], 3), value, np.uint8), 7, 1000, camera=camera)
    return replace(make.result(0, *rows), frame=frame)


def test_each_camera_is_in_its_part_of_the_picture() -> None:
    mosaic = Mosaic(["a", "b", "c"])
    mosaic.add(seen("a", 50))
    whole = mosaic.add(seen("b", 100)).frame
    assert whole.size == (1280, 720)
    image = whole.image
    assert (image[10:300, 10:600] == 50).all()
    assert (image[10:300, 650:1270] == 100).all()
    assert (image[400:, 700:] == 0).all()  # there is no fourth
    assert image[360:, :200].any()  # the name of the one that has not come yet


def test_only_who_looks_makes_the_picture() -> None:
    whole = Mosaic(["a", "b"]).add(seen("a", 50)).frame.picture
    assert whole._image is None


def test_boxes_go_where_their_pictures_are_and_tracks_stay_apart() -> None:
    mosaic = Mosaic(["a", "b"])
    first = seen("a", 50, ((0.0, 0.0, 640.0, 360.0), 0.7, 0))
    tracked = replace(first.detections, track_ids=np.array([3], np.int32))
    mosaic.add(replace(first, detections=tracked))
    second = seen("b", 50, ((0.0, 0.0, 640.0, 360.0), 0.9, 1))
    found = mosaic.add(replace(second, detections=replace(second.detections, track_ids=tracked.track_ids))).detections
    assert [each.label for each in found] == ["dog", "person"]
    assert found.track_ids.tolist() == [TRACKS_OF_A_CAMERA + 3, 3]
    assert found[0].box == pytest.approx((640.0, 180.0, 1280.0, 540.0))
    assert found[1].box == pytest.approx((0.0, 180.0, 640.0, 540.0))


def test_only_the_newest_detections_of_a_camera_count() -> None:
    mosaic = Mosaic(["a", "b"])
    mosaic.add(seen("a", 50, ((0.0, 0.0, 10.0, 10.0), 0.7, 0)))
    assert len(mosaic.add(seen("a", 50)).detections) == 0


def test_the_state_of_each_camera_is_written_beside_its_name() -> None:
    plain = Mosaic(["a", "b"]).add(seen("a", 50)).frame.image
    told = Mosaic(["a", "b"], states=lambda: {"b": "silent for 12 s"}).add(seen("a", 50)).frame.image
    assert (plain[:, :640] == told[:, :640]).all()
    assert (plain[:, 640:] != told[:, 640:]).any()


def test_a_tall_picture_keeps_its_shape() -> None:
    image = Mosaic(["a", "b"]).add(seen("a", 50, size=(90, 180))).frame.image
    assert (image[10:600, 200:440] == 50).all()
    assert not image[:600, :100].any()


def test_the_last_picture_of_a_lost_camera_is_dark_and_nothing_is_found_there() -> None:
    mosaic = Mosaic(["a", "b"], lost=lambda: ["a", "b"])
    row = ((0.0, 0.0, 10.0, 10.0), 0.7, 0)
    mosaic.add(seen("a", 80, row))
    whole = mosaic.add(seen("b", 80, row))  # who sends a frame is not lost
    assert [len(whole.detections), whole.detections[0].box[0]] == [1, 640.0]
    assert (whole.frame.image[200:500, 10:600] == 20).all()
    assert (whole.frame.image[200:500, 650:1270] == 80).all()
