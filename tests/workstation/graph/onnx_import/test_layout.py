from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("onnx", reason="needs the extra [workstation]")

from edge_detector.workstation.graph.onnx_import.layout import (
    CHANNELS_LAST,
    natural,
    reshaped,
    transposed,
)


def test_channels_that_are_last_stay_last() -> None:
    assert reshaped((1, 85, 20, 30), CHANNELS_LAST, (1, 85, 600)) == (0, 2, 1)


def test_channels_that_become_anchors_and_columns_stay_last() -> None:
    assert reshaped((1, 255, 20, 30), CHANNELS_LAST, (1, 3, 85, 20, 30)) == (0, 3, 4, 1, 2)


def test_a_pooled_picture_is_flat_whatever_its_order() -> None:
    assert reshaped((1, 64, 1, 1), CHANNELS_LAST, (1, 64)) == (0, 1)


def test_data_that_must_move_has_no_order() -> None:
    assert reshaped((1, 64, 2, 3), CHANNELS_LAST, (1, 384)) is None


@given(
    st.lists(st.integers(1, 3), min_size=4, max_size=4),
    st.permutations(range(4)),
    st.sampled_from([(-1,), (1, -1), (-1, 1), (2, -1), (1, 3, -1), (-1, 2, 1), (2, 3, -1)]),
)
def test_an_order_gives_the_numbers_that_onnx_gives(
    shape: list[int], order: list[int], target: tuple[int, ...]
) -> None:
    onnx_view = np.arange(np.prod(shape)).reshape(shape)
    if onnx_view.size % abs(np.prod(target)):
        return
    expected = onnx_view.reshape(target)
    new_order = reshaped(tuple(shape), tuple(order), expected.shape)
    if new_order is None:
        return
    in_memory = onnx_view.transpose(order).reshape([expected.shape[axis] for axis in new_order])
    np.testing.assert_array_equal(in_memory.transpose(np.argsort(new_order)), expected)


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_a_transpose_changes_only_the_order(order: list[int], permutation: list[int]) -> None:
    value = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    in_memory = value.transpose(order)
    new_order = transposed(tuple(order), tuple(permutation))
    np.testing.assert_array_equal(in_memory.transpose(np.argsort(new_order)), value.transpose(permutation))


def test_a_natural_order_moves_nothing() -> None:
    assert reshaped((2, 3, 4), natural(3), (6, 4)) == (0, 1)
