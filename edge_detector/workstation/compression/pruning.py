"""Pruning: the least important weights of each layer become zero, more and more, and the others learn to do alone.

The schedule is that of Zhu and Gupta 2017, "To prune, or not to prune". In pointwise convolutions, which hold nearly
all weights of the networks here, `LeastSquares` chooses the weights and lets the others take over; in other layers
those go that are small beside the others of their output channel. The zeros stay zero in int8, where a scale has no
offset. They make the file smaller only when it is compressed, and nothing faster: no int8 kernel skips them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.compression.constrained import trained_under
from edge_detector.workstation.compression.least_squares import least_squares_of, measure_inputs
from edge_detector.workstation.compression.weights import compressed_layers
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.training.graph_twin import GraphTwin

LEAST_SIZE = 1e-12  # of a channel whose weights are all zero
RAMP = 0.5  # of all steps, in which the zeros become more; in the others they are as many as they will be
STAGES = 8  # in which they become more: choosing them takes seconds


class Zeros(Protocol):
    """How the weights of one kernel become zero."""

    @property
    def kernel(self) -> Any:
        """The variable."""

    def zero(self, sparsity: float) -> None:
        """Make that part of the weights zero."""


@dataclass(frozen=True, slots=True)
class SmallestWeights:
    """Those that are smallest beside the others of their output channel become zero; the others stay as they are."""

    kernel: Any

    def zero(self, sparsity: float) -> None:
        """See `Zeros.zero`."""
        kernel = self.kernel.numpy()
        self.kernel.assign(kernel * mask_of_largest(relative(kernel), sparsity))


class Pruned:
    """A constraint: a growing part of each kernel is zero."""

    def __init__(self, layers: Sequence[Zeros], sparsity: float) -> None:
        """`sparsity`: the part of each kernel that is zero in the end."""
        self._layers, self._sparsity = layers, sparsity
        self._now = 0.0
        self._masks = self._found_masks()
        self.ready = False

    def tighten(self, progress: float) -> None:
        """The polynomial schedule of Zhu and Gupta, equation 1, in `STAGES`."""
        left = 1 - math.floor(min(progress / RAMP, 1.0) * STAGES) / STAGES
        self.ready = left == 0.0
        now = self._sparsity * (1 - left**3)
        if now != self._now:
            for layer in self._layers:
                layer.zero(now)
            self._now, self._masks = now, self._found_masks()

    def apply(self) -> None:
        """Zero what was zero."""
        for layer, mask in zip(self._layers, self._masks, strict=True):
            layer.kernel.assign(layer.kernel * mask)

    def _found_masks(self) -> list[NDArray[np.float32]]:
        return [(layer.kernel.numpy() != 0).astype(np.float32) for layer in self._layers]


def relative(kernel: Any) -> Any:
    """The weights in units of their output channel's own size.

    A folded batch normalisation makes some channels a hundred times as large as others, which says nothing of how much
    they matter; small ones would lose all their weights.
    """
    sizes = np.sqrt((kernel**2).mean(axis=tuple(range(kernel.ndim - 1))))
    return kernel / np.maximum(sizes, LEAST_SIZE)


def mask_of_largest(kernel: Any, sparsity: float) -> Any:
    """1 for the largest weights, 0 for the part `sparsity` of them that is smallest."""
    count = round(sparsity * kernel.size)
    mask = np.ones(kernel.size, np.float32)
    mask[np.argpartition(np.abs(kernel).ravel(), count - 1)[:count] if count else []] = 0.0
    return mask.reshape(kernel.shape)


def pruned_to(sparsity: float, material: Material) -> Any:
    """What makes the constraint of a twin of the source; the calibration photographs tell what each weight does."""
    moments = measure_inputs(material)

    def make(twin: GraphTwin) -> Pruned:
        layers = compressed_layers(twin)
        return Pruned([least_squares_of(each, moments) or SmallestWeights(each.kernel) for each in layers], sparsity)

    return make


def to_half_pruned(material: Material) -> TechniqueResult:
    """The int8 graph, half of whose weights are zero."""
    return _pruned(material, 0.5)


def to_three_quarters_pruned(material: Material) -> TechniqueResult:
    """The int8 graph, three quarters of whose weights are zero."""
    return _pruned(material, 0.75)


def _pruned(material: Material, sparsity: float) -> TechniqueResult:
    return trained_under(pruned_to(sparsity, material), material, stage=f"prune{sparsity:.0%}".rstrip("%"))
