"""The examination: what a model in training finds on photographs held out, as the file it would be shipped as."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from tf_keras import Model

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.heads.ssd import SsdDecode
from edge_detector.detect.manifest import Decode, Manifest
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.measurement import evaluate
from edge_detector.workstation.quantization.make_model import Request, convert
from edge_detector.workstation.training.keras_twin import to_tflite

log = logging.getLogger(__name__)

ENOUGH = 10  # objects of a class among the photographs held out
MOST_SAMPLES = 256  # photographs to calibrate with
BLENDS = (0.0, 0.25, 0.5, 0.75, 1.0)
THREADS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Validator:
    """The held-out photographs, which a model sees as the .tflite that it would be shipped as."""

    manifest: Manifest
    labels: Path
    held_out: Annotations
    calibration: Path | None = None

    def mark(self, model: Model) -> float:
        """Mean average precision over the classes with `ENOUGH` objects (if any): of fewer, chance says more.

        With `calibration`, of the int8 file that `convert` makes of the model.
        """
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            self.write(model, path)
            if self.calibration is not None:
                source, path = path, Path(folder) / "int8.tflite"
                convert(Request(source, path, calibration=self.calibration, samples=MOST_SAMPLES))
            (result,) = evaluate([Config(model=path, threads=THREADS)], self.held_out)
        classes = result.metrics.classes
        return float(np.mean([each.ap for each in classes if each.truths >= ENOUGH] or [each.ap for each in classes]))

    def write(self, model: Model, path: Path) -> None:
        """The model as a float .tflite, and its manifest."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(to_tflite(model))
        labels = os.path.relpath(self.labels, path.parent)
        named = replace(self.manifest, name=path.stem, labels=labels, decode=self._decode_seen_from(path.parent))
        manifests.write(replace(named, sha256=manifests.sha256(path)), manifests.manifest_path(path))

    def _decode_seen_from(self, folder: Path) -> Decode:
        """What the manifest says of decoding, with the anchors' file named relative to ``folder``."""
        decode = self.manifest.decode_as(SsdDecode)
        if decode.anchors is None or not decode.anchors.file:
            return decode
        file = os.path.relpath(self.manifest.folder / decode.anchors.file, folder)
        return replace(decode, anchors=replace(decode.anchors, file=file))


def best_blend(start: Model, trained: Model, exam: Validator) -> Model:
    """The start, what training made of it, or a mixture of their weights: whatever does best on the held-out part.

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models": mixtures keep what the start knew of other pictures.
    """
    before, after = start.get_weights(), trained.get_weights()
    marks = {}
    for blend in BLENDS:
        trained.set_weights([old + blend * (new - old) for old, new in zip(before, after, strict=True)])
        marks[blend] = exam.mark(trained)
        log.info("%.0f %% of the way from the start: mAP %.4f", 100 * blend, marks[blend])
    best = max(marks, key=lambda blend: marks[blend])
    trained.set_weights([old + best * (new - old) for old, new in zip(before, after, strict=True)])
    return trained
