"""What pruned and clustered weights keep to while they are trained."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

import tensorflow as tf

from edge_detector.workstation.compression.clustering import Clustered, k_means
from edge_detector.workstation.compression.pruning import Pruned, SmallestWeights, mask_of_largest, pruned_to
from edge_detector.workstation.compression.weights import compressed_layers, compressible, kernels_of
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.training.graph_twin import twin_of
from tests.workstation.blocks import block_detector, yolox_like

RANDOM = np.random.default_rng(0)


def kernel(channels: int = 6) -> tf.Variable:
    """(1, 1, 40, channels), each channel ten times as large as the one before."""
    return tf.Variable(RANDOM.normal(0, 1, (1, 1, 40, channels)) * 10.0 ** np.arange(channels), dtype=tf.float32)


def moved(variable: tf.Variable) -> None:
    variable.assign(variable * tf.random.stateless_uniform(variable.shape, (1, 2), 0.8, 1.2) + 0.01)


def test_the_first_layer_the_last_ones_and_depthwise_kernels_are_spared() -> None:
    assert compressible(block_detector()) == ["hidden", "projected"]
    assert compressible(yolox_like()) == ["small"]
    assert [each.shape for each in kernels_of(twin_of(block_detector()))] == [(1, 1, 8, 24), (1, 1, 24, 8)]


def test_the_part_of_zeros_follows_the_polynomial() -> None:
    weights = kernel()
    pruned = Pruned([SmallestWeights(weights)], 0.75)
    zeros = []
    for progress in (0.0, 0.125, 0.25, 0.5, 1.0):
        pruned.tighten(progress)
        pruned.apply()
        zeros.append(float(np.mean(weights.numpy() == 0)))
    np.testing.assert_allclose(zeros, [0, 0.75 * (1 - 0.75**3), 0.75 * (1 - 0.5**3), 0.75, 0.75], atol=0.003)
    assert pruned.ready


def test_pruned_weights_cannot_be_kept_before_the_ramp_is_over() -> None:
    pruned = Pruned([SmallestWeights(kernel())], 0.5)
    pruned.tighten(0.4)
    assert not pruned.ready


def test_zeros_stay_zero_whatever_a_step_does() -> None:
    weights = kernel()
    pruned = Pruned([SmallestWeights(weights)], 0.5)
    pruned.tighten(1.0)
    pruned.apply()
    before = weights.numpy() == 0
    moved(weights)
    pruned.tighten(1.0)
    pruned.apply()
    np.testing.assert_array_equal(weights.numpy() == 0, before)


def test_a_channel_of_small_weights_keeps_its_part_of_them() -> None:
    weights = kernel()  # the largest channel is 100000 times as large as the smallest
    pruned = Pruned([SmallestWeights(weights)], 0.5)
    pruned.tighten(1.0)
    pruned.apply()
    zeros = np.mean(weights.numpy() == 0, axis=(0, 1, 2))
    assert (np.abs(zeros - 0.5) < 0.15).all()


def test_in_pointwise_convolutions_biases_and_other_weights_take_over(material: Material) -> None:
    twin = twin_of(material.source.graph)
    layers = compressed_layers(twin)
    before = [(each.kernel.numpy(), each.bias.numpy()) for each in layers]
    pruned_to(0.5, material)(twin).tighten(1.0)
    for layer, (kernel, bias) in zip(layers, before, strict=True):
        left = layer.kernel.numpy() != 0
        assert np.mean(left) == pytest.approx(0.5, abs=0.02)
        assert np.abs(layer.kernel.numpy() - kernel)[left].max() > 0.01 * np.abs(kernel).max()
        assert (layer.bias.numpy() != bias).any()


def test_the_smallest_weights_are_pruned() -> None:
    np.testing.assert_array_equal(mask_of_largest(np.array([3.0, -0.1, 0.2, -4.0]), 0.5), [1, 0, 0, 1])
    np.testing.assert_array_equal(mask_of_largest(np.array([3.0, -0.1]), 0.0), [1, 1])


def int8_values(weights: np.ndarray) -> np.ndarray:
    """As int8 stores them: a scale for each channel, from its largest weight."""
    return np.round(weights / np.abs(weights).max(axis=(0, 1, 2)) * 127)


@pytest.mark.parametrize("count", [16, 32])
def test_all_channels_of_a_layer_together_have_so_many_int8_values(count: int) -> None:
    weights = kernel()
    clustered = Clustered([weights], count)
    for _ in range(5):
        moved(weights)
        clustered.apply()
    assert 4 < len(np.unique(int8_values(weights.numpy()))) <= count


def test_a_centroid_in_the_middle_of_two_int8_values_becomes_one_of_them() -> None:
    sizes = RANDOM.uniform(0.1, 10, 200)
    weights = tf.Variable(np.tile([-1, 10.5 / 127, 1], (1, 1, 10, 1)).reshape(1, 1, 30, 1) * sizes, dtype=tf.float32)
    assert len(np.unique(int8_values(weights.numpy()))) == 4
    Clustered([weights], 3).apply()
    assert sorted(np.unique(int8_values(weights.numpy()))) == [-127, 11, 127]


def test_clusters_move_to_where_their_weights_go() -> None:
    weights = kernel()
    clustered = Clustered([weights], 8)
    clustered.apply()
    before = weights.numpy()
    weights.assign(weights * 1.5)
    clustered.apply()
    np.testing.assert_allclose(weights.numpy(), before * 1.5, rtol=1e-4)


def test_weights_on_their_centroids_stay_where_they_are() -> None:
    weights = kernel()
    clustered = Clustered([weights], 16)
    clustered.apply()
    once = weights.numpy()
    clustered.apply()
    np.testing.assert_allclose(weights.numpy(), once, rtol=1e-4)


def test_clustering_keeps_the_zeros_of_pruned_weights() -> None:
    weights = kernel()
    weights.assign(tf.random.stateless_normal(weights.shape, (3, 4)))
    pruned = Pruned([SmallestWeights(weights)], 0.5)
    pruned.tighten(1.0)
    pruned.apply()
    zeros = weights.numpy() == 0
    clustered = Clustered([weights], 16, keep_zeros=True)
    moved(weights)
    clustered.apply()
    assert (weights.numpy()[zeros] == 0).all()
    assert len(np.unique(int8_values(weights.numpy()))) <= 16


def test_a_channel_of_zeros_can_be_clustered() -> None:
    weights = kernel()
    weights.assign(weights * np.array([1, 0, 1, 1, 1, 1], np.float32))
    clustered = Clustered([weights], 16)
    clustered.apply()
    assert np.isfinite(weights.numpy()).all()
    np.testing.assert_allclose(weights.numpy()[..., 1], 0, atol=1e-11)


def test_k_means_finds_groups_and_keeps_what_is_pinned() -> None:
    values = np.concatenate([RANDOM.normal(centre, 0.01, 50) for centre in (-0.6, 0.1, 0.5)]).astype(np.float32)
    found = k_means(values, 5, pinned=(-1.0, 1.0))
    np.testing.assert_allclose(found, [-1.0, -0.6, 0.1, 0.5, 1.0], atol=0.02)
