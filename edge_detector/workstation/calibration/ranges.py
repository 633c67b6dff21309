"""Calibration: which range of values each activation takes on real photographs.

The float model runs on each photograph and keeps every intermediate tensor; one of four methods then chooses a range
for each tensor. minmax needs one pass. percentile, mse and kl clip rare extremes; they need a second pass, which counts
a histogram between the extremes of the first. The heads are not clipped, except for logits that are so far from 0 that
clipping does not change their probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.activations import Activations
from edge_detector.workstation.graph.heads import head_tensors, joined_tensors, probability_logits
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.progress import progress

BINS = 2048
PERCENTILE = 99.99  # 99.9 ruins a detector: the scores of objects are among the rarest values
INT8_STEPS = 255
INT16_MAX = 32767
# int8 probabilities go in steps of 1/256: a logit beyond these limits is a quarter of a step from 0 or from 1.
CERTAIN = math.log(1023)
LEAST_SHARE = 1e-9  # of all values, where a logarithm needs more than none
CLIPPINGS = np.linspace(0.3, 1.0, 71)  # fractions of the full range that the mse search tries


@dataclass(frozen=True, slots=True)
class Range:
    """The values a tensor takes, or is to be able to take."""

    minimum: float
    maximum: float

    def within(self, minimum: float, maximum: float) -> Range:
        """The part of this range that lies between two limits."""
        return Range(*(min(max(end, minimum), maximum) for end in (self.minimum, self.maximum)))

    def scale(self) -> float:
        """The int8 scale of this range, which always includes zero (zero padding must be exact)."""
        return max(max(self.maximum, 0.0) - min(self.minimum, 0.0), 1e-9) / INT8_STEPS

    def int16_scale(self) -> float:
        """The int16 scale of this range: its zero point is always 0."""
        return max(abs(self.minimum), abs(self.maximum), 1e-9) / INT16_MAX


@dataclass(frozen=True, slots=True, eq=False)
class ValueHistogram:
    """How often a tensor's values fell in each of `BINS` equal bins of its full range."""

    full: Range
    counts: NDArray[np.int64]  # (BINS,)

    def edges(self) -> NDArray[np.float64]:
        return np.linspace(self.full.minimum, self.full.maximum, BINS + 1)


Ranges = dict[str, Range]
Samples = Iterable[NDArray[Any]]  # (1, H, W, 3) each; can be iterated twice


def calibrate(graph: TFLiteGraph, samples: Samples, method: str) -> Ranges:
    """The range of every activation of a float graph over `samples` (its input tensors), by one of `METHODS`."""
    model = graph.to_bytes()
    full = observed_ranges(model, samples)
    chosen = _clipped(model, samples, full, METHODS[method])
    return chosen | head_ranges(graph, full)


def head_ranges(graph: TFLiteGraph, full: Ranges) -> Ranges:
    """The ranges of the heads: what was seen, and one range for all feature levels that are joined.

    Objects are in very few of the thousands of places of a feature map, so the values that matter are rare, and must
    not be clipped (this would cost 0.01 to 0.02 mAP). A feature level with its own scale would be rounded twice: the
    operator that joins the levels has the largest scale of all; with one scale for all, no operators are needed that
    convert between them.

    Logits are clipped: those of empty places reach -30, and would make the steps of the few that matter too large.
    Beyond `CERTAIN` they all become the same probability.
    """
    joined = {name: _union(full[each] for each in group) for group in joined_tensors(graph) for name in group}
    ranges = {name: full[name] for name in head_tensors(graph)} | joined
    logits = {name: ranges[name].within(-CERTAIN, CERTAIN) for name in probability_logits(graph)}
    return ranges | logits


def observed_ranges(model: bytes, samples: Samples) -> Ranges:
    """The smallest and the largest value of every activation over all samples."""
    ranges: Ranges = {}
    for name, value in _activations(model, samples):
        low, high = float(value.min()), float(value.max())
        seen = ranges.get(name, Range(low, high))
        ranges[name] = Range(min(low, seen.minimum), max(high, seen.maximum))
    return ranges


def histograms(model: bytes, samples: Samples, full: Ranges) -> dict[str, ValueHistogram]:
    """A histogram of every activation over all samples, between its extremes in `full`."""
    counts = {name: np.zeros(BINS, np.int64) for name in full}
    for name, value in _activations(model, samples):
        counts[name] += _count(value, full[name])
    return {name: ValueHistogram(full[name], count) for name, count in counts.items()}


