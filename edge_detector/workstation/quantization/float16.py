"""Half of the size, and nearly nothing lost: float16 weights."""

from __future__ import annotations

from ai_edge_quantizer import quantizer
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.qtyping import (
    ComputePrecision,
    OpQuantizationConfig,
    TensorDataType,
    TensorQuantizationConfig,
    TFLOperationName,
)

from edge_detector.workstation.quantization.ai_edge import quantized_by
from edge_detector.workstation.quantization.material import Material, TechniqueResult

FLOAT16_WEIGHTS = OpQuantizationConfig(
    weight_tensor_config=TensorQuantizationConfig(num_bits=16, dtype=TensorDataType.FLOAT),
    compute_precision=ComputePrecision.FLOAT,
    explicit_dequantize=True,
)


def to_float16(material: Material) -> TechniqueResult:
    """The graph with float16 weights, which become float32 when it is loaded."""
    engine = quantizer.Quantizer(material.source.graph.to_bytes())
    engine.update_quantization_recipe(
        ".*", TFLOperationName.ALL_SUPPORTED, FLOAT16_WEIGHTS, algorithm_key=AlgorithmName.FLOAT_CASTING
    )
    return TechniqueResult(quantized_by(engine))
