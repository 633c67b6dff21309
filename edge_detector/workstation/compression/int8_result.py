"""The last step of a technique that trains: full int8 of the graph that it trained."""

from __future__ import annotations

from dataclasses import replace

from edge_detector.workstation.calibration.ranges import Ranges
from edge_detector.workstation.data.images import InputTensors
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.calibrated import activation_ranges
from edge_detector.workstation.quantization.int8 import to_int8, to_int8_per_tensor
from edge_detector.workstation.quantization.material import Material, TechniqueResult


def source_ranges(material: Material) -> Ranges:
    """The range of every activation of the source on the calibration photographs."""
    return activation_ranges(material, InputTensors(material.calibration_images(), material.source.manifest.input))


def finished_in_int8(
    material: Material,
    graph: TFLiteGraph,
    ranges: Ranges | None = None,
    *,
    trained_rounded: bool = False,
    per_channel: bool = True,
    few_values: bool = False,
) -> TechniqueResult:
    """The graph in int8, with what that says.

    `ranges`: of its activations, where they are known. `trained_rounded`: it was trained with activations rounded in
    these ranges, and learnt what bias correction would change. Not `per_channel`: one scale for all weights
    of an operator. `few_values`: its layers have few different weights, and must not get others.
    """
    source = replace(material.source, graph=graph)
    rounded = to_int8 if per_channel else to_int8_per_tensor
    made_of = replace(material, source=source, ranges=ranges, trained_rounded=trained_rounded, few_values=few_values)
    return rounded(made_of)