def percentile_range(histogram: ValueHistogram, percentile: float = PERCENTILE) -> Range:
    """The range that holds the middle `percentile` per cent of the values."""
    cumulative = np.cumsum(histogram.counts) / histogram.counts.sum()
    tail = (1 - percentile / 100) / 2
    edges = histogram.edges()
    low = edges[np.searchsorted(cumulative, tail, side="right")]
    high = edges[np.searchsorted(cumulative, 1 - tail) + 1]
    return Range(float(low), float(high))


def mse_range(histogram: ValueHistogram) -> Range:
    """The clipping of the full range with the least squared error of rounding and clipping together."""
    candidates = [Range(histogram.full.minimum * c, histogram.full.maximum * c) for c in CLIPPINGS]
    return min(candidates, key=lambda candidate: _squared_error(histogram, candidate))


def kl_range(histogram: ValueHistogram) -> Range:
    """The clipping of the full range that loses the least information, by Kullback and Leibler's divergence.

    The method of TensorRT (Migacz 2017, "8-bit Inference with TensorRT"), for int8 with a zero point. Values of zero
    do not count, as there: they are exact with any scale, and half of all values behind a ReLU.
    """
    counts = histogram.counts.copy()
    counts[np.clip(np.searchsorted(histogram.edges(), 0.0, side="right") - 1, 0, BINS - 1)] = 0
    if not counts.any():
        return histogram.full
    candidates = [Range(histogram.full.minimum * c, histogram.full.maximum * c) for c in CLIPPINGS]
    return min(candidates, key=lambda candidate: _divergence(counts, *_bins_within(histogram, candidate)))


METHODS: dict[str, Callable[[ValueHistogram], Range] | None] = {
    "minmax": None,
    "percentile": percentile_range,
    "mse": mse_range,
    "kl": kl_range,
}


def _clipped(model: bytes, samples: Samples, full: Ranges, choose: Callable[[ValueHistogram], Range] | None) -> Ranges:
    if choose is None:
        return full
    return {name: choose(each) for name, each in histograms(model, samples, full).items()}


def _union(ranges: Iterable[Range]) -> Range:
    ranges = list(ranges)
    return Range(min(each.minimum for each in ranges), max(each.maximum for each in ranges))


def _activations(model: bytes, samples: Samples) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """(name, value) of every activation, input and outputs included, sample after sample."""
    activations = Activations(model)
    for sample in progress(samples, "calibrating"):
        activations.run(sample)
        for name in activations.names():
            yield name, activations[name]


def _count(value: NDArray[Any], full: Range) -> NDArray[np.int64]:
    width = max(full.maximum - full.minimum, 1e-12)
    bins = ((value.ravel() - full.minimum) * (BINS / width)).astype(np.int32)
    return np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS)


def _bins_within(histogram: ValueHistogram, candidate: Range) -> tuple[int, int]:
    """The first bin of the candidate range, and the one after its last."""
    edges = histogram.edges()
    first = np.clip(np.searchsorted(edges, candidate.minimum, side="right") - 1, 0, BINS - 1)
    end = np.clip(np.searchsorted(edges, candidate.maximum, side="left"), first + 1, BINS)
    return int(first), int(end)


def _divergence(counts: NDArray[np.int64], first: int, end: int) -> float:
    """The information lost if the bins from `first` to `end` share `INT8_STEPS` levels and the others are clipped."""
    inside = counts[first:end].astype(np.float64)
    clipped = inside.copy()
    clipped[0] += counts[:first].sum()
    clipped[-1] += counts[end:].sum()
    levels = np.arange(len(inside)) * INT8_STEPS // len(inside)
    used = inside > 0
    shares = np.bincount(levels, inside) / np.maximum(np.bincount(levels, used), 1)
    rounded = np.where(used, shares[levels], 0.0)
    present = clipped > 0
    p, q = clipped / clipped.sum(), np.maximum(rounded / max(rounded.sum(), 1.0), LEAST_SHARE)
    return float(np.sum(p[present] * np.log(p[present] / q[present])))


def _squared_error(histogram: ValueHistogram, candidate: Range) -> float:
    """The summed squared error of the bin centres, each quantized to 8 bits in the candidate range."""
    edges = histogram.edges()
    centres = (edges[:-1] + edges[1:]) / 2
    scale = candidate.scale()
    low = min(candidate.minimum, 0.0)
    steps = np.clip(np.round((centres - low) / scale), 0, INT8_STEPS)
    return float(np.sum(histogram.counts * (centres - (low + steps * scale)) ** 2))
