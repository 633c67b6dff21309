"""Fewer classes for a detector's file: some of its labels, with the same boxes and scores, bit for bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect.detector import load_manifest
from edge_detector.detect.heads.ssd import SsdDecode, anchors_of
from edge_detector.detect.heads.yolo import BOX_COLUMNS, JOINED_ROLES, YoloDecode
from edge_detector.detect.labels import read_labels
from edge_detector.detect.manifest import Manifest
from edge_detector.errors import ConfigError, ModelError
from edge_detector.registry import unknown
from edge_detector.workstation.graph.class_channels import select_columns
from edge_detector.workstation.graph.model_files import make_folder, write_model, writing
from edge_detector.workstation.graph.repairs import remove_unused
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph


def keep_classes(model: Path, classes: Sequence[str], *, output: Path, labels: Path | None = None) -> tuple[str, ...]:
    """Write the model with these classes only, in this order, with manifest and label file beside it; the labels.

    ``labels``: the label file of a model whose manifest names none. Boxes and scores of the classes stay as they are,
    bit for bit. Raises `ConfigError` for a class that the model does not know, `ModelError` for a model whose classes
    cannot be taken apart, `SinkError` if the output cannot be written.
    """
    manifest = load_manifest(model, Config())
    graph = TFLiteGraph.load(model)
    tensor, axis, first = _classes_of(manifest, graph)
    known = _known_labels(manifest, labels, graph.shape(tensor)[axis] - first)
    kept = class_ids(classes, known)
    _check_output(output, model, labels or manifest.folder / manifest.labels)
    smaller = select_columns(graph, tensor, axis, [*range(first), *(first + class_id for class_id in kept)])
    remove_unused(smaller)
    smaller.write_signature()
    names = tuple(known[class_id] for class_id in kept)
    make_folder(output.parent)
    with writing(label_file := output.with_suffix(".txt")):
        label_file.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    write_model(output, smaller, _manifest_for(manifest, len(names)), anchors=_anchors(manifest), labels=label_file)
    return names


def _classes_of(manifest: Manifest, graph: TFLiteGraph) -> tuple[int, int, int]:
    """The output tensor with the class scores, its axis that counts them, and how many other columns come first."""
    decode = manifest.decode
    if isinstance(decode, SsdDecode) and decode.kind == "raw":
        return _output(graph, manifest, "scores"), 2, int(decode.background)
    if isinstance(decode, YoloDecode) and set(JOINED_ROLES) <= manifest.outputs.keys():
        tensor = _output(graph, manifest, *JOINED_ROLES)
        _, rows, columns = graph.shape(tensor)
        return tensor, 1 if rows < columns else 2, BOX_COLUMNS + int(decode.objectness)
    if isinstance(decode, YoloDecode):
        return _output(graph, manifest, "scores"), 2, 0
    raise ModelError(
        f"{manifest.name}: classes can be taken out of raw SSD and YOLO heads, not out of {manifest.family!r} of the "
        f"kind {decode.kind!r}; 'edge-detector convert' cuts a fused operator off a float model"
    )


def _output(graph: TFLiteGraph, manifest: Manifest, role: str) -> int:
    """The output tensor of the role. Raises `ModelError` for one that is not there, or not of the shape (1, N, M)."""
    name = manifest.outputs[role]
    found = [index for index in graph.outputs if graph.name(index) == name and len(graph.shape(index)) == 3]
    if not found:
        outputs = ", ".join(f"{graph.name(index)} {graph.shape(index)}" for index in graph.outputs)
        raise ModelError(f"{manifest.name}: no output {name!r} (1, N, M) for the role {role!r}; it has {outputs}")
    return found[0]


def _known_labels(manifest: Manifest, labels: Path | None, class_count: int) -> tuple[str, ...]:
    path = labels or (manifest.folder / manifest.labels if manifest.labels else None)
    if path is None:
        raise ConfigError(f"{manifest.name}: no labels; say --labels FILE, one label a line")
    return read_labels(path, class_count=class_count)


def class_ids(classes: Sequence[str], known: tuple[str, ...]) -> list[int]:
    """The class of each name. Raises `ConfigError` for names that are unknown, empty or there twice."""
    names = [name.strip() for name in classes]
    strangers = [name for name in names if name not in known]
    if strangers:
        raise ConfigError("; ".join(unknown("class", name, set(known)) for name in strangers))
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ConfigError(f"--classes: {twice[0]!r} is there twice; expected each class once")
    return [known.index(name) for name in names]


def _check_output(output: Path, model: Path, labels: Path) -> None:
    if output.suffix != ".tflite":
        raise ConfigError(f"--output {output}: expected a name that ends in .tflite")
    for taken in (model, labels):
        if taken.resolve() in (output.resolve(), output.with_suffix(".txt").resolve()):
            raise ConfigError(f"--output {output}: {taken} would be overwritten; expected another name")


def _manifest_for(manifest: Manifest, class_count: int) -> Manifest:
    """What was measured was the mean over other classes."""
    return replace(manifest, class_count=class_count if manifest.class_count else 0, metrics={})


def _anchors(manifest: Manifest) -> NDArray[np.float32] | None:
    decode = manifest.decode
    in_a_file = isinstance(decode, SsdDecode) and decode.anchors is not None and decode.anchors.file
    return anchors_of(manifest) if in_a_file else None
