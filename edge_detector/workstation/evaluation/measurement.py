"""Models measured on annotated photographs, with the same `Detector` that runs on the Pi."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect.detector import Detector, open_detector
from edge_detector.detect.score_scale import ScoreScale
from edge_detector.image_files import read_image
from edge_detector.types import Detections, Result, Timings
from edge_detector.workstation.data.coco import Annotations, Matching, match
from edge_detector.workstation.evaluation.coco_metrics import CocoDetection, Metrics, average_precision
from edge_detector.workstation.evaluation.score_quality import ScoreQuality, outcomes_of, score_quality
from edge_detector.workstation.progress import progress

LOWEST_SCORE = 0.01  # average precision counts detections of low score, too; lower ones change nothing
COCO_DETECTIONS = 100  # a picture, by COCO's rules
NMS_IOU = 0.6


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds a frame."""

    median_ms: float
    p95_ms: float

    @classmethod
    def of(cls, milliseconds: Sequence[float]) -> Latency:
        return cls(*(round(float(each), 2) for each in np.percentile(milliseconds, (50, 95))))


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """One model on one set of photographs."""

    name: str
    model: Path
    size_bytes: int
    metrics: Metrics
    inference: Latency  # the interpreter's invoke alone
    total: Latency  # pre-processing, inference, decoding and suppression
    matching: Matching
    detections: dict[int, Detections]  # by image id; class_ids are category ids, labels belong to the model
    quality: ScoreQuality
    confidence: float  # the lowest score of a detection that a user sees, unless he chooses another


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What one model found on each photograph, and how long it took."""

    matching: Matching
    scale: ScoreScale
    confidence: float
    detections: dict[int, Detections] = field(default_factory=dict)
    timings: list[Timings] = field(default_factory=list)

    def add(self, image_id: int, result: Result) -> None:
        self.detections[image_id] = _in_categories(result.detections, self.matching)
        self.timings.append(result.timings)


def measure_models(configs: Sequence[Config], annotations: Annotations) -> list[Evaluation]:
    """Run every model on every photograph."""
    return evaluations(configs, observe(configs, annotations), annotations)


def mean_average_precisions(configs: Sequence[Config], annotations: Annotations) -> list[float]:
    """The mAP of every model on the photographs, as `evaluate` and `compare` show it: over all classes with objects."""
    return [each.metrics.ap for each in measure_models(configs, annotations)]


def observe(configs: Sequence[Config], annotations: Annotations) -> list[Observed]:
    """What every model finds on every photograph."""
    with ExitStack() as stack:
        detectors = [stack.enter_context(_open(config)) for config in configs]
        return _observe(detectors, annotations)


def evaluations(configs: Sequence[Config], observed: Sequence[Observed], annotations: Annotations) -> list[Evaluation]:
    """The figures of what the models of `configs` found.

    The categories that count are those that at least one of the models knows, so that all models are measured alike.
    """
    known = sorted({category for each in observed for category in each.matching.category_ids.values()})
    return [_evaluation(config, each, annotations, known) for config, each in zip(configs, observed, strict=True)]


def with_metric_thresholds(config: Config) -> Config:
    """`config` with the thresholds that average precision needs."""
    return replace(config, confidence=LOWEST_SCORE, iou=NMS_IOU, max_detections=COCO_DETECTIONS)


def _open(config: Config) -> Detector:
    """The detector with thresholds for average precision: `LOWEST_SCORE` is one of the model's raw scores."""
    detector = open_detector(with_metric_thresholds(config))
    (lowest,) = detector.score_scale.shown(np.array([LOWEST_SCORE], np.float32))
    detector.thresholds = replace(detector.thresholds, confidence=float(lowest))
    return detector


def _observe(detectors: Sequence[Detector], annotations: Annotations) -> list[Observed]:
    """Photograph by photograph, each time another model first: a moment when the machine is slow is slow for all."""
    observed = [
        Observed(match(each.labels, annotations), each.score_scale, each.manifest.scores.confidence)
        for each in detectors
    ]
    first = read_image(annotations.images[0][1])
    for detector in detectors:
        detector.detect(first)  # the first run is slower, and is not timed
    for turn, (image_id, path) in enumerate(progress(annotations.images, "measuring")):
        frame = read_image(path)
        for index in _in_turn(len(detectors), turn):
            observed[index].add(image_id, detectors[index].detect(frame))
    return observed


def _in_turn(count: int, turn: int) -> Iterator[int]:
    """0 to ``count`` - 1, beginning with ``turn`` and going round."""
    return ((turn + place) % count for place in range(count))


def _in_categories(found: Detections, matching: Matching) -> Detections:
    """Detections whose class_ids are category ids; those of unmatched labels are left out."""
    known: NDArray[np.bool_] = np.isin(found.class_ids, list(matching.category_ids))
    kept = found[known]
    category_ids = np.array([matching.category_ids[int(each)] for each in kept.class_ids], np.int32)
    return Detections(kept.boxes, kept.scores, category_ids, kept.labels)


def _evaluation(config: Config, observed: Observed, annotations: Annotations, category_ids: list[int]) -> Evaluation:
    assert config.model is not None
    scale, known = observed.scale, set(observed.matching.category_ids.values())
    outcomes = outcomes_of(observed.detections, annotations, known, scale)
    rows = [row for image_id, found in observed.detections.items() for row in _rows(image_id, found)]
    return Evaluation(
        name=config.model.stem,
        model=config.model,
        size_bytes=config.model.stat().st_size,
        metrics=average_precision(annotations, rows, category_ids),
        inference=Latency.of([each.inference_ms for each in observed.timings]),
        total=Latency.of([each.latency_ms - each.wait_ms for each in observed.timings]),
        matching=observed.matching,
        detections=observed.detections,
        quality=score_quality(outcomes, scale.temperature),
        confidence=observed.confidence,
    )


def _rows(image_id: int, found: Detections) -> list[CocoDetection]:
    x1, y1, x2, y2 = found.boxes.astype(float).T
    boxes = np.stack([x1, y1, x2 - x1, y2 - y1], axis=1).tolist()
    return [
        CocoDetection(image_id=image_id, category_id=category_id, bbox=box, score=score)
        for category_id, box, score in zip(found.class_ids.tolist(), boxes, found.scores.tolist(), strict=True)
    ]
