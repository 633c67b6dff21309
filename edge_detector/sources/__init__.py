"""Frames in. A source is a class ``Name(spec, config, model_size)``, a context manager that iterates over frames."""

from __future__ import annotations

from pathlib import Path

from edge_detector.config import Config
from edge_detector.options import Spec
from edge_detector.registry import SOURCES, resolve
from edge_detector.types import Size, Source

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"}


def open_source(config: Config, *, model_size: Size) -> Source:
    """The source that ``config.source`` describes; ``model_size`` is what a camera may scale to for the model."""
    spec = source_spec(config.source)
    source: Source = resolve(SOURCES, spec.name, kind="source")(spec, config, model_size)
    return source


def source_spec(text: str) -> Spec:
    """Which source reads ``text``: a camera number, a device, a URL, a file, a folder, or a source's name."""
    name = text.partition(":")[0].partition("?")[0]
    if name in SOURCES:
        return Spec.parse(text)
    if Path(text).is_dir() or Path(text).suffix.lower() in IMAGE_SUFFIXES:
        return Spec("images", text)
    return Spec("opencv", text)
