"""Weights that become zero while the others take over their work."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

import tensorflow as tf

from edge_detector.workstation.calibration.channel_moments import ChannelMoments, mean_of
from edge_detector.workstation.compression.clustering import Clustered
from edge_detector.workstation.compression.least_squares import LeastSquares, upper_factor, zeroed
from edge_detector.workstation.compression.pruning import SmallestWeights

RANDOM = np.random.default_rng(0)
CHANNELS, OUTPUTS = 80, 12


def inputs(count: int = 1000) -> np.ndarray:
    """(1, count, 1, CHANNELS): many channels that are sums of a few, and a mean."""
    hidden = RANDOM.normal(0, 1, (count, CHANNELS // 4)) @ RANDOM.normal(0, 1, (CHANNELS // 4, CHANNELS))
    return (hidden + RANDOM.normal(0, 0.3, hidden.shape) + 1.0)[None, :, None].astype(np.float32)


def layer() -> tuple[tf.Variable, tf.Variable]:
    sizes = 10.0 ** np.linspace(-2, 2, OUTPUTS)  # of output channels, as folded batch normalisations leave them
    kernel = RANDOM.normal(0, 1, (1, 1, CHANNELS, OUTPUTS)) * sizes
    return tf.Variable(kernel, dtype=tf.float32), tf.Variable(np.ones(OUTPUTS), dtype=tf.float32)


def outputs(values: np.ndarray, kernel: tf.Variable, bias: tf.Variable) -> np.ndarray:
    return values[0, :, 0] @ kernel.numpy()[0, 0] + bias.numpy()


def error(found: np.ndarray, expected: np.ndarray) -> float:
    """The part of each output's variance that is wrong, the mean over all outputs."""
    return float(np.mean(np.mean((found - expected) ** 2, axis=0) / expected.var(axis=0)))


def test_half_of_the_weights_can_go_with_a_fraction_of_the_error_of_leaving_out_the_smallest() -> None:
    values = inputs()
    kernel, bias = layer()
    expected = outputs(values, kernel, bias)
    plain, unchanged = tf.Variable(kernel), tf.Variable(bias)
    SmallestWeights(plain).zero(0.5)
    LeastSquares(kernel, bias, ChannelMoments.of(values)).zero(0.5)
    assert np.mean(kernel.numpy() == 0) == pytest.approx(0.5, abs=0.01)
    left_out = error(outputs(values, plain, unchanged), expected)
    assert error(outputs(values, kernel, bias), expected) < 0.4 * left_out


def test_the_bias_keeps_the_mean_of_every_output() -> None:
    values = inputs()
    kernel, bias = layer()
    expected = outputs(values, kernel, bias)
    LeastSquares(kernel, bias, ChannelMoments.of(values)).zero(0.75)
    shift = np.abs((outputs(values, kernel, bias) - expected).mean(axis=0))
    assert (shift < 0.02 * expected.std(axis=0)).all()


def test_zeros_become_more_and_nothing_else_changes_where_they_do_not() -> None:
    kernel, bias = layer()
    zeros = LeastSquares(kernel, bias, ChannelMoments.of(inputs()))
    before = kernel.numpy()
    zeros.zero(0.0)
    np.testing.assert_array_equal(kernel.numpy(), before)
    zeros.zero(0.5)
    half = kernel.numpy()
    zeros.zero(0.5)
    np.testing.assert_allclose(kernel.numpy(), half, rtol=1e-5, atol=1e-7)
    zeros.zero(0.75)
    assert np.mean(kernel.numpy() == 0) == pytest.approx(0.75, abs=0.01)


def test_no_channel_of_small_weights_loses_all_of_them() -> None:
    kernel, bias = layer()
    LeastSquares(kernel, bias, ChannelMoments.of(inputs())).zero(0.5)
    zeros = np.mean(kernel.numpy() == 0, axis=(0, 1, 2))
    assert (np.abs(zeros - 0.5) < 0.25).all()


def test_without_a_correlation_the_least_important_weights_go_and_the_others_stay() -> None:
    variances = np.array([1.0, 100.0, 1.0, 1.0])
    weights = np.array([[1.0, 0.5, 2.0, 3.0]])
    covariance = np.diag(variances)
    found = zeroed(weights, covariance, upper_factor(covariance), 0.5)
    np.testing.assert_array_equal(found, [[0.0, 0.5, 0.0, 3.0]])


def test_few_values_cost_a_fraction_of_the_error_of_taking_the_nearest_ones() -> None:
    values = inputs()
    kernel, bias = layer()
    expected = outputs(values, kernel, bias)
    nearest, unchanged = tf.Variable(kernel), tf.Variable(bias)
    Clustered([nearest], 16).apply()
    Clustered([kernel], 16, least_squares=[LeastSquares(kernel, bias, ChannelMoments.of(values))]).apply()
    alone = error(outputs(values, nearest, unchanged), expected)
    assert error(outputs(values, kernel, bias), expected) < 0.5 * alone
    assert 4 < len(np.unique(int8_values(kernel.numpy()))) <= 16


def test_few_values_keep_the_zeros_of_pruned_weights() -> None:
    values = inputs()
    kernel, bias = layer()
    fit = LeastSquares(kernel, bias, ChannelMoments.of(values))
    fit.zero(0.5)
    zeros = kernel.numpy() == 0
    Clustered([kernel], 16, keep_zeros=True, least_squares=[fit]).apply()
    assert (kernel.numpy()[zeros] == 0).all()
    assert len(np.unique(int8_values(kernel.numpy()))) <= 16


def int8_values(weights: np.ndarray) -> np.ndarray:
    """As int8 stores them: a scale for each channel, from its largest weight."""
    return np.round(weights / np.abs(weights).max(axis=(0, 1, 2)) * 127)


def test_moments_of_photographs_are_those_of_all_their_places() -> None:
    one, other = inputs(50), inputs(50)
    both = mean_of([ChannelMoments.of(one), ChannelMoments.of(other)])
    expected = np.cov(np.concatenate([one, other], axis=1)[0, :, 0].T, bias=True)
    found = both.covariance(0.0)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)
