"""Pruning: the smallest weights of each layer become zero, more with every step, and the others learn to do alone.

Zhu and Gupta 2017, "To prune, or not to prune". Small is what is small beside the others of its output channel. The
zeros stay zero in int8, where a scale has no offset. They make the file smaller only when it is compressed, and nothing
faster: no int8 kernel skips them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edge_detector.workstation.compression.constrained import trained_under
from edge_detector.workstation.compression.weights import kernels_of
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.training.graph_twin import GraphTwin

LEAST_SIZE = 1e-12  # of a channel whose weights are all zero
RAMP = 0.5  # of all steps, in which the zeros become more; in the others they are as many as they will be


class Pruned:
    """A constraint: a growing part of each kernel is zero."""

    def __init__(self, kernels: Sequence[Any], sparsity: float) -> None:
        """`kernels`: variables; `sparsity`: the part of each that is zero in the end."""
        self._kernels, self._sparsity = kernels, sparsity
        self._now = 0.0
        self._masks = [np.ones(kernel.shape, np.float32) for kernel in kernels]
        self.ready = False

    def tighten(self, progress: float) -> None:
        """The polynomial schedule of Zhu and Gupta, equation 1."""
        left = 1 - min(progress / RAMP, 1.0)
        self.ready = left == 0.0
        now = self._sparsity * (1 - left**3)
        if now != self._now:
            self._masks = [mask_of_largest(relative(kernel.numpy()), now) for kernel in self._kernels]
            self._now = now

    def apply(self) -> None:
        """Zero what the masks say."""
        for kernel, mask in zip(self._kernels, self._masks, strict=True):
            kernel.assign(kernel * mask)


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


def pruned_to(sparsity: float) -> Any:
    """What makes the constraint of a twin."""

    def make(twin: GraphTwin) -> Pruned:
        return Pruned(kernels_of(twin), sparsity)

    return make


def to_half_pruned(material: Material) -> TechniqueResult:
    """The int8 graph, half of whose weights are zero."""
    return _pruned(material, 0.5)


def to_three_quarters_pruned(material: Material) -> TechniqueResult:
    """The int8 graph, three quarters of whose weights are zero."""
    return _pruned(material, 0.75)


def _pruned(material: Material, sparsity: float) -> TechniqueResult:
    return trained_under(pruned_to(sparsity), material, stage=f"prune{sparsity:.0%}".rstrip("%"))
