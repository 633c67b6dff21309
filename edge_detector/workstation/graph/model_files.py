"""A model on disk: NAME.tflite, NAME.toml and, where no generator gives them, NAME.anchors.npy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect import manifest as manifests
from edge_detector.detect.anchors import AnchorSpec
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import Decode, Manifest
from edge_detector.errors import SinkError
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

PARTIAL = ".partial"


def write_model(
    path: Path, graph: TFLiteGraph, manifest: Manifest, *, anchors: NDArray[np.float32] | None, labels: Path | None
) -> None:
    """Write the graph and the files that belong beside it; missing folders are made.

    `anchors` (A, 4) go to a file of their own; None if the manifest names a generator, or needs none.
    Raises `SinkError` if they cannot be written.
    """
    make_folder(path.parent)
    write_whole(path, graph.save)
    with writing(path):
        _write_beside(path, manifest, anchors, labels)


def make_folder(folder: Path) -> None:
    """Make the folder of an output. Raises `SinkError` if it cannot be made, or if files cannot be made in it."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """`write` the file to another name, which becomes `path` once it is complete: what was there stays until then.

    Raises `SinkError` that names the file, such as for a full disk.
    """
    partial = path.with_name(path.name + PARTIAL)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an `OSError` while `path` is written into a `SinkError` that names it."""
    try:
        yield
    except OSError as error:
        raise SinkError(f"{path}: cannot be written: {error.strerror}") from error


def _write_beside(path: Path, manifest: Manifest, anchors: NDArray[np.float32] | None, labels: Path | None) -> None:
    complete = replace(
        manifest,
        name=path.stem,
        decode=manifest.decode if anchors is None else _with_anchors_beside(path, manifest, anchors),
        labels="" if labels is None else _relative(labels, path.parent),
        sha256=manifests.sha256(path),
        folder=path.parent,
    )
    manifests.write(complete, manifests.manifest_path(path))


def _with_anchors_beside(path: Path, manifest: Manifest, anchors: NDArray[np.float32]) -> Decode:
    file = path.with_suffix(".anchors.npy")
    np.save(file, anchors)
    return replace(manifest.decode_as(SsdDecode), anchors=AnchorSpec(file=file.name))


def _relative(labels: Path, folder: Path) -> str:
    return Path(os.path.relpath(labels.resolve(), folder.resolve())).as_posix()
