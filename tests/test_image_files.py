"""What can be given as a picture: a frame, a photograph's path, an array; and what is said of everything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector import open_detector
from edge_detector.config import Config
from edge_detector.errors import EdgeDetectorError, PictureError, SourceError
from edge_detector.image_files import as_frame
from edge_detector.options import Spec
from edge_detector.sources.synthetic import LABELS, SyntheticSource
from tests.make import frame


@pytest.fixture
def shapes() -> NDArray[np.uint8]:
    """A circle, a square and a triangle, which the fake runtime finds."""
    return SyntheticSource(Spec("synthetic"), Config(), (320, 180)).draw(0)


def labels_in(picture: Any) -> list[str]:
    with open_detector(runtime="fake") as detector:
        return sorted(found.label for found in detector.detect(picture).detections)


def test_an_array_is_looked_at(shapes) -> None:
    assert labels_in(shapes) == sorted(LABELS)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_photograph_is_looked_at_by_its_path(shapes, tmp_path, kind) -> None:
    cv2.imwrite(str(tmp_path / "shapes.png"), shapes)
    assert labels_in(kind(tmp_path / "shapes.png")) == sorted(LABELS)


def test_the_result_names_the_file(shapes, tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "shapes.png"), shapes)
    assert as_frame(str(tmp_path / "shapes.png")).file == tmp_path / "shapes.png"


def test_a_frame_is_itself() -> None:
    one = frame(7)
    assert as_frame(one) is one


@pytest.mark.parametrize(
    "view",
    [
        lambda image: image[::-1],
        lambda image: image[:, ::-1],
        lambda image: image[..., ::-1],
        lambda image: image[10:50, 20:60],
        np.asfortranarray,
    ],
    ids=["upside down", "mirrored", "colours reversed", "a part", "column by column"],
)
def test_an_array_that_is_not_contiguous_is_looked_at(shapes, view) -> None:
    picture = view(shapes)
    image = as_frame(picture).image
    assert image.flags.c_contiguous
    assert np.array_equal(image, picture)
    assert labels_in(picture) == labels_in(np.ascontiguousarray(picture))


def test_a_read_only_array_is_looked_at(shapes) -> None:
    shapes.flags.writeable = False
    assert labels_in(shapes) == sorted(LABELS)


def test_the_array_stays_its_owners(shapes) -> None:
    kept = as_frame(shapes)
    before = shapes.copy()
    shapes[:] = 0  # as the next picture of a camera does, in the same memory
    assert np.array_equal(kept.image, before)


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(SourceError, match=r"none\.jpg: No such file"):
        as_frame(tmp_path / "none.jpg")


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((4, 6), np.uint8), r"shape \(4, 6\).*cv2\.cvtColor\(image, cv2\.COLOR_GRAY2BGR\)"),
        (np.zeros((4, 6, 1), np.uint8), r"shape \(4, 6, 1\).*cv2\.COLOR_GRAY2BGR"),
        (np.zeros((4, 6, 4), np.uint8), r"shape \(4, 6, 4\).*cv2\.cvtColor\(image, cv2\.COLOR_BGRA2BGR\)"),
        (np.zeros((1, 4, 6, 3), np.uint8), r"shape \(1, 4, 6, 3\); expected \(height, width, 3\), blue, green, red$"),
        (np.zeros((0, 6, 3), np.uint8), r"shape \(0, 6, 3\); expected \(height, width, 3\)"),
        (np.zeros((4, 6, 3), np.float32), r"holds float32; expected uint8, 0 to 255: image.*\* 255"),
        (None, r"cv2\.imread gives None for a file it cannot read"),
        (b"\xff\xd8", "the picture is of type bytes; expected a Frame, the path of a photograph, or an array"),
    ],
    ids=["grey", "one channel", "BGRA", "a batch", "empty", "float", "None", "bytes"],
)
def test_what_is_no_picture_says_what_was_expected(picture, message) -> None:
    for kind in (PictureError, ValueError, EdgeDetectorError):
        with pytest.raises(kind, match=message):
            as_frame(picture)


@pytest.mark.parametrize("code", ["GRAY2BGR", "BGRA2BGR"])
def test_the_advice_for_other_colours_works(shapes, code) -> None:
    other = cv2.cvtColor(shapes, {"GRAY2BGR": cv2.COLOR_BGR2GRAY, "BGRA2BGR": cv2.COLOR_BGR2BGRA}[code])
    assert as_frame(cv2.cvtColor(other, getattr(cv2, f"COLOR_{code}"))).image.shape == shapes.shape
