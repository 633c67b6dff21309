"""How much the detections of two models agree, photograph by photograph: what compression changed.

With fifty labelled photographs, average precision can tell two models apart if they differ by 0.015 mAP. A model and
its compressed form differ by less; but they have thousands of detections to compare, and that needs no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edge_detector.boxes import iou
from edge_detector.types import Detections
from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.evaluation.mistakes import MATCHING_IOU, SHOWN_SCORE


@dataclass(frozen=True, slots=True)
class Agreement:
    """Which of the objects that `reference` finds with a score of at least `SHOWN_SCORE` the other model also finds."""

    model: str
    reference: str
    objects: int
    found: int  # also by the model: same class, IoU of at least `MATCHING_IOU`, whatever the score
    iou: float  # mean, of those found by both
    score_difference: float  # mean absolute difference, of those found by both

    @property
    def sentence(self) -> str:
        """For a terminal."""
        return (
            f"{self.model} finds {self.found} of {self.objects} objects of {self.reference} over {SHOWN_SCORE:g}: "
            f"mean IoU {self.iou:.3f}, scores off by {self.score_difference:.3f}"
        )


def agreements_with_largest(results: Sequence[Evaluation]) -> list[Agreement]:
    """Every other model against the one with the largest file, which is the least compressed."""
    reference = max(results, key=lambda result: result.size_bytes)
    return [agreement(result, reference) for result in results if result is not reference]


def agreement(result: Evaluation, reference: Evaluation) -> Agreement:
    """One model against another on the same photographs."""
    pairs: list[tuple[float, float]] = []
    objects = 0
    for image_id, theirs in reference.detections.items():
        shown = theirs[theirs.scores >= SHOWN_SCORE]
        objects += len(shown)
        pairs += _pairs(shown, result.detections[image_id])
    overlap, difference = np.mean(pairs, axis=0) if pairs else (0.0, 0.0)
    return Agreement(result.name, reference.name, objects, len(pairs), float(overlap), float(difference))


def _pairs(shown: Detections, found: Detections) -> list[tuple[float, float]]:
    """(IoU, score difference) for each of `shown` that has a match in `found`; of several, the highest score counts."""
    pairs = []
    for row in range(len(shown)):
        overlap = iou(shown.boxes[row], found.boxes)
        fits = (found.class_ids == shown.class_ids[row]) & (overlap >= MATCHING_IOU)
        if fits.any():
            best = int(np.where(fits, found.scores, -1).argmax())
            pairs.append((float(overlap[best]), float(abs(found.scores[best] - shown.scores[row]))))
    return pairs
