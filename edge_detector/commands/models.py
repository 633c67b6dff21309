"""``edge-detector models``: which models are here and which can be downloaded; ``models pull NAME`` downloads one."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edge_detector.detect import manifest, recognition
from edge_detector.detect.labels import read_labels
from edge_detector.errors import ConfigError, EdgeDetectorError, ModelError
from edge_detector.model_store.catalogue import PUBLISHED, PublishedModel, cache_folder, published_model
from edge_detector.model_store.download import Progress, download, no_progress
from edge_detector.model_store.find import DEFAULT_MODEL, SUFFIX, installed_models, label_file
from edge_detector.text_table import aligned

UNKNOWN = "-"
COLUMNS = ("name", "family", "input", "MB", "classes", "mAP", "where")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    parser.add_argument("action", nargs="?", choices=("list", "pull"), default="list", help="default: list")
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to download")
    parser.add_argument("--folder", type=Path, help="where to put it, instead of the cache")


def main(arguments: argparse.Namespace) -> int:
    """List, or download.

    Raises `ConfigError` for a name that is not published, `DownloadError`, and `ModelError` for an unusable file.
    """
    if arguments.action == "list":
        print("\n".join(list_lines()))  # noqa: T201 - the answer
        return 0
    if not arguments.names:
        raise ConfigError(f"models pull: which one? Known: {', '.join(PUBLISHED)}")
    for model in [published_model(name) for name in arguments.names]:
        print(f"{model.name}: {model.note}")  # noqa: T201
        path = pull(model, arguments.folder or cache_folder(), progress=_progress())
        print(f"use it: edge-detector --model {path if arguments.folder else model.name}")  # noqa: T201
    return 0


def pull(model: PublishedModel, folder: Path, *, progress: Progress = no_progress) -> Path:
    """Download ``model``, verify and inspect it, and write its manifest and labels beside it.

    Raises `DownloadError`, and `ModelError` if the file is verified but cannot be used here.
    """
    path = folder / f"{model.name}{SUFFIX}"
    labels = label_file(model.labels)  # an error now, not after the download
    download(model.url, path, blob_id=model.blob_id, progress=progress)
    try:
        found = recognition.deduce(path, recognition.describe(path))
    except ModelError as error:
        raise ModelError(f"downloaded and verified, but cannot be used here: {error}") from None
    found = replace(found, labels=labels.name, class_count=found.class_count or model.class_count)
    _write_beside(found, labels, path)
    return path


def list_lines() -> Iterator[str]:
    """The models here as a table, then those that can be downloaded."""
    rows = [COLUMNS, *(_row(name, path) for name, path in sorted(installed_models().items()))]
    yield from aligned(rows)
    yield "\nto download: edge-detector models pull NAME"
    for model in PUBLISHED.values():
        yield f"  {model.name}\n      {model.note}"


def _row(name: str, path: Path) -> tuple[str, ...]:
    megabytes = f"{path.stat().st_size / 1e6:.2f}"
    where = f"{path.parent}{'  (default)' if path.name == DEFAULT_MODEL else ''}"
    beside = manifest.manifest_path(path)
    if not beside.is_file():
        return name, UNKNOWN, UNKNOWN, megabytes, UNKNOWN, UNKNOWN, f"{where}  (no manifest)"
    try:
        found = manifest.read(beside)
        labels = read_labels(found.folder / found.labels, class_count=found.class_count or None)
    except EdgeDetectorError as error:
        return name, UNKNOWN, UNKNOWN, megabytes, UNKNOWN, UNKNOWN, f"{where}  ({error})"
    width, height = found.input.size
    accuracy = f"{found.metrics['map']:.3f}" if "map" in found.metrics else UNKNOWN
    return name, found.family, f"{width}x{height}", megabytes, str(len(set(labels) - {"???"})), accuracy, where


def _write_beside(found: manifest.Manifest, labels: Path, model: Path) -> None:
    """The manifest is written last and in one step: if it is there, everything is."""
    path = manifest.manifest_path(model)
    unfinished = path.with_name(f"{path.name}.part")
    try:
        shutil.copyfile(labels, path.with_name(labels.name))
        manifest.write(found, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from None


def _progress() -> Progress:
    """A line that counts up on a terminal; nothing in a log."""
    return _show if sys.stderr.isatty() else no_progress


def _show(done: int, total: int | None) -> None:
    share = f"{done / total:4.0%} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
    sys.stderr.write(f"\r{share}" + ("\n" if done == total else ""))
    sys.stderr.flush()
