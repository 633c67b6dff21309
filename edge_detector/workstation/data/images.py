"""The image files of a folder or a COCO annotation file, and the input tensors made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from imutils.paths import list_images
from numpy.typing import NDArray

from edge_detector.detect.manifest import InputSpec
from edge_detector.detect.preprocess import Preprocessor
from edge_detector.errors import ConfigError
from edge_detector.image_files import read_image
from edge_detector.types import TensorInfo

NAMED_AT_MOST = 5  # missing files that one message lists
NEEDED = {  # of each entry of a COCO annotation file
    "images": ("id", "file_name"),
    "annotations": ("image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}


def find_images(where: Path) -> tuple[Path, ...]:
    """The photographs in a folder, or those a COCO annotation file names, in a stable order.

    Raises `ConfigError` if there are none, or if files that the annotations name are missing.
    """
    images = annotated_images(where) if where.suffix == ".json" else _in_folder(where)
    if not images:
        raise ConfigError(f"{where}: no images in it")
    return images


def annotated_images(annotations: Path) -> tuple[Path, ...]:
    """The image files of a COCO annotation file, which lie relative to its folder."""
    names = [image["file_name"] for image in read_coco_file(annotations)["images"]]
    paths = tuple(annotations.parent / name for name in names)
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        rest = f" and {len(missing) - NAMED_AT_MOST} more" if len(missing) > NAMED_AT_MOST else ""
        raise ConfigError(
            f"{annotations}: {len(missing)} of {len(paths)} images are missing: "
            f"{', '.join(missing[:NAMED_AT_MOST])}{rest}; file_name is relative to the annotation file"
        )
    return paths


def read_coco_file(path: Path) -> dict[str, Any]:
    """The content of a COCO annotation file. Raises `ConfigError` if it is not such a file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the annotations: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not JSON: {error}") from None
    return check_coco(path, content)


def check_coco(path: Path, content: Any) -> dict[str, Any]:
    """``content`` of the file ``path``, if it has what COCO annotations need. Raises `ConfigError` if it has not."""
    lists = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in lists):
        raise ConfigError(f"{path}: not COCO annotations; expected an object with {', '.join(lists)}")
    for kind, keys in NEEDED.items():
        _check_keys(path, kind, content[kind], keys)
    return content


def _check_keys(path: Path, kind: str, entries: list[Any], keys: tuple[str, ...]) -> None:
    for place, entry in enumerate(entries):
        missing = [key for key in keys if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise ConfigError(f"{path}: {kind}[{place}] has no {', '.join(missing)}")


def spread(images: Sequence[Path], count: int) -> tuple[Path, ...]:
    """At most `count` of the images, evenly spaced in their order, because neighbours look alike."""
    return tuple(images[place] for place in spread_places(len(images), count))


def spread_places(length: int, count: int) -> list[int]:
    """At most `count` places of a sequence of that length, evenly spaced, in their order."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int)).tolist()


class InputTensors:
    """The photographs as input tensors of a float model, made as the device makes them; files are read on each pass."""

    def __init__(self, paths: Sequence[Path], spec: InputSpec) -> None:
        self.paths = paths
        width, height = spec.size
        self._preprocess = Preprocessor(spec, TensorInfo("image", (1, height, width, 3), np.dtype(np.float32)))

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """(1, H, W, 3) real values; the next tensor overwrites the last."""
        for path in self.paths:
            tensor, _ = self._preprocess(read_image(path))
            yield tensor.astype(np.float32, copy=False)


def _in_folder(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; expected one with photographs, or a COCO annotation file (.json)")
    return tuple(sorted(Path(path) for path in list_images(str(folder))))
