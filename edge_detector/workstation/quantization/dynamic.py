"""Dynamic range: int8 weights, float activations."""

from __future__ import annotations

from ai_edge_quantizer import quantizer, recipe

from edge_detector.workstation.quantization.ai_edge import quantized_by
from edge_detector.workstation.quantization.material import Material, TechniqueResult


def to_dynamic(material: Material) -> TechniqueResult:
    """The graph with int8 weights, a scale per channel; activations stay float."""
    engine = quantizer.Quantizer(material.source.graph.to_bytes(), recipe.dynamic_wi8_afp32())
    return TechniqueResult(quantized_by(engine))
