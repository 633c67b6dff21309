"""The float graph itself, for comparison, and for runtimes that have no int8 operators."""

from __future__ import annotations

from edge_detector.workstation.quantization.material import Material, TechniqueResult
from edge_detector.workstation.quantization.operator_versions import FLOAT_VERSIONS, set_versions


def to_float32(material: Material) -> TechniqueResult:
    """The graph as it is, with the oldest operator versions that run it."""
    graph = material.source.graph.copy()
    set_versions(graph, FLOAT_VERSIONS)
    return TechniqueResult(graph)
