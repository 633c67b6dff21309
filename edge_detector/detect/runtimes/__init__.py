"""Interpreters of models. A runtime is a class ``Name(path, threads=...)``: see `types.Runtime`."""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path

from edge_detector.registry import RUNTIMES, resolve
from edge_detector.types import Runtime

log = logging.getLogger(__name__)


def open_runtime(name: str, path: Path, *, threads: int) -> Runtime:
    """The runtime ``name`` with the model in ``path`` loaded; "auto" takes the newest that is installed.

    ``threads``: 0 chooses from the cores, and more than there are cores are as many as those.
    Raises `ConfigError` for an unknown runtime or one that is not installed, `ModelError` for a model it refuses.
    """
    runtime: Runtime = resolve(RUNTIMES, choose_runtime(name), kind="runtime")(path, threads=usable_threads(threads))
    return runtime


def choose_runtime(name: str) -> str:
    """``name`` itself, or for "auto" the newest runtime that is installed."""
    if name != "auto":
        return name
    return "tflite-runtime" if find_spec("ai_edge_litert") is None and find_spec("tflite_runtime") else "litert"


def usable_threads(wanted: int) -> int:
    """``wanted``, but no more than the cores: LiteRT starts as many as it is told, and more than cores are slower.

    Measured on two cores, in ms an invocation: 2.3 with 2 threads, 4.6 with 4, 11 with 32, 81 with 1,000.
    """
    cores = len(os.sched_getaffinity(0))
    if wanted > cores:
        log.warning("threads %d: this process may use %d cores; more threads than that would be slower", wanted, cores)
    return min(wanted or default_threads(), cores)


def default_threads() -> int:
    """All cores but one, which capture, drawing and the rest of the machine share; at most four."""
    return max(1, min(4, len(os.sched_getaffinity(0)) - 1))
