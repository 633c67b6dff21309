"""A classifier, opened: a function from frame to scores."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect.manifest import Manifest
from edge_detector.detect.preprocess import Preprocessor
from edge_detector.detect.quantized import to_real
from edge_detector.detect.runtimes import open_runtime
from edge_detector.errors import ModelError
from edge_detector.resource import Resource
from edge_detector.types import Frame, Runtime
from edge_detector.workstation.graph.classifier import CLASSIFIER, SCORES, load_manifest

MILLISECOND_NS = 1e6


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a classifier says of one picture."""

    scores: NDArray[np.float32]  # (C,)
    inference_ms: float  # the interpreter's invoke alone
    total_ms: float


class Classifier(Resource):
    """A model with its way of preparing pictures. A context manager; one thread at a time."""

    def __init__(self, manifest: Manifest, runtime: Runtime) -> None:
        """Raises `ModelError` if the model has no output of the manifest's name."""
        self.manifest = manifest
        self._runtime, self._prepare = runtime, Preprocessor(manifest.input, runtime.input)
        outputs = {info.name: info for info in runtime.outputs}
        if manifest.outputs[SCORES] not in outputs:
            raise ModelError(f"{manifest.name}: no output {manifest.outputs[SCORES]!r}; it has {', '.join(outputs)}")
        self._output = outputs[manifest.outputs[SCORES]]

    def answer(self, frame: Frame) -> Answer:
        """The score of each class. Raises `ModelError` if they are no numbers."""
        started = time.monotonic_ns()
        tensor, _ = self._prepare(frame)
        prepared = time.monotonic_ns()
        outputs = self._runtime.invoke(tensor)
        invoked = time.monotonic_ns()
        scores = to_real(outputs[self._output.name][0], self._output)
        if not np.isfinite(scores).all():
            raise ModelError(f"{self.manifest.name}: scores that are no numbers (NaN or infinite)")
        ended = time.monotonic_ns()
        return Answer(scores, (invoked - prepared) / MILLISECOND_NS, (ended - started) / MILLISECOND_NS)

    def close(self) -> None:
        """Free the interpreter."""
        self._runtime.__exit__(None, None, None)


def open_classifier(path: Path, config: Config) -> Classifier:
    """The classifier in `path`. Raises `ModelError` for what is none, and as `load_manifest` does."""
    manifest = load_manifest(path, config)
    if manifest.family != CLASSIFIER:
        raise ModelError(
            f"{path}: a detector of the family {manifest.family!r}; --pictures measures classifiers, and --annotations "
            "detectors"
        )
    return Classifier(manifest, open_runtime(config.runtime, path, threads=config.threads))
