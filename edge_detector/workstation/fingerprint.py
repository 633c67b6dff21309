"""What a stored result depends on, as one digest: another input gives another digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge_detector.detect import manifest as manifests
from edge_detector.toml import read_toml
from edge_detector.version import __version__
from edge_detector.workstation.classification.pictures import LIST_FILES, read_pictures
from edge_detector.workstation.data.images import find_images

PACKAGE = Path(__file__).parents[1]
# The rooms and files whose code decides what a model is, and what is found on a photograph.
PICTURES = ("boxes.py", "image_files.py", "scaling.py", "detect", "workstation/data")
MAKING = (*PICTURES, "workstation/calibration", "workstation/graph", "workstation/quantization")
MEASURING = ("workstation/classification", "workstation/evaluation")  # of a technique that measures what it makes, too
TRAINING = ("workstation/compression", "workstation/training")  # of one that trains, too
DETECTING = (*PICTURES, "workstation/evaluation")
CLASSIFYING = (*PICTURES, "workstation/classification", "workstation/graph/classifier.py")
TOOLS = ("ai-edge-litert", "ai-edge-quantizer")


def digest(*parts: object) -> str:
    """One digest of all parts, told apart by their `repr`."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def model_digest(path: Path) -> str:
    """Of a model file or folder, and of what belongs to it beside it.

    That is the manifest, the label file which the manifest names, a list of anchors, and weights of an ONNX network.
    Raises `ConfigError` for a manifest that is no TOML.
    """
    manifest = manifests.manifest_path(path)
    beside = [manifest, path.with_suffix(".anchors.npy"), path.with_name(f"{path.name}.data"), *_labels_of(manifest)]
    return files_digest([*_files_in(path), *(each for each in beside if each.is_file())])


@cache
def photographs_digest(where: Path) -> str:
    """Of the photographs in a folder and the folders they lie in, or of an annotation or list file and its photographs.

    Raises `ConfigError` if there are none, or if files that the annotations or the list name are missing.
    """
    if where.is_dir():
        images = find_images(where)
        return digest(files_digest(images), [str(image.parent.relative_to(where)) for image in images])
    is_list = where.suffix in LIST_FILES
    return files_digest([where, *([each.path for each in read_pictures(where)] if is_list else find_images(where))])


def files_digest(paths: Iterable[Path]) -> str:
    """Of the content of files, in this order."""
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


@cache
def program_digest(*rooms: str) -> str:
    """Of the program's version, of the code in these rooms or files of the package, and of the tools it stands on."""
    code = files_digest(path for room in rooms for path in _code_in(PACKAGE / room))
    return digest(__version__, code, *(f"{tool} {_version_of(tool)}" for tool in TOOLS))


def _code_in(room: Path) -> list[Path]:
    return sorted(room.rglob("*.py")) if room.is_dir() else [room]


def _version_of(tool: str) -> str:
    try:
        return version(tool)
    except PackageNotFoundError:
        return "unknown"


def _labels_of(manifest: Path) -> list[Path]:
    """The label file that the manifest names, if it does."""
    name = str(read_toml(manifest).get("labels", "")) if manifest.is_file() else ""
    return [manifest.parent / name] if name else []


def _files_in(path: Path) -> list[Path]:
    return sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
