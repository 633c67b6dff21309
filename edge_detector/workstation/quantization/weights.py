"""A third of the size: int8 weights that become float when the model is loaded."""

from __future__ import annotations

from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.static import round_weights

# TensorFlow's converter leaves smaller ones as they are, too: they are most sensitive, and hardly count in the file.
LEAST_NUMBERS = 1024


def to_weights(material: Material) -> TechniqueResult:
    """The graph with int8 weights, a scale per channel; all arithmetic is float."""
    return TechniqueResult(round_weights(material.source.graph, least=LEAST_NUMBERS))
