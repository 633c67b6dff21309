"""How the channels of activations vary, each and together, over photographs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.activations import Activations
from edge_detector.workstation.data.images import InputTensors
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.progress import progress

MOST_PLACES = 2000  # of a photograph, evenly spread: neighbours tell little that is new
LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMoments:
    """The mean of each channel, and of each product of two, over places and photographs."""

    means: NDArray[np.float64]  # (C,)
    products: NDArray[np.float64]  # (C, C)

    @classmethod
    def of(cls, values: NDArray[Any]) -> ChannelMoments:
        """Of one photograph's values (1, H, W, C) or (1, C)."""
        rows = values.reshape(-1, values.shape[-1])
        rows = rows[:: len(rows) // MOST_PLACES | 1]  # odd: an even step would see the same few columns in each row
        return cls(rows.mean(axis=0, dtype=np.float64), (rows.T @ rows / len(rows)).astype(np.float64))

    def covariance(self, damping: float) -> NDArray[np.float64]:
        """(C, C), with `damping` of the mean variance on its diagonal: channels that are the same have no inverse."""
        found = self.products - np.outer(self.means, self.means)
        found += np.eye(len(found)) * (damping * found.trace() / len(found) + LEAST_VARIANCE)
        return found


def mean_of(moments: Sequence[ChannelMoments]) -> ChannelMoments:
    """The moments over all that these are of."""
    means, products = (np.mean([*each], axis=0) for each in zip(*((m.means, m.products) for m in moments), strict=True))
    return ChannelMoments(means, products)


def channel_moments(
    graph: TFLiteGraph, names: Collection[str], tensors: InputTensors | Iterable[Any]
) -> dict[str, ChannelMoments]:
    """The moments of the activations with these names over the photographs `tensors`."""
    activations = Activations(graph.to_bytes())
    found: dict[str, ChannelMoments] = {}
    for count, tensor in enumerate(progress(tensors, "measuring channels"), start=1):
        activations.run(tensor)
        for name in names:
            found[name] = _updated(found.get(name), ChannelMoments.of(activations[name]), count)
    return found


def _updated(before: ChannelMoments | None, one: ChannelMoments, count: int) -> ChannelMoments:
    """The mean of `count` photographs' moments, of which `one` is the last."""
    if before is None:
        return one
    part = 1 / count
    return ChannelMoments(
        before.means + part * (one.means - before.means), before.products + part * (one.products - before.products)
    )
