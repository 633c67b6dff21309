"""A source and a sink of another package: the base classes, options, and errors that name what is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.options import Seconds, Spec, option
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Sink
from edge_detector.sources import source_options
from edge_detector.sources.base import Source
from edge_detector.types import Frame, Result, Size


@dataclass(frozen=True, slots=True)
class PlasmaOptions:
    """``plasma?frames=100``: each field is an option, with its type, its default and what it means."""

    frames: int = option(0, "number of pictures; 0: without end")

    def __post_init__(self) -> None:
        """Raises `ConfigError` for a number below zero."""
        if self.frames < 0:
            raise ConfigError(f"plasma: frames is {self.frames}; expected 0 or more")


class PlasmaSource(Source, options=PlasmaOptions, live=False):
    """Waves of colour; the picture is as large as ``--size`` says."""

    def __init__(self, spec: Spec, config: Config, _model_size: Size) -> None:
        self._options = source_options(PlasmaOptions, spec)
        self.frame_count = self._options.frames or None
        self._size = config.size
        self._stopped = False

    def __iter__(self) -> Iterator[Frame]:
        sequence = 0
        while not self._stopped and sequence != self.frame_count:
            yield Frame(plasma(self._size, sequence), sequence, time.monotonic_ns())
            sequence += 1

    def stop(self) -> None:
        self._stopped = True


def plasma(size: Size, sequence: int) -> np.ndarray:
    """(H, W, 3) BGR: one wave for each colour."""
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    waves = [np.sin((x * a + y * b + sequence * 5) / 40) for a, b in ((1, 0), (0, 1), (1, 1))]
    return np.ascontiguousarray((np.stack(waves, axis=-1) + 1) * 127, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class HeartbeatOptions:
    """``heartbeat?every=5s``."""

    every: Seconds = option(Seconds(5), "time between two lines")


class HeartbeatSink(Sink, options=HeartbeatOptions, may_block=True):
    """Prints how many results there were, every few seconds and at the end; on a thread of its own."""

    def __init__(self, spec: Spec, context: Context) -> None:
        self._options = sink_options(HeartbeatOptions, spec)
        self._model = context.detector.name
        self._results = 0
        self._next_s = 0.0

    def write(self, result: Result) -> None:
        self._results += 1
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + self._options.every
            print(f"{self._model}: {self._results} results, {len(result.detections)} objects in the newest", flush=True)

    def close(self) -> None:
        print(f"{self._model}: {self._results} results in all", flush=True)
