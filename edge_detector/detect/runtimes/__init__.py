"""Interpreters of models. A runtime is a class ``Name(path, threads=...)``: see `types.Runtime`."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from edge_detector.registry import RUNTIMES, resolve
from edge_detector.types import Runtime


def open_runtime(name: str, path: Path, *, threads: int) -> Runtime:
    """The runtime ``name`` with the model in ``path`` loaded; "auto" takes the newest that is installed.

    Raises `ConfigError` for an unknown runtime or one that is not installed, `ModelError` for a model it refuses.
    """
    runtime: Runtime = resolve(RUNTIMES, choose_runtime(name), kind="runtime")(
        path, threads=threads or default_threads()
    )
    return runtime


def choose_runtime(name: str) -> str:
    """``name`` itself, or for "auto" the newest runtime that is installed."""
    if name != "auto":
        return name
    return "tflite-runtime" if find_spec("ai_edge_litert") is None and find_spec("tflite_runtime") else "litert"


def default_threads() -> int:
    """All cores but one, which capture, drawing and the rest of the machine share; at most four."""
    return max(1, min(4, len(os.sched_getaffinity(0)) - 1))
