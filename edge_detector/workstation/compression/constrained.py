"""Training under a constraint of the weights, then int8: what pruning and clustering share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge_detector.workstation.compression.int8_result import finished_in_int8
from edge_detector.workstation.compression.towards_source import train_towards_source
from edge_detector.workstation.compression.training_data import read_training_data
from edge_detector.workstation.compression.weights import compressible, weight_statistics
from edge_detector.workstation.quantization.material import Material, TechniqueResult


def trained_under(constraint: Any, material: Material, *, stage: str, few_values: bool = False) -> TechniqueResult:
    """The int8 graph of the source, trained under the `constraint`, with what its weights are like then.

    `few_values`: the constraint leaves a layer few different weights.
    """
    data = read_training_data(material)
    tuned = train_towards_source(material, data, constraint=constraint, stage=stage)
    result = finished_in_int8(material, tuned.graph, few_values=few_values)
    found = weight_statistics(result.graph, compressible(material.source.graph))
    return replace(result, sections=(*result.sections, tuned.section(data), found.section()))
