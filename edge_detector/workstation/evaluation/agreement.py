"""How near one model's detections are to another's: what compression changed, photograph by photograph.

Fifty labelled photographs tell two models apart that differ by 0.015 mAP. Two forms of one model differ by less; but
they have thousands of detections to compare, and that needs no labels.
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
    """What became of the objects that `reference` shows with a score of at least `SHOWN_SCORE`."""

    model: str
    reference: str
    objects: int
    found: int  # also by the model: same class, IoU of at least `MATCHING_IOU`, whatever the score
    iou: float  # of these, mean
    score_difference: float  # of these, mean absolute difference

    @property
    def sentence(self) -> str:
        """For a terminal."""
        return (
            f"{self.model} finds {self.found} of {self.objects} objects of {self.reference} over {SHOWN_SCORE:g}: "
            f"mean IoU {self.iou:.3f}, scores off by {self.score_difference:.3f}"
        )


def agreements(results: Sequence[Evaluation]) -> list[Agreement]:
    """Each model against that of the largest file, which is least compressed; none of a model with itself."""
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
    """(IoU, score difference) of each of `shown` and the surest of those that fit it, if any do."""
    pairs = []
    for row in range(len(shown)):
        overlap = iou(shown.boxes[row], found.boxes)
        fits = (found.class_ids == shown.class_ids[row]) & (overlap >= MATCHING_IOU)
        if fits.any():
            best = int(np.where(fits, found.scores, -1).argmax())
            pairs.append((float(overlap[best]), float(abs(found.scores[best] - shown.scores[row]))))
    return pairs
