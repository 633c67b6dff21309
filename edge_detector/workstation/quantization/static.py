"""What several techniques let the AI Edge Quantizer do: round weights alone, or activations too, by known ranges."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ai_edge_quantizer import quantizer
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import (
    ComputePrecision,
    OpQuantizationConfig,
    QuantGranularity,
    TensorQuantizationConfig,
    TFLOperationName,
)

from edge_detector.workstation.calibration.ranges import Ranges
from edge_detector.workstation.graph import postprocess_op
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization import ai_edge
from edge_detector.workstation.quantization.float_operators import keep_float
from edge_detector.workstation.quantization.quantize_operators import drop_needless

WEIGHT_BITS = 8
INT8_WEIGHTS = OpQuantizationConfig(
    weight_tensor_config=TensorQuantizationConfig(num_bits=WEIGHT_BITS, granularity=QuantGranularity.CHANNELWISE),
    compute_precision=ComputePrecision.FLOAT,
    explicit_dequantize=True,
)


def quantize_static(
    graph: TFLiteGraph,
    ranges: Ranges,
    floats: Collection[str] = (),
    *,
    activation_bits: int = 8,
    per_channel: bool = True,
) -> TFLiteGraph:
    """The graph with int8 weights, and int8 or int16 activations.

    `ranges` has every activation, by name. Operators whose outputs are `floats` stay float, and so do the outputs of a
    fused operator, as it writes them. With int16 activations, input and outputs are float32: nobody feeds int16 pixels.
    """
    engine = quantizer.Quantizer(graph.to_bytes())
    engine.add_static_config(
        ".*",
        TFLOperationName.ALL_SUPPORTED,
        activation_bits,
        WEIGHT_BITS,
        QuantGranularity.CHANNELWISE if per_channel else QuantGranularity.TENSORWISE,
    )
    ends = [TFLOperationName.INPUT, TFLOperationName.OUTPUT] if activation_bits == 16 else []
    if postprocess_op.find_postprocess(graph) is not None:
        ends.append(TFLOperationName.OUTPUT)
    for end in ends:
        engine.update_quantization_recipe(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    keep_float(engine, graph, floats)
    result = ai_edge.quantized_by(engine, ai_edge.statistics(graph, ranges))
    drop_needless(result)
    _name_outputs(result, [graph.name(index) for index in graph.outputs])
    return result


def round_weights(graph: TFLiteGraph, floats: Collection[str] = (), *, least: int = 0) -> TFLiteGraph:
    """The graph with int8 weights, a scale per channel, each followed by a DEQUANTIZE: all arithmetic is float.

    `floats`: the outputs of operators that keep their weights. `least`: so do weights with fewer numbers than that.
    """
    engine = quantizer.Quantizer(graph.to_bytes())
    config = replace(INT8_WEIGHTS, min_weight_elements=least)
    engine.update_quantization_recipe(".*", TFLOperationName.ALL_SUPPORTED, config)
    keep_float(engine, graph, floats)
    return ai_edge.quantized_by(engine)


def _name_outputs(graph: TFLiteGraph, names: Sequence[str]) -> None:
    """Give the outputs these names, which tensors before a last conversion may have."""
    for index, name in zip(graph.outputs, names, strict=True):
        for other in (each for each in range(len(graph.tensors)) if graph.name(each) == name != graph.name(index)):
            graph.rename(other, f"{name}_stored")
        graph.rename(index, name)
    graph.write_signature()
