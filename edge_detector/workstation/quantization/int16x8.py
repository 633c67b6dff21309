"""int16 activations with int8 weights: as accurate as float, and slow, for it has reference kernels only."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from edge_detector.workstation.graph import dequantize, repairs
from edge_detector.workstation.quantization import sections
from edge_detector.workstation.quantization.bias_correction import SAMPLES, correct_biases
from edge_detector.workstation.quantization.calibrated import Calibrated
from edge_detector.workstation.quantization.fidelity import signal_to_noise
from edge_detector.workstation.quantization.float_operators import chosen_operators
from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.operator_versions import INT16_VERSIONS, set_versions
from edge_detector.workstation.quantization.report import Section
from edge_detector.workstation.quantization.static import quantize_static, round_weights

SNR_SAMPLES = 2  # each takes seconds
# The kernels: tensorflow/lite/kernels/internal/reference/integer_ops, which no delegate replaces.
SLOW = "int16 activations run on the reference kernels: 25 to 45 times slower than float, measured on x86"


def to_int16x8(material: Material) -> TechniqueResult:
    """The graph with int16 activations and int8 weights, a scale per channel; input and outputs are float32.

    Raises `ConfigError` if the calibration photographs cannot be right.
    """
    floats = chosen_operators(material.source.graph, material.options.float_operators)
    return int16x8_of(Calibrated.of(material), floats)


def int16x8_of(calibrated: Calibrated, floats: Collection[str] = ()) -> TechniqueResult:
    """The graph with int16 activations, but for the operators whose outputs are `floats`."""
    repaired = calibrated.graph.copy()
    # The quantizer writes int64 biases but clips them to int32; and the scale of an int16 input is smaller.
    scales = {name: each.int16_scale() for name, each in calibrated.ranges.items()}
    dead = repairs.raise_dead_channels(repaired, scales, floats)
    # The loss is in the weights: biases can be corrected before the activations are rounded, so at the speed of float.
    dequantize.to_float(rounded := round_weights(repaired, floats), name="rounded weights")
    biases = correct_biases(calibrated.graph, rounded, calibrated.spread(SAMPLES), kind=np.float32)
    graph = quantize_static(rounded, calibrated.ranges, floats, activation_bits=16)
    set_versions(graph, INT16_VERSIONS)
    snr = signal_to_noise(calibrated.graph, graph, calibrated.first(SNR_SAMPLES))
    said = (
        sections.calibration(calibrated.summary),
        sections.dead_channels(dead),
        sections.biases(biases),
        sections.snr(snr),
        sections.kept_in_float(tuple(floats)),
        Section("speed", SLOW, (SLOW,)),
    )
    return TechniqueResult(graph, said)
