"""How good a result is on the photographs held out, measured on the file that users would get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_detector.config import Config
from edge_detector.workstation.classification.measurement import measure_classifiers
from edge_detector.workstation.classification.pictures import LabelledPicture
from edge_detector.workstation.data.coco import Annotations, Matching
from edge_detector.workstation.evaluation.measurement import mean_average_precisions
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.quantization.written_models import written_models

THREADS = 2


class HeldOut(Protocol):
    """Photographs of which the truth is known, and which nothing was trained on."""

    @property
    def figure(self) -> str:
        """What is measured on them, such as "mAP"."""

    @property
    def files(self) -> tuple[Path, ...]: ...

    def measure(self, configs: Sequence[Config]) -> list[float]:
        """The figure of each model; none where it means nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutObjects:
    """Photographs with annotated objects, for detectors."""

    annotations: Annotations
    matching: Matching | None  # of labels and categories; None where none match: average precision means nothing there
    figure: str = "mAP"

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(file for _, file in self.annotations.images)

    def measure(self, configs: Sequence[Config]) -> list[float]:
        """The mean average precision of each."""
        return [] if self.matching is None else mean_average_precisions(configs, self.annotations)


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutPictures:
    """Pictures of known classes, for classifiers."""

    pictures: tuple[LabelledPicture, ...]
    named: bool  # whether the model's classes have names to tell them by
    figure: str = "top-1"

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(each.path for each in self.pictures)

    def measure(self, configs: Sequence[Config]) -> list[float]:
        """The share of the pictures whose class is the first guess of each."""
        return [each.top1.value for each in measure_classifiers(configs, self.pictures)] if self.named else []


def accuracies(material: Material, graphs: Sequence[TFLiteGraph], held_out: HeldOut) -> list[float]:
    """The figure of each graph on the photographs held out; none where it means nothing."""
    with written_models(material, graphs) as paths:
        return held_out.measure([Config(model=path, threads=THREADS) for path in paths])
