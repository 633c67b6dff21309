"""What a training leaves in its folder: the float model, its int8 form, manifests with a threshold, and a card."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from edge_detector.detect import manifest as manifests
from edge_detector.detect.manifest import ScoreSpec
from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.evaluation.score_quality import ScoreQuality
from edge_detector.workstation.graph.model_files import writing
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from edge_detector.workstation.quantization.make_model import ConversionRequest, make_model
from edge_detector.workstation.quantization.techniques import Data, TechniqueOptions
from edge_detector.workstation.training.validator import Validator

log = logging.getLogger(__name__)

FLOAT, INT8 = "model_float.tflite", "model_int8.tflite"
MOST_SAMPLES = 128  # photographs to calibrate with
AS_GOOD = 0.01  # of F1: thresholds that are worse by no more are as good as the best


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """The two models of a training, as measured on the validation photographs."""

    exact: Evaluation  # of the float model
    int8: Evaluation

    @property
    def both(self) -> tuple[Evaluation, Evaluation]:
        """The float model first."""
        return self.exact, self.int8

    @property
    def lost(self) -> float:
        """The mean average precision that int8 cost."""
        return self.exact.metrics.ap - self.int8.metrics.ap


def write_results(graph: TFLiteGraph, validator: Validator, folder: Path, calibration: Path) -> Results:
    """Write both models, measure them, and store in their manifests what was found."""
    validator.write(graph, folder / FLOAT)
    make_int8(folder / FLOAT, folder / INT8, calibration)
    results = Results(*validator.measure(folder / FLOAT, folder / INT8))
    return Results(*(with_threshold(each) for each in results.both))


def make_int8(source: Path, output: Path, calibration: Path) -> None:
    """As `edge-detector convert` makes it. The photographs are those of the training, whatever a check says of them."""
    options = TechniqueOptions(samples=MOST_SAMPLES, force=True)
    make_model(ConversionRequest(source, output, data={Data.CALIBRATION: calibration}, options=options))


def with_threshold(result: Evaluation) -> Evaluation:
    """Choose the threshold and write it, with the metrics, into the manifest; the evaluation with the threshold."""
    threshold = best_threshold(result.quality)
    path = manifests.manifest_path(result.model)
    metrics = {"map": round(result.metrics.ap, 3), "ap50": round(result.metrics.ap50, 3)}
    with writing(path):
        manifests.write(replace(manifests.read(path), scores=ScoreSpec(confidence=threshold), metrics=metrics), path)
    return replace(result, confidence=threshold)


def best_threshold(quality: ScoreQuality) -> float:
    """The middle of the thresholds whose F1 is as good as the best: with few photographs, many are."""
    good: Sequence[float] = [each.threshold for each in quality.points if each.f1 >= quality.best.f1 - AS_GOOD]
    return round(float(np.median(good)), 2) if good else quality.best.threshold
