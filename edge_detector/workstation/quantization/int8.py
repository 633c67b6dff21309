"""Full int8, with what it cost: check, ranges, dead channels, rounding, bias correction, comparison with float."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice

from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import TFLOperationName

from edge_detector.workstation.calibration.ranges import Ranges
from edge_detector.workstation.data.images import InputTensors, spread
from edge_detector.workstation.graph import postprocess_op, repairs
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization import ai_edge, sections
from edge_detector.workstation.quantization.bias_correction import correct_biases
from edge_detector.workstation.quantization.calibrated import activation_ranges, check_photographs
from edge_detector.workstation.quantization.fidelity import signal_to_noise
from edge_detector.workstation.quantization.float_operators import chosen_operators, keep_float
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.operator_versions import INT8_VERSIONS, set_versions
from edge_detector.workstation.quantization.quantize_operators import drop_needless, set_input_type

SNR_SAMPLES = 4
BIAS_SAMPLES = 32  # four times as many give biases that are no better by any measure


def to_int8(material: Material) -> TechniqueResult:
    """The int8 graph. Raises `ConfigError` if the calibration photographs cannot be right."""
    reference, spec = material.source.graph, material.source.manifest.input
    floats = chosen_operators(reference, material.options.float_operators)
    tensors = InputTensors(material.calibration_images(), spec)
    summary = check_photographs(material, tensors)
    ranges = activation_ranges(material, tensors)
    repaired = reference.copy()
    dead = repairs.raise_dead_channels(repaired, {name: each.scale() for name, each in ranges.items()}, floats)
    graph = quantize_graph(repaired, ranges, floats)
    samples = InputTensors(spread(tensors.paths, BIAS_SAMPLES), spec)
    biases = correct_biases(reference, graph, [tensor.copy() for tensor in samples])
    snr = signal_to_noise(reference, graph, [tensor.copy() for tensor in islice(tensors, SNR_SAMPLES)])
    set_input_type(graph, material.input_type)
    said = (sections.calibration(summary), sections.dead_channels(dead), sections.biases(biases), sections.snr(snr))
    return TechniqueResult(graph, (*said, sections.kept_in_float(floats)))


def quantize_graph(graph: TFLiteGraph, ranges: Ranges, floats: Collection[str] = ()) -> TFLiteGraph:
    """The graph with int8 weights (a scale per channel), activations, input and outputs.

    `ranges` has every activation, by name. Operators whose outputs are `floats` stay float, and so do the outputs of a
    fused operator, as it writes them.
    """
    engine = quantizer.Quantizer(graph.to_bytes(), recipe.static_wi8_ai8())
    if postprocess_op.find_postprocess(graph) is not None:
        engine.update_quantization_recipe(".*", TFLOperationName.OUTPUT, algorithm_key=AlgorithmName.NO_QUANTIZE)
    keep_float(engine, graph, floats)
    result = ai_edge.quantized_by(engine, ai_edge.statistics(graph, ranges))
    drop_needless(result)
    set_versions(result, INT8_VERSIONS)
    return result
