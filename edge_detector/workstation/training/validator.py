"""Validation: how good a model in training is on the held-out photographs, measured on the file made of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
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
from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics
from edge_detector.workstation.evaluation.measurement import measure_models
from edge_detector.workstation.quantization.make_model import ConversionRequest, make_model
from edge_detector.workstation.quantization.techniques import Data, TechniqueOptions
from edge_detector.workstation.training.keras_twin import to_tflite

log = logging.getLogger(__name__)

ENOUGH_OBJECTS = 10  # of a class on the held-out photographs; with fewer, its average precision is mostly chance
MOST_SAMPLES = 256  # photographs to calibrate with
BLENDS = (0.0, 0.25, 0.5, 0.75, 1.0)  # fractions of the way from the start's weights to the trained ones
THREADS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Validator:
    """Measures models on the held-out photographs, after writing them as the .tflite that users would get."""

    manifest: Manifest
    labels: Path
    held_out: Annotations
    calibration: Path | None = None

    def mean_ap(self, model: Model) -> float:
        """Mean average precision over the classes with `ENOUGH_OBJECTS`; over all if no class has so many.

        With `calibration` it is that of the int8 file that `convert` makes of the model.
        """
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.tflite"
            self.write(model, path)
            if self.calibration is not None:
                source, path = path, Path(folder) / "int8.tflite"
                data, options = {Data.CALIBRATION: self.calibration}, TechniqueOptions(samples=MOST_SAMPLES)
                make_model(ConversionRequest(source, path, data=data, options=options))
            (result,) = measure_models([Config(model=path, threads=THREADS)], self.held_out)
        return mean_ap_of(result.metrics.classes)

    def write(self, model: Model, path: Path) -> None:
        """Write the model as a float .tflite, and its manifest beside it."""
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


def mean_ap_of(classes: Sequence[ClassMetrics]) -> float:
    """The mean over the classes with `ENOUGH_OBJECTS`; over all if no class has so many."""
    return float(
        np.mean([each.ap for each in classes if each.truths >= ENOUGH_OBJECTS] or [each.ap for each in classes])
    )


def best_blend(start: Model, trained: Model, validator: Validator) -> Model:
    """The best on the held-out photographs: the start, the trained model, or a weighted mean of their weights.

    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models": such means stay as good as the start on
    pictures unlike those of the training. `trained` gets the weights of the best.
    """
    before, after = start.get_weights(), trained.get_weights()
    mean_aps = {}
    for blend in BLENDS:
        trained.set_weights([old + blend * (new - old) for old, new in zip(before, after, strict=True)])
        mean_aps[blend] = validator.mean_ap(trained)
        log.info("%.0f %% of the way from the start: mAP %.4f", 100 * blend, mean_aps[blend])
    best = max(mean_aps, key=lambda blend: mean_aps[blend])
    trained.set_weights([old + best * (new - old) for old, new in zip(before, after, strict=True)])
    return trained
