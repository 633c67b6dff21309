"""Graphs that a technique wants to measure, as the files that users would get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from edge_detector.workstation.graph.float_source import output_places, with_outputs
from edge_detector.workstation.graph.model_files import write_model
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.material import Material


@contextmanager
def written_models(material: Material, graphs: Sequence[TFLiteGraph]) -> Iterator[list[Path]]:
    """A file for each graph, until the end of the `with`.

    The graphs have the outputs of the source, in the same order, under names that may be others.
    """
    source = material.source
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.tflite" for number in range(len(graphs))]
        for path, graph in zip(paths, graphs, strict=True):
            manifest = with_outputs(source.manifest, graph, output_places(source))
            write_model(path, graph, manifest, anchors=source.anchors, labels=material.labels)
        yield paths
