"""Views of photographs for training without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edge_detector.detect.manifest import InputSpec
from edge_detector.types import Frame
from edge_detector.workstation.training.views import Views, view
from tests.workstation.graphs import photographs

SPEC = InputSpec((16, 16))


def test_the_same_step_has_the_same_views_whenever_it_comes(tmp_path: Path) -> None:
    paths = sorted(photographs(tmp_path, 5).iterdir())
    first = list(Views(paths, SPEC, batch=3, seed=1).steps(0, 4))
    later = list(Views(paths, SPEC, batch=3, seed=1).steps(2, 4))
    assert [each.shape for each in first] == [(3, 16, 16, 3)] * 4
    np.testing.assert_array_equal(first[2:], later)
    assert not np.array_equal(first[0], first[1])


def test_values_are_what_the_model_expects(tmp_path: Path) -> None:
    (images,) = Views(sorted(photographs(tmp_path, 5).iterdir()), SPEC, batch=8, seed=0).steps(0, 1)
    assert images.dtype == np.float32
    assert -1.0 <= images.min() < -0.5 < 0.5 < images.max() <= 1.0


def test_a_view_shows_at_least_six_tenths_of_each_side() -> None:
    rng = np.random.default_rng(0)
    image = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (100, 200, 3)).copy()
    shapes = [view(Frame(image.copy(), 0, 0), rng).image.shape for _ in range(50)]
    heights, widths = np.array(shapes)[:, :2].T
    assert 60 <= heights.min() < 75 < 90 < heights.max() <= 100
    assert 120 <= widths.min() < 150 < 180 < widths.max() <= 200
