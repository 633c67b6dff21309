"""Frames in. A source is a class ``Name(spec, config, model_size)`` that derives from `Source`; or, for a camera with
nothing to open or close, a generator function with the same arguments.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path
from typing import TypeVar

from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.image_files import SUFFIXES as IMAGE_SUFFIXES
from edge_detector.options import Spec, from_spec
from edge_detector.registry import SOURCES, is_known, resolve
from edge_detector.sources.base import Source
from edge_detector.sources.generated import GeneratedSource
from edge_detector.sources.v4l2 import is_camera
from edge_detector.types import Size

log = logging.getLogger(__name__)

Options = TypeVar("Options")


def open_source(config: Config, *, model_size: Size) -> Source:
    """The source that ``config.source`` describes; ``model_size`` is what a camera may scale to for the model.

    Raises `ConfigError` for an option that the source does not have, and for what is no source.
    """
    spec = source_spec(config.source)
    return _as_source(spec.name, resolve(SOURCES, spec.name, kind="source")(spec, config, model_size))


def _as_source(name: str, made: object) -> Source:
    if isinstance(made, Source):
        return made
    if isinstance(made, Generator):
        return GeneratedSource(made)
    raise ConfigError(f"source {name}: made {made!r}; expected a Source, or a generator of frames")


def source_spec(text: str) -> Spec:
    """Which source reads ``text``: a camera number, a device, a URL, a file, a folder, or a source's name.

    What is there as a file is that file, even if a plug-in has the same name.
    """
    text = text.removeprefix("file://")
    name = text.partition(":")[0].partition("?")[0]
    if name in SOURCES:
        return Spec.parse(text)
    if text.isdecimal():
        return _numbered_camera(text)
    if text.startswith("/dev/"):
        return Spec("camera", text)
    if not (text.startswith(f"{name}://") or Path(text).exists()) and is_known(SOURCES, name):
        return Spec.parse(text)
    if "://" in text:
        return Spec("stream", text)
    if Path(text).is_dir() or Path(text).suffix.lower() in IMAGE_SUFFIXES:
        return Spec("images", text)
    return Spec("video", text)


def source_options(options: type[Options], spec: Spec) -> Options:
    """A source's options as its dataclass; what stands after ``NAME:`` is the field made by `argument`.

    Raises `ConfigError` as `from_spec` does.
    """
    return from_spec(options, spec, where=spec.name)


def _numbered_camera(number: str) -> Spec:
    """On a Pi "camera 0" is what hangs on its ribbon cable, unless a USB camera has that number."""
    if not is_camera(number) and find_spec("picamera2"):
        log.info("camera %s: no USB camera has this number; using picamera2:%s", number, number)
        return Spec("picamera2", number)
    return Spec("camera", number)
