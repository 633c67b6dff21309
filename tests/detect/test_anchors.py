"""The anchors of raw SSD heads, against numbers made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_detector.detect.anchors import AnchorSpec, make_anchors
from edge_detector.errors import ModelError

FPN = AnchorSpec("fpn", min_level=5, max_level=6, anchor_scale=2.0, scales_per_octave=2, aspect_ratios=(1.0, 4.0))


def fpn(spec: AnchorSpec, input_size: tuple[int, int]) -> np.ndarray:
    """In pixels of the input, which are easier to read."""
    width, height = input_size
    return make_anchors(spec, input_size=input_size, folder=Path()) * (height, width, height, width)


def test_every_cell_of_every_level_has_all_aspects_and_for_each_all_scales() -> None:
    # (width, height) = (96, 64): 3 x 2 cells of 32, then 2 x 1 cells of 64, which do not divide the width
    cells = [(32, y, x) for y in (16, 48) for x in (16, 48, 80)] + [(64, 32, x) for x in (0, 64)]
    octave = math.sqrt(2)
    shapes = [(2, 2), (2 * octave, 2 * octave), (1, 4), (octave, 4 * octave)]  # height, width in strides
    wanted = [(y, x, height * stride, width * stride) for stride, y, x in cells for height, width in shapes]
    np.testing.assert_allclose(fpn(FPN, (96, 64)), wanted, rtol=1e-6)


def test_a_level_that_does_not_divide_the_input_has_a_last_cell_that_reaches_over_its_edge() -> None:
    one = replace(FPN, min_level=7, max_level=7, scales_per_octave=1, aspect_ratios=(1.0,))
    np.testing.assert_allclose(fpn(one, (320, 128))[:, :2], [(64, 0), (64, 128), (64, 256)], rtol=1e-6)


def test_the_anchors_are_float32_and_fractions_of_the_input() -> None:
    anchors = make_anchors(FPN, input_size=(64, 64), folder=Path())
    assert (anchors.dtype, anchors.shape) == (np.float32, (4 * 4 + 4, 4))
    assert anchors[0].tolist() == [0.25, 0.25, 1, 1]


def test_anchors_are_read_from_a_file_beside_the_manifest(tmp_path) -> None:
    np.save(tmp_path / "mine.npy", np.array([[0.5, 0.25, 1.0, 2.0]]))
    anchors = make_anchors(AnchorSpec(file="mine.npy"), input_size=(320, 320), folder=tmp_path)
    assert (anchors.dtype, anchors.tolist()) == (np.float32, [[0.5, 0.25, 1.0, 2.0]])


@pytest.mark.parametrize("shape", [(4,), (2, 3), (1, 2, 4), (1, 4, 2)])
def test_a_file_of_another_shape_is_refused(tmp_path, shape) -> None:
    np.save(tmp_path / "mine.npy", np.zeros(shape, np.float32))
    with pytest.raises(ModelError, match=r"mine\.npy: anchors of shape .* expected \(A, 4\)"):
        make_anchors(AnchorSpec(file="mine.npy"), input_size=(320, 320), folder=tmp_path)


def test_a_file_that_is_not_there_or_holds_no_numbers_is_refused(tmp_path) -> None:
    np.save(tmp_path / "objects.npy", np.array([[None] * 4], dtype=object), allow_pickle=True)
    for name in ("nothing.npy", "objects.npy"):
        with pytest.raises(ModelError, match=rf"{name}: cannot read the anchors"):
            make_anchors(AnchorSpec(file=name), input_size=(320, 320), folder=tmp_path)


def test_an_unknown_generator_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(ModelError, match="unknown anchor generator 'grid'; known: fpn, or file"):
        make_anchors(AnchorSpec("grid"), input_size=(320, 320), folder=Path())
