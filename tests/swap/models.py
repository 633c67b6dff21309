"""Detectors for tests of a change of the model: small, quick, and wrong in the ways that they are told."""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace

import numpy as np

from edge_detector.config import Config
from edge_detector.detect import Detector
from edge_detector.detect.heads import open_head
from edge_detector.detect.runtimes import fake
from edge_detector.errors import ModelError
from edge_detector.types import Tensor, TensorInfo

BOXES = ((0.0, 0.0, 0.3, 0.3), (0.3, 0.4, 0.6, 0.6), (0.6, 0.7, 0.9, 0.9))  # of a circle, a square and a triangle


@dataclass(frozen=True)
class Made:
    """What a detector is like."""

    labels: tuple[str, ...] = fake.LABELS
    size: tuple[int, int] = (fake.WIDTH, fake.HEIGHT)
    fails_at: int | None = None  # its so-manieth run, from 0, raises
    nan_at: int | None = None  # or answers with NaN
    finds_nothing: bool = False


class MadeRuntime(fake.FakeRuntime):
    """Finds the same three objects in every picture; with any input size, any class numbers, and faults."""

    def __init__(self, made: Made) -> None:
        super().__init__()
        self.made, self.runs, self.closed = made, 0, False
        width, height = made.size
        self.input = TensorInfo("picture", (1, height, width, 3), np.dtype(np.uint8))
        self._ids = np.array([made.labels.index(name) if name in made.labels else -1 for name in fake.LABELS])

    def close(self) -> None:
        self.closed = True

    def invoke(self, tensor: Tensor) -> dict[str, Tensor]:
        assert not self.closed
        assert tensor.shape == self.input.shape  # else the input of another model has come here
        run, self.runs = self.runs, self.runs + 1
        if run == self.made.fails_at:
            raise ModelError("the accelerator is gone")
        outputs = {info.name: np.zeros(info.shape, np.float32) for info in self.outputs}
        outputs["boxes"][0, : len(BOXES)] = BOXES
        outputs["scores"][0, : len(BOXES)] = 0.9, 0.8, 0.7
        outputs["classes"][0, : len(BOXES)] = range(len(BOXES))
        outputs["count"][:] = len(BOXES)
        self._rename(outputs)
        if run == self.made.nan_at:
            outputs["scores"][:] = np.nan
        return outputs

    def _rename(self, outputs: dict[str, Tensor]) -> None:
        ids = self._ids[outputs["classes"].astype(int)]
        outputs["scores"][ids < 0] = 0
        outputs["classes"][:] = np.maximum(ids, 0)
        if self.made.finds_nothing:
            outputs["count"][:] = 0


def make(name: str, made: Made, config: Config) -> Detector:
    """A detector called ``name``, such as `open_detector` would give for ``config``."""
    spec = replace(fake.MANIFEST, name=name, class_count=len(made.labels))
    spec = replace(spec, input=replace(spec.input, size=made.size))
    runtime = MadeRuntime(made)
    return Detector(spec, runtime, open_head(spec, runtime.outputs), made.labels, config.thresholds())


def live_runtimes() -> list[MadeRuntime]:
    """Those that are still in memory."""
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, MadeRuntime)]
