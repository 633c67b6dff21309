"""Validation: how good a graph is on the held-out photographs, measured on the file made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import Manifest, ScoreSpec
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics
from edge_detector.workstation.evaluation.measurement import Evaluation, measure_models
from edge_detector.workstation.graph import repairs
from edge_detector.workstation.graph.float_source import FloatSource
from edge_detector.workstation.graph.model_files import write_model
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

ENOUGH_OBJECTS = 10  # of a class on the held-out photographs; with fewer, its average precision is mostly chance
THREADS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Validator:
    """Writes graphs as the .tflite that users would get, and measures them on the held-out photographs."""

    manifest: Manifest
    anchors: NDArray[np.float32] | None
    labels: Path
    held_out: Annotations

    @classmethod
    def of(cls, source: FloatSource, labels: Path, held_out: Annotations) -> Validator:
        """For graphs made of the source, with other classes; what was measured of the source says nothing of them."""
        decode = replace(source.manifest.decode_as(SsdDecode), background=False)
        manifest = replace(source.manifest, class_count=0, decode=decode, metrics={}, scores=ScoreSpec(), sha256="")
        return cls(manifest, source.anchors, labels, held_out)

    def mean_ap(self, graph: TFLiteGraph) -> float:
        """Mean average precision over the classes with `ENOUGH_OBJECTS`; over all if no class has so many."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            self.write(graph, path)
            (result,) = self.measure(path)
        return mean_ap_of(result.metrics.classes)

    def measure(self, *models: Path) -> list[Evaluation]:
        """The models in these files."""
        return measure_models([Config(model=path, threads=THREADS) for path in models], self.held_out)

    def write(self, graph: TFLiteGraph, path: Path) -> None:
        """Write the graph as a float .tflite, and its manifest beside it."""
        repairs.remove_unused(graph)  # the weights from before the training
        write_model(path, graph, self.manifest, anchors=self.anchors, labels=self.labels)


def mean_ap_of(classes: Sequence[ClassMetrics]) -> float:
    """The mean over the classes with `ENOUGH_OBJECTS`; over all if no class has so many."""
    return float(
        np.mean([each.ap for each in classes if each.truths >= ENOUGH_OBJECTS] or [each.ap for each in classes])
    )
