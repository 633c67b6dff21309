"""What a technique is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_detector.errors import ModelError
from edge_detector.workstation.calibration.ranges import Ranges
from edge_detector.workstation.data.images import find_images, spread
from edge_detector.workstation.graph.float_source import FloatSource
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.report import Section
from edge_detector.workstation.quantization.techniques import Data, TechniqueOptions


class NotApplicable(ModelError):
    """A technique has nothing to change in this model; that is no fault of the model or the technique."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a technique works with."""

    source: FloatSource  # with unique tensor names; a technique changes a copy of its graph
    labels: Path | None = None  # the label file; None: the classes have no names
    input_type: str = "float32"  # of the model's input, one of the technique's own
    data: Mapping[Data, Path] = field(default_factory=dict)  # everything that the technique needs is there
    options: TechniqueOptions = field(default_factory=TechniqueOptions)
    ranges: Ranges | None = None  # of the activations, where they are known: by tensor name
    trained_rounded: bool = False  # with rounded activations: the biases are right for int8 as they are
    few_values: bool = False  # the weights of a layer have few different values, and must not get others
    checkpoints: Path | None = None  # a folder for what a training needs to go on after a stop

    def calibration_images(self) -> tuple[Path, ...]:
        """The calibration photographs, at most as many as `options` says.

        Raises `ConfigError` if there are none, or if files that the annotations name are missing.
        """
        return spread(find_images(self.data[Data.CALIBRATION]), self.options.samples)


@dataclass(frozen=True, slots=True)
class TechniqueResult:
    """The graph that a technique made, with the outputs of the source in the same order."""

    graph: TFLiteGraph
    sections: tuple[Section, ...] = ()  # what it adds to the report
    source: FloatSource | None = None  # where its input or its anchors changed: what the graph was made from
