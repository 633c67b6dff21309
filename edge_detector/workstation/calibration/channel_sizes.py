"""How large the numbers get in each channel of an activation that becomes a SiLU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.activations import Activations
from edge_detector.workstation.calibration.ranges import SILENT
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph


def channel_sizes(
    graph: TFLiteGraph, samples: Iterable[NDArray[Any]], names: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """Activation -> (C,) the largest number of each channel; numbers below 0 count as far as their SiLU is not 0."""
    activations = Activations(graph.to_bytes())
    sizes: dict[str, NDArray[np.float64]] = {}
    for sample in samples:
        activations.run(sample)
        for name in names:
            values = activations[name].reshape(-1, activations[name].shape[-1])
            found = np.maximum(values.max(axis=0), np.minimum(-values.min(axis=0), SILENT)).astype(np.float64)
            sizes[name] = np.maximum(sizes.get(name, found), found)
    return sizes
