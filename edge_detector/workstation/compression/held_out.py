"""How good a result is on the photographs held out, measured on the file that users would get."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from edge_detector.config import Config
from edge_detector.workstation.compression.training_data import TrainingData
from edge_detector.workstation.evaluation.measurement import measure_models
from edge_detector.workstation.graph.float_source import FloatSource, output_places, with_outputs
from edge_detector.workstation.graph.model_files import write_model
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.material import Material
from edge_detector.workstation.training.validator import mean_ap_of

THREADS = 2


def mean_aps(material: Material, graphs: list[TFLiteGraph], data: TrainingData) -> list[float]:
    """The mean average precision of each graph on the photographs held out; none where it means nothing."""
    if data.matching is None:
        return []
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.tflite" for number in range(len(graphs))]
        for path, graph in zip(paths, graphs, strict=True):
            _write(path, graph, material.source, material.labels)
        measured = measure_models([Config(model=path, threads=THREADS) for path in paths], data.held_out)
    return [mean_ap_of(one.metrics.classes) for one in measured]


def _write(path: Path, graph: TFLiteGraph, source: FloatSource, labels: Path | None) -> None:
    """The graph has the outputs of the source, in the same order, under names that may be others."""
    manifest = with_outputs(source.manifest, graph, output_places(source))
    write_model(path, graph, manifest, anchors=source.anchors, labels=labels)
