"""Masks: black in every picture of a frame, or without detections; to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge_detector.mask import Masks
from edge_detector.polygon import contains
from edge_detector.track.places import Mask
from edge_detector.types import Frame, LazyPicture, Size

LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
MIDDLE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75))
ALL = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
FINE = 16  # samples along each side of a pixel


def white(width: int = 8, height: int = 6, *, small: tuple[int, int] | None = None) -> Frame:
    other = None if small is None else np.full((small[1], small[0], 3), 200, np.uint8)
    return Frame(np.full((height, width, 3), 255, np.uint8), 7, 70, small=other)


def private(*polygons: tuple[tuple[float, float], ...]) -> Masks:
    return Masks.of(Mask(polygon, "privacy") for polygon in polygons)


def test_without_privacy_masks_the_frame_is_the_same_object() -> None:
    frame = white()
    assert Masks.of([Mask(LEFT, "ignore")]).privacy(frame) is frame


def test_the_left_half_is_black_in_both_pictures_and_the_right_half_as_it_was() -> None:
    frame = white(8, 6, small=(4, 2))
    masked = private(LEFT).privacy(frame)
    assert masked.small is not None
    assert masked.image.tolist() == [[[0, 0, 0]] * 4 + [[255, 255, 255]] * 4] * 6
    assert masked.small.tolist() == [[[0, 0, 0]] * 2 + [[200, 200, 200]] * 2] * 2
    assert (masked.sequence, masked.timestamp_ns) == (7, 70)
    assert not masked.image.flags.writeable


class White(LazyPicture):
    """White, of whatever size."""

    def make(self) -> NDArray[np.uint8]:
        return self.scaled(self.size)

    def scaled(self, size: Size) -> NDArray[np.uint8]:
        return np.full((size[1], size[0], 3), 255, np.uint8)


def test_of_a_picture_that_is_not_made_yet_nobody_ever_sees_what_is_hidden() -> None:
    picture = private(LEFT).privacy(Frame(White((8, 6)), 7, 70)).picture
    assert isinstance(picture, LazyPicture)
    assert picture.size == (8, 6)
    assert picture.image.tolist() == [[[0, 0, 0]] * 4 + [[255, 255, 255]] * 4] * 6
    assert picture.scaled((4, 2)).tolist() == [[[0, 0, 0]] * 2 + [[255, 255, 255]] * 2] * 2


def test_the_frame_that_was_given_stays_as_it_was() -> None:
    frame = white(small=(4, 2))
    private(ALL).privacy(frame)
    assert frame.small is not None
    assert frame.image.min() == 255
    assert frame.small.min() == 200


def test_two_masks_that_lie_over_each_other_are_black_in_both() -> None:
    assert private(ALL, MIDDLE).privacy(white()).image.max() == 0


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 129)])
def test_a_mask_over_everything_leaves_no_pixel(size) -> None:
    assert private(ALL).privacy(white(*size)).image.max() == 0


def test_masks_fit_frames_of_changing_size() -> None:
    masks = private(LEFT)
    shares = [masks.privacy(white(*size)).image.mean() / 255 for size in ((8, 6), (16, 4), (8, 6), (100, 300))]
    assert shares == [0.5] * 4


@given(st.lists(st.floats(0.1, 0.5), min_size=3, max_size=7), st.floats(0, 6))
def test_a_pixel_that_is_half_covered_is_black_and_one_that_is_not_touched_is_not(radii, turn) -> None:
    width, height = 23, 17
    angles = turn + np.arange(len(radii)) / len(radii) * 2 * np.pi
    corners = np.stack([0.5 + radii * np.cos(angles), 0.5 + radii * np.sin(angles)], axis=1)
    masked = Masks((tuple(map(tuple, corners.tolist())),)).privacy(white(width, height)).image[..., 0]
    y, x = (np.mgrid[: height * FINE, : width * FINE] + 0.5) / FINE
    inside = contains(corners * (width, height), np.stack([x.ravel(), y.ravel()], axis=1))
    covered = inside.reshape(height, FINE, width, FINE).mean(axis=(1, 3))
    # The mask is drawn on a grid of 4 x 4 parts of a pixel: it knows the share of a pixel to a part of 16.
    assert masked[covered >= 0.5 + 1 / 16].max(initial=0) == 0
    assert masked[covered == 0].min(initial=255) == 255


def test_the_lower_middle_of_a_box_decides_whether_it_is_ignored() -> None:
    masks = Masks.of([Mask(LEFT, "ignore"), Mask(((0.9, 0.9), (1, 0.9), (1, 1), (0.9, 1)), "ignore")])
    boxes = [
        (0, 0, 98, 50),  # in the left half
        (0, 0, 120, 100),  # its middle is at 60
        (40, 0, 80, 50),  # across the edge, its middle at 60
        (0, 0, 200, 100),  # in the middle of the edge: it belongs to the mask
        (180, 0, 200, 100),  # the corner at the lower right, down to the picture's edge
        (180, 0, 200, 80),  # above that corner
    ]
    assert masks.ignored(np.float32(boxes), (200, 100)).tolist() == [True, True, True, True, True, False]
    assert masks.ignored(np.float32([(110, 0, 180, 50)]), (200, 100)).tolist() == [False]
    assert masks.ignored(np.empty((0, 4), np.float32), (200, 100)).tolist() == []


def test_one_in_front_of_a_mask_is_not_ignored() -> None:
    street = Masks.of([Mask(((0, 0), (1, 0), (1, 0.5), (0, 0.5)), "ignore")])
    car, visitor = (10, 20, 80, 45), (40, 5, 60, 70)  # two thirds of the visitor's box lie over the street
    assert street.ignored(np.float32([car, visitor]), (100, 100)).tolist() == [True, False]


def test_a_privacy_mask_ignores_nothing_and_an_ignore_mask_blackens_nothing() -> None:
    assert private(ALL).ignored(np.float32([(0, 0, 9, 9)]), (10, 10)).tolist() == [False]
    assert Masks.of([Mask(ALL, "ignore")]).privacy(white()).image.min() == 255


def test_a_box_that_shows_little_else_than_a_privacy_mask_is_hidden() -> None:
    masks = private(((0.4, 0.1), (0.6, 0.1), (0.6, 0.3), (0.4, 0.3)))
    boxes = [
        (80, 10, 120, 30),
        (78, 9, 122, 31),
        (90, 12, 95, 20),
        (70, 5, 130, 60),
        (0, 0, 20, 20),
        (110, 10, 150, 30),
    ]
    assert masks.hidden(np.float32(boxes), (200, 100)).tolist() == [True, True, True, False, False, False]
    assert masks.hidden(np.empty((0, 4), np.float32), (200, 100)).tolist() == []
    assert Masks().hidden(np.float32(boxes), (200, 100)).tolist() == [False] * 6


def test_boxes_at_the_edges_of_the_picture_are_hidden_by_a_mask_over_everything() -> None:
    boxes = [(0, 0, 200, 100), (199.5, 99.5, 200, 100), (0, 0, 0.5, 0.5)]
    assert private(ALL).hidden(np.float32(boxes), (200, 100)).tolist() == [True, True, True]
