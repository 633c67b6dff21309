"""What a model's scores are worth: precision and recall by threshold, and whether a score of 80 % is right 8 in 10."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_detector.detect.manifest import COLDEST, HOTTEST
from edge_detector.detect.score_scale import ScoreScale
from edge_detector.types import Detections
from edge_detector.workstation.data.coco import Annotations
from edge_detector.workstation.evaluation.truths import FALSE_ALARM, IN_CROWD, Truths, assign

THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))  # those of the table
CANDIDATES = tuple(round(0.01 * step, 2) for step in range(1, 100))  # those among which the best is chosen
BINS = 15  # as Guo et al. 2017
FIT_STEPS = 60  # each narrows the temperature by a third or so: far beyond what is written
SURE = 1e-6  # a score is no nearer to 0 or 1 than this when its logarithm is taken


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """Every detection on all photographs, and whether it is right; those in crowds are left out."""

    raw: NDArray[np.float32]  # (N,) scores as the model gives them, without a temperature
    correct: NDArray[np.bool_]  # (N,) it finds an object of its class with an IoU of at least 0.5
    objects: int  # how many there are to find


class OperatingPoint(NamedTuple):
    """What counts as found from one threshold on."""

    threshold: float  # of the score as shown, inclusive
    precision: float  # 1.0 if nothing is found
    recall: float
    f1: float


class CalibrationError(NamedTuple):
    """Expected calibration error, of two temperatures."""

    now: float  # with the temperature of the manifest
    fitted: float


@dataclass(frozen=True, slots=True)
class ScoreQuality:
    """One model's scores on one set of photographs."""

    points: tuple[OperatingPoint, ...]  # at `THRESHOLDS`
    best: OperatingPoint  # where F1 is highest, of `CANDIDATES`
    temperature: float  # in the manifest
    fitted_temperature: float  # on these photographs
    calibration_error: CalibrationError  # of all detections
    best_calibration_error: CalibrationError  # of those from the best threshold on

    @property
    def sentence(self) -> str:
        """For a terminal."""
        every, shown = self.calibration_error, self.best_calibration_error
        return (
            f"expected calibration error {every.now:.3f}, from the best score on {shown.now:.3f}, with the temperature "
            f"{self.temperature:g}; {every.fitted:.3f} and {shown.fitted:.3f} with {self.fitted_temperature:g}"
        )


def score_quality(outcomes: Outcomes, temperature: float) -> ScoreQuality:
    """The figures for scores with the ``temperature`` of the manifest."""
    now, fitted = ScoreScale(temperature), ScoreScale(fit_temperature(outcomes))
    shown = now.shown(outcomes.raw)
    best = max((operating_point(outcomes, shown, each) for each in CANDIDATES), key=lambda point: point.f1)
    return ScoreQuality(
        points=tuple(operating_point(outcomes, shown, each) for each in THRESHOLDS),
        best=best,
        temperature=temperature,
        fitted_temperature=fitted.temperature,
        calibration_error=_errors(outcomes, now, fitted),
        best_calibration_error=_errors(_from(outcomes, shown >= best.threshold), now, fitted),
    )


def outcomes_of(
    detections: Mapping[int, Detections], annotations: Annotations, category_ids: Collection[int], scale: ScoreScale
) -> Outcomes:
    """``detections`` by image id, with shown scores of ``scale``; ``category_ids`` are those that the model knows."""
    truths = {
        image_id: Truths.of([each for each in listed if each["category_id"] in category_ids])
        for image_id, listed in annotations.by_image().items()
    }
    rows = {image_id: assign(found, truths[image_id]) for image_id, found in detections.items()}
    shown = np.concatenate([np.empty(0, np.float32), *(found.scores for found in detections.values())])
    assigned = np.concatenate([np.empty(0, np.intp), *rows.values()])
    counted = assigned != IN_CROWD
    objects = sum(int((~each.crowd).sum()) for each in truths.values())
    return Outcomes(scale.raw(shown[counted]), assigned[counted] != FALSE_ALARM, objects)


def operating_point(outcomes: Outcomes, shown: NDArray[np.float32], threshold: float) -> OperatingPoint:
    """Precision, recall and F1 of the detections whose ``shown`` score (N,) is at least ``threshold``."""
    kept = shown >= np.float32(threshold)
    found, right = int(kept.sum()), int(outcomes.correct[kept].sum())
    precision = right / found if found else 1.0
    recall = right / outcomes.objects if outcomes.objects else 0.0
    f1 = 2 * right / (found + outcomes.objects) if found + outcomes.objects else 0.0
    return OperatingPoint(threshold, precision, recall, f1)


def expected_calibration_error(shown: NDArray[np.float32], correct: NDArray[np.bool_]) -> float:
    """How far scores (N,) are from the share that is right, in the mean over all detections.

    Guo et al. 2017, equation 3, in `BINS` of equal width; 0.0 of no detections.
    """
    bins = np.minimum((shown * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=shown.astype(np.float64) - correct, minlength=BINS)
    return float(np.abs(gaps).sum() / max(1, len(shown)))


def fit_temperature(outcomes: Outcomes) -> float:
    """The temperature under which the outcomes are the most likely; 1.0 if all are right, or all wrong, or none.

    The likelihood of log temperatures has one peak: found by ternary search, from `COLDEST` to `HOTTEST`.
    """
    if outcomes.correct.all() or not outcomes.correct.any():
        return 1.0
    low, high = np.log(COLDEST), np.log(HOTTEST)
    for _ in range(FIT_STEPS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        better = _surprise(outcomes, np.exp(left)) < _surprise(outcomes, np.exp(right))
        low, high = (low, right) if better else (left, high)
    return round(float(np.exp(low)), 3)


def rescaled(threshold: float, before: ScoreScale, after: ScoreScale) -> float:
    """The threshold of scores shown by ``after`` that keeps what ``threshold`` keeps of those shown by ``before``."""
    return (
        threshold if before == after else round(float(after.shown(before.raw(np.array([threshold], np.float32)))[0]), 4)
    )


def operating_rows(quality: ScoreQuality) -> Iterator[OperatingPoint]:
    """The rows of a table: `THRESHOLDS`, and the best among them at its place."""
    return iter(sorted({*quality.points, quality.best}))


def _errors(outcomes: Outcomes, now: ScoreScale, fitted: ScoreScale) -> CalibrationError:
    return CalibrationError(
        *(expected_calibration_error(scale.shown(outcomes.raw), outcomes.correct) for scale in (now, fitted))
    )


def _from(outcomes: Outcomes, kept: NDArray[np.bool_]) -> Outcomes:
    return Outcomes(outcomes.raw[kept], outcomes.correct[kept], outcomes.objects)


def _surprise(outcomes: Outcomes, temperature: float) -> float:
    """The mean negative log likelihood of the outcomes."""
    shown = np.clip(ScoreScale(temperature).shown(outcomes.raw).astype(np.float64), SURE, 1 - SURE)
    return float(-np.log(np.where(outcomes.correct, shown, 1 - shown)).mean())
