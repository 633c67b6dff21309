"""Static int8 with the AI Edge Quantizer, from ranges chosen beforehand."""

from __future__ import annotations

import numpy as np
from ai_edge_quantizer import quantizer, recipe

from edge_detector.workstation.calibration import Ranges
from edge_detector.workstation.tflite_graph import TFLiteGraph


def to_int8(graph: TFLiteGraph, ranges: Ranges) -> TFLiteGraph:
    """The graph with int8 weights (a scale per channel), activations, input and outputs."""
    engine = quantizer.Quantizer(graph.to_bytes(), recipe.static_wi8_ai8())
    statistics = {
        graph.name(index): {
            "min": np.full((1,) * len(graph.shape(index)), ranges[graph.name(index)].minimum, np.float32),
            "max": np.full((1,) * len(graph.shape(index)), ranges[graph.name(index)].maximum, np.float32),
        }
        for index in range(len(graph.tensors))
        if graph.name(index) in ranges
    }
    result = engine.quantize(statistics, enable_progress_bar=False, enable_progress_report=False)
    return TFLiteGraph.from_bytes(bytes(result.quantized_model), name="quantized model")
