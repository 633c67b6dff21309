"""Weights that become zero, or one of few values, whose loss the others of their layer make up for by least squares.

Frantar and Alistarh 2023, "SparseGPT", algorithm 1, and Frantar et al. 2023, "GPTQ", after Hassibi and Stork 1993,
"Optimal Brain Surgeon". Of the mAP 0.278 of the SSD MobileNetV2 FPNLite, without any training, half of the weights zero
leave 0.176 this way, and 16 values a layer 0.275. The smallest weights zero, and each weight at the nearest value, with
the others as they were, leave 0.023 and 0.131.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.channel_moments import ChannelMoments, channel_moments, mean_of
from edge_detector.workstation.compression.weights import CompressedLayer, compressible, is_pointwise
from edge_detector.workstation.data.images import InputTensors, spread
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.material import Material

Variable = Any
Choose = Callable[
    [int, NDArray[np.float64]], NDArray[np.float64]
]  # input channel, its weights (out,) -> what they become

DAMPING = 0.01  # of the mean variance of the inputs
BLOCK = 64  # input channels, among whose weights the least important are chosen at a time
LEAST = 1e-12
SAMPLES = 32  # photographs that show what each weight does


class LeastSquares:
    """A pointwise convolution whose weights change, while its outputs stay as near as they can to what they were."""

    def __init__(self, kernel: Variable, bias: Variable, moments: ChannelMoments) -> None:
        """`kernel`: (1, 1, in, out); `bias`: (out,); `moments`: of its inputs."""
        self.kernel, self._bias, self._means = kernel, bias, moments.means
        self._covariance = moments.covariance(DAMPING)
        self._factor = upper_factor(self._covariance)

    def zero(self, sparsity: float) -> None:
        """Make that part of the weights zero."""
        before = self._weights()
        self._replace(before, zeroed(before, self._covariance, self._factor, sparsity))

    def round(self, choose: Choose) -> None:
        """Give each weight the value that `choose` says."""
        before = self._weights()
        self._replace(before, rounded(before, self._factor, choose))

    def _weights(self) -> NDArray[np.float64]:
        """(out, in)."""
        weights: NDArray[np.float64] = self.kernel.numpy()[0, 0].T.astype(np.float64)
        return weights

    def _replace(self, before: NDArray[np.float64], after: NDArray[np.float64]) -> None:
        self.kernel.assign(after.T[None, None].astype(np.float32))
        self._bias.assign_add(((before - after) @ self._means).astype(np.float32))


def upper_factor(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse is its transpose times it: row i tells how the channels after i stand in for the channel i."""
    factor: NDArray[np.float64] = np.linalg.cholesky(np.linalg.inv(covariance)).T
    return factor


def zeroed(
    weights: NDArray[np.float64], covariance: NDArray[np.float64], factor: NDArray[np.float64], sparsity: float
) -> NDArray[np.float64]:
    """The weights (out, in) with the part `sparsity` of them zero, and the others changed to make up for it.

    A weight matters as much as its loss changes its output channel, in units of how that channel varies.
    """
    left, pivots = weights.copy(), np.diag(factor)
    variances = np.einsum("oc,cd,od->o", weights, covariance, weights)
    sizes = np.sqrt(np.maximum(variances, LEAST))[:, np.newaxis]
    for first in range(0, left.shape[1], BLOCK):
        block = slice(first, first + BLOCK)
        gone = _smallest((left[:, block] / sizes / pivots[block]) ** 2, sparsity)
        for column, rows in enumerate(gone.T, start=first):
            lost = np.where(rows, left[:, column], 0.0) / pivots[column]
            left[:, column:] -= np.outer(lost, factor[column, column:])
            left[rows, column] = 0.0  # exactly
    return left


def rounded(weights: NDArray[np.float64], factor: NDArray[np.float64], choose: Choose) -> NDArray[np.float64]:
    """The weights (out, in) as `choose` says of each input channel, which sees what the channels before left to it."""
    left, pivots = weights.copy(), np.diag(factor)
    for column in range(left.shape[1]):
        chosen = choose(column, left[:, column])
        lost = (left[:, column] - chosen) / pivots[column]
        left[:, column:] -= np.outer(lost, factor[column, column:])
        left[:, column] = chosen  # exactly
    return left


def _smallest(costs: NDArray[np.float64], part: float) -> NDArray[np.bool_]:
    chosen = np.zeros(costs.size, np.bool_)
    chosen[np.argsort(costs, axis=None)[: round(part * costs.size)]] = True
    return chosen.reshape(costs.shape)


def measure_inputs(material: Material) -> dict[str, ChannelMoments]:
    """How the inputs of each pointwise layer to compress vary on calibration photographs, by the name of its output."""
    files = spread(material.calibration_images(), SAMPLES)
    return input_moments(material.source.graph, InputTensors(files, material.source.manifest.input))


def input_moments(graph: TFLiteGraph, tensors: InputTensors) -> dict[str, ChannelMoments]:
    """As `measure_inputs`, of a graph on `tensors`."""
    names = set(compressible(graph))
    inputs = {
        graph.name(int(operator.outputs[0])): graph.name(int(operator.inputs[0]))
        for operator in graph.operators
        if graph.name(int(operator.outputs[0])) in names and is_pointwise(graph, operator)
    }
    found = channel_moments(graph, set(inputs.values()), tensors)
    return {output: found[name] for output, name in inputs.items()}


def least_squares_of(layer: CompressedLayer, moments: Mapping[str, ChannelMoments]) -> LeastSquares | None:
    """None for a layer that is no pointwise convolution, or has no bias."""
    known = [moments[name] for name in layer.outputs if name in moments]
    return LeastSquares(layer.kernel, layer.bias, mean_of(known)) if known and layer.bias is not None else None
