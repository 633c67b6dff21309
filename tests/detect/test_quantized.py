"""Stored values and the real numbers they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.detect.quantized import FOLDS, at_least, sigmoid, to_real, to_stored, where_at_least
from edge_detector.types import TensorInfo


def info(dtype: type, *, scale: float = 0.0, zero_point: int = 0) -> TensorInfo:
    return TensorInfo("t", (1,), np.dtype(dtype), scale, zero_point)


def test_real_is_stored_less_the_zero_point_times_the_scale() -> None:
    real = to_real(np.uint8([0, 10, 255]), info(np.uint8, scale=0.5, zero_point=10))
    assert (real.tolist(), real.dtype) == ([-5.0, 0.0, 122.5], np.float32)


def test_a_float_tensor_passes_as_it_is() -> None:
    stored = np.float32([0.25, 7])
    assert to_real(stored, info(np.float32)) is stored


def test_a_threshold_between_two_steps_asks_for_the_upper_one() -> None:
    assert to_stored(np.float32([0.5, 0.51, 1.0]), info(np.int8, scale=0.5, zero_point=-3)).tolist() == [-2, -1, -1]


def test_a_threshold_keeps_the_step_it_lies_on_despite_rounding_errors() -> None:
    thresholds = np.float32([5.0, 5.0009, 5.0011])  # a thousandth of a step is forgiven
    assert to_stored(thresholds, info(np.int8, scale=1.0)).tolist() == [5, 5, 6]


@pytest.mark.parametrize(("dtype", "lowest", "highest"), [(np.int8, -128, 127), (np.uint8, 0, 255)])
def test_a_threshold_outside_the_type_lets_everything_or_nothing_pass(dtype, lowest, highest) -> None:
    limits = to_stored(np.float32([-1e6, highest, 1e6, np.inf]), info(dtype, scale=1.0))
    assert limits.tolist() == [lowest, highest, highest + 1, highest + 1]
    stored = np.array([[lowest, highest - 1, highest]], dtype)
    assert [at_least(stored, limit).tolist() for limit in limits] == [
        [[True, True, True]],
        [[False, False, True]],
        [[False, False, False]],
        [[False, False, False]],
    ]


def test_a_threshold_of_a_float_tensor_is_itself() -> None:
    limit = to_stored(np.float32([0.3]), info(np.float32))
    assert limit.tolist() == [np.float32(0.3)]
    assert at_least(np.float32([0.29, 0.3, 300]), limit[0]).tolist() == [False, True, True]


@given(
    length=st.integers(0, 5 * FOLDS**2),
    share=st.sampled_from([0.0, 0.001, 0.01, 0.5]),
    dtype=st.sampled_from([np.int8, np.uint8, np.float32]),
    seed=st.integers(0, 2**32 - 1),
)
def test_looking_at_the_highest_first_finds_the_same_places(length, share, dtype, seed) -> None:
    rng = np.random.default_rng(seed)
    stored = rng.integers(0, 100, length).astype(dtype)
    stored[rng.random(length) < share] = 120
    for limit in (99, 100, 121, 128, 256):
        assert where_at_least(stored, limit).tolist() == np.flatnonzero(at_least(stored, limit)).tolist()


def test_what_is_no_number_hides_nothing_beside_it() -> None:
    scores = np.zeros(FOLDS * 40, np.float32)
    scores[[7, 47, 87]] = 0.9, np.nan, 0.8
    assert where_at_least(scores, np.float32(0.5)).tolist() == [7, 87]


def test_sigmoid_by_hand() -> None:
    found = sigmoid(np.float32([0, math.log(3), -math.log(3), -1000, 1000]))
    assert found.tolist() == pytest.approx([0.5, 0.75, 0.25, 0, 1])
    assert found.dtype == np.float32
