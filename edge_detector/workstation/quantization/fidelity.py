"""How near each tensor of the quantized graph is to that of the float graph, on the same photographs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ai_edge_quantizer.model_validator import compare_model
from ai_edge_quantizer.utils.validation_utils import ValidationErrorMetric
from numpy.typing import NDArray

from edge_detector.workstation.graph.tflite_graph import SIGNATURE, TFLiteGraph

SUSPICIOUS_DB = 20.0  # tensors below it are worth a look
NAMED_WORST = 10


@dataclass(frozen=True, slots=True)
class TensorSnr:
    """The signal to noise ratio of one tensor: at 20 dB the amplitude of the noise is a tenth of the signal's."""

    tensor: str
    db: float


def signal_to_noise(
    reference: TFLiteGraph, quantized: TFLiteGraph, samples: Sequence[NDArray[Any]]
) -> tuple[TensorSnr, ...]:
    """The signal to noise ratio of every activation both graphs have, worst first.

    `samples`: input tensors of `reference`, which must have the names that `quantized` has.
    """
    name = reference.name(reference.inputs[0])
    data = {SIGNATURE: [{name: sample} for sample in samples]}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*experimental_preserve_all_tensors", category=UserWarning)
        compared = compare_model(
            reference.to_bytes(), quantized.to_bytes(), data, [ValidationErrorMetric.SNR], num_threads=2
        )
    result = compared.get_signature_comparison_result(SIGNATURE)
    ratios = {**result.intermediate_tensors, **result.output_tensors}
    key = ValidationErrorMetric.SNR.value
    return tuple(
        sorted(
            (TensorSnr(tensor, round(_decibel(values[key]), 2)) for tensor, values in ratios.items()),
            key=lambda snr: snr.db,
        )
    )


def _decibel(power_ratio: float) -> float:
    return 10 * math.log10(max(power_ratio, 1e-12))
