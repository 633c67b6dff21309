"""Clustering: the weights of each layer take few different values, so that the compressed file is small.

Han et al. 2016, "Deep Compression", section 3: k-means of the weights, and training that moves the centroids. Here what
is clustered are the weights divided by the largest of their output channel, with -1 and 1 among the centroids: int8 has
a scale for each channel, that of its largest weight, so each layer has no more different int8 values than centroids.
Centroids of the weights themselves would become other int8 values in every channel, and gzip would gain little; with
one scale for the whole layer, small channels would be lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from edge_detector.workstation.compression.constrained import trained_under
from edge_detector.workstation.compression.least_squares import LeastSquares, least_squares_of, measure_inputs
from edge_detector.workstation.compression.weights import compressed_layers
from edge_detector.workstation.graph.repairs import INT8_MAX
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.training.graph_twin import GraphTwin

ITERATIONS = 20
LEAST_SCALE = 1e-12  # of a channel whose weights are all zero
MARGIN = 1e-3  # of an int8 step: float32 moves a weight by less


class Clustered:
    """A constraint: each kernel is a scale per output channel times one of few centroids per weight."""

    ready = True

    def __init__(
        self,
        kernels: Sequence[Any],
        count: int,
        *,
        keep_zeros: bool = False,
        least_squares: Sequence[LeastSquares | None] = (),
    ) -> None:
        """`count` centroids a kernel; with `keep_zeros` one of them is 0, and weights that are 0 stay 0.

        `least_squares`: of each kernel, what changes its weights so that they can make up for each other. Without, each
        weight has the nearest centroid.
        """
        self._kernels = kernels
        pinned = (-1.0, 0.0, 1.0) if keep_zeros else (-1.0, 1.0)
        layers = least_squares or [None] * len(kernels)
        self._clusters = [_Cluster(kernel, count, pinned, layer) for kernel, layer in zip(kernels, layers, strict=True)]

    def tighten(self, progress: float) -> None:
        """All weights are clustered from the first step on."""

    def apply(self) -> None:
        """Move scales and centroids to where the weights went, and the weights onto them."""
        for kernel, cluster in zip(self._kernels, self._clusters, strict=True):
            kernel.assign(cluster.nearest(kernel))


class _Cluster:
    """The centroids of one kernel, and which of them each weight has."""

    def __init__(self, kernel: Any, count: int, pinned: tuple[float, ...], layer: LeastSquares | None) -> None:
        self._axes = list(range(len(kernel.shape) - 1))
        scales = np.maximum(np.abs(kernel.numpy()).max(axis=tuple(self._axes)), LEAST_SCALE)
        centroids = k_means((kernel.numpy() / scales).ravel(), count, pinned)
        if layer is not None:
            layer.round(_Rounding(kernel.numpy()[0, 0].T, scales, centroids, keep_zeros=0.0 in pinned))
        self._members = tf.constant(nearest_centroid(kernel.numpy() / scales, centroids), tf.int32)
        self._pinned = tf.constant(np.isin(centroids, pinned))
        self._fixed = off_the_middle(tf.constant(centroids, tf.float32))
        self._centroids = self._fixed

    def nearest(self, kernel: Any) -> Any:
        """The kernel with the same members that is nearest to this one, by least squares: scales, then centroids."""
        values = tf.gather(self._centroids, self._members)
        squares = tf.maximum(tf.reduce_sum(values * values, axis=self._axes), LEAST_SCALE)  # 0: a channel of zeros
        scales = tf.maximum(tf.reduce_sum(values * kernel, axis=self._axes) / squares, LEAST_SCALE)
        spread = tf.broadcast_to(scales, tf.shape(values))
        count = len(self._fixed)
        above, below = (
            tf.math.unsorted_segment_sum(each, self._members, count) for each in (spread * kernel, spread * spread)
        )
        moved = tf.where(below > 0, above / tf.maximum(below, LEAST_SCALE**2), self._fixed)
        # A centroid beyond 1 would be the largest weight of its channel, and change the scale that int8 takes.
        self._centroids = off_the_middle(tf.where(self._pinned, self._fixed, tf.clip_by_value(moved, -1.0, 1.0)))
        return scales * tf.gather(self._centroids, self._members)


def off_the_middle(centroids: Any) -> Any:
    """The centroids, none of them in the middle between two int8 values.

    In some channels such a one would be rounded up, and in others down.
    """
    steps = centroids * INT8_MAX
    return tf.where(tf.abs(steps - tf.floor(steps) - 0.5) < MARGIN, centroids + 2 * MARGIN / INT8_MAX, centroids)


class _Rounding:
    """What each weight of a pointwise convolution becomes: a centroid times the scale of its output channel."""

    def __init__(
        self,
        weights: NDArray[np.float32],
        scales: NDArray[np.float32],
        centroids: NDArray[np.float32],
        *,
        keep_zeros: bool,
    ) -> None:
        """`weights`: (out, in); `scales`: (out,)."""
        self._weights, self._scales, self._centroids, self._keep_zeros = weights, scales, centroids, keep_zeros
        self._largest = np.abs(weights).argmax(axis=1)

    def __call__(self, column: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """See `least_squares.Choose`. The largest of a channel keeps its value, for int8 takes its scale from it."""
        before = self._weights[:, column]
        chosen = self._centroids[nearest_centroid(values / self._scales, self._centroids)] * self._scales
        chosen = np.where((before == 0) & self._keep_zeros, 0.0, chosen)
        return np.where(self._largest == column, before, chosen).astype(np.float64)


def k_means(values: NDArray[np.float32], count: int, pinned: tuple[float, ...] = ()) -> NDArray[np.float32]:
    """`count` sorted centroids (Lloyd) of values from -1 to 1; the `pinned` ones do not move.

    They start evenly spaced, which keeps the large, rare weights (Han et al. 2016, section 3.2).
    """
    free = np.linspace(-1, 1, count - len(pinned) + 2)[1:-1]
    fixed = np.array(pinned, np.float32)
    for _ in range(ITERATIONS):
        centroids = np.sort(np.concatenate([fixed, free]))
        members = nearest_centroid(values, centroids)
        sums, sizes = np.bincount(members, values, len(centroids)), np.bincount(members, minlength=len(centroids))
        means = np.where(sizes > 0, sums / np.maximum(sizes, 1), centroids)
        free = means[~np.isin(centroids, fixed)]
    return np.sort(np.concatenate([fixed, free])).astype(np.float32)


def nearest_centroid(values: NDArray[Any], centroids: NDArray[Any]) -> NDArray[np.intp]:
    """The place of the centroid nearest to each value; `centroids` are sorted."""
    return np.searchsorted((centroids[1:] + centroids[:-1]) / 2, values)


def clustered_in(count: int, material: Material, *, keep_zeros: bool = False) -> Any:
    """What makes the constraint of a twin; the calibration photographs tell what each weight does."""
    moments = measure_inputs(material)

    def make(twin: GraphTwin) -> Clustered:
        layers = compressed_layers(twin)
        fits = [least_squares_of(each, moments) for each in layers]
        return Clustered([each.kernel for each in layers], count, keep_zeros=keep_zeros, least_squares=fits)

    return make


def to_16_values(material: Material) -> TechniqueResult:
    """The int8 graph, each of whose layers has at most 16 different weights, times a scale per channel."""
    return _clustered(material, 16)


def to_32_values(material: Material) -> TechniqueResult:
    """The int8 graph, each of whose layers has at most 32 different weights, times a scale per channel."""
    return _clustered(material, 32)


def _clustered(material: Material, count: int) -> TechniqueResult:
    return trained_under(clustered_in(count, material), material, stage=f"cluster{count}", few_values=True)
