"""The AI Edge Quantizer, called with this project's ranges and without its own output."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import numpy as np

from edge_detector.workstation.calibration.ranges import Ranges
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

Statistics = dict[str, dict[str, Any]]  # activation -> {"min": array, "max": array}


def statistics(graph: TFLiteGraph, ranges: Ranges) -> Statistics:
    """The ranges as the quantizer wants them: arrays of one element with the tensor's rank."""
    ranks = {graph.name(index): len(graph.shape(index)) for index in range(len(graph.tensors))}
    return {
        name: {
            "min": np.full((1,) * ranks[name], each.minimum, np.float32),
            "max": np.full((1,) * ranks[name], each.maximum, np.float32),
        }
        for name, each in ranges.items()
    }


def quantized_by(engine: Any, measured: Statistics | None = None) -> TFLiteGraph:
    """The graph that an `ai_edge_quantizer.quantizer.Quantizer` makes; `measured` if it rounds activations too."""
    with _quietly():
        result = engine.quantize(measured, enable_progress_bar=False, enable_progress_report=False)
    return TFLiteGraph.from_bytes(bytes(result.quantized_model), name="quantized model")


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the quantizer's progress bar, and without its warnings of overflow, which the repairs prevent."""
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
