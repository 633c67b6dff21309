"""Pruning, then clustering that keeps the zeros, with activations rounded: all that makes a file small at once."""

from __future__ import annotations

from dataclasses import replace

from edge_detector.workstation.compression.clustering import clustered_in
from edge_detector.workstation.compression.int8_result import finished_in_int8, source_ranges
from edge_detector.workstation.compression.pruning import pruned_to
from edge_detector.workstation.compression.towards_source import plan_of, train_towards_source
from edge_detector.workstation.compression.training_data import read_training_data
from edge_detector.workstation.compression.weights import compressible, weight_statistics
from edge_detector.workstation.quantization.material import Material, TechniqueResult

SPARSITY, VALUES = 0.5, 16


def to_pruned_clustered_qat(material: Material) -> TechniqueResult:
    """The int8 graph, half of whose weights are zero, with at most 16 different ones in a layer."""
    data = read_training_data(material)
    plan = plan_of(material.options, part=0.5)
    pruned = train_towards_source(material, data, constraint=pruned_to(SPARSITY, material), plan=plan, stage="prune")
    ranges = source_ranges(material)
    constraint = clustered_in(VALUES, material, keep_zeros=True)
    tuned = train_towards_source(
        material, data, start=pruned.graph, ranges=ranges, constraint=constraint, plan=plan, stage="cluster"
    )
    result = finished_in_int8(material, tuned.graph, ranges, trained_rounded=True, few_values=True)
    found = weight_statistics(result.graph, compressible(material.source.graph))
    said = (replace(pruned.section(data), key="pruning"), tuned.section(data), found.section())
    return replace(result, sections=(*result.sections, *said))
