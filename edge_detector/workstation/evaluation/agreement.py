"""How much the detections of two models agree, photograph by photograph: what compression changed.

With fifty labelled photographs, average precision can tell two models apart if they differ by 0.015 mAP. A model and
its compressed form differ by less; but they have thousands of detections to compare, and that needs no labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from edge_detector.boxes import iou
from edge_detector.types import Detections
from edge_detector.workstation.evaluation.measurement import Evaluation
from edge_detector.workstation.evaluation.truths import MATCHING_IOU


@dataclass(frozen=True, slots=True)
class Agreement:
    """Which of the objects that `reference` shows the other model also shows, each from its own confidence on."""

    model: str
    reference: str
    confidence: float  # of the reference: what it finds with a lower score it does not show
    objects: int
    found: int  # also by the model: same class, IoU of at least `MATCHING_IOU`, shown
    below: int  # in the same way, but with a lower score: a user would not see them
    iou: float  # mean, of those found and those below
    score_difference: float  # mean absolute difference, of those found and those below

    @property
    def sentence(self) -> str:
        """For a terminal."""
        found = (
            f"{self.model} finds {self.found} of {self.objects} objects of {self.reference} over {self.confidence:g}"
        )
        below = f", and {self.below} more with a lower score" if self.below else ""
        return f"{found}{below}: mean IoU {self.iou:.3f}, scores off by {self.score_difference:.3f}"


def agreements_with_largest(results: Sequence[Evaluation]) -> list[Agreement]:
    """Every other model against the one with the largest file, which is the least compressed."""
    reference = max(results, key=lambda result: result.size_bytes)
    return [agreement(result, reference) for result in results if result is not reference]


def agreement(result: Evaluation, reference: Evaluation) -> Agreement:
    """One model against another on the same photographs."""
    pairs: list[_Pair] = []
    objects = 0
    for image_id, theirs in reference.detections.items():
        shown = theirs[theirs.scores >= reference.confidence]
        objects += len(shown)
        pairs += _pairs(shown, result.detections[image_id], result.confidence)
    found = sum(pair.shown for pair in pairs)
    overlap, difference = (
        np.mean([(pair.iou, pair.score_difference) for pair in pairs], axis=0) if pairs else (0.0, 0.0)
    )
    return Agreement(
        result.name,
        reference.name,
        reference.confidence,
        objects,
        found,
        len(pairs) - found,
        float(overlap),
        float(difference),
    )


class _Pair(NamedTuple):
    """An object of the reference and its match."""

    iou: float
    score_difference: float
    shown: bool  # whether the match has a score that a user would see


def _pairs(shown: Detections, found: Detections, confidence: float) -> list[_Pair]:
    """One for each of `shown` that has a match in `found`; of several, the highest score counts.

    ``confidence``: the lowest score of ``found`` that a user sees.
    """
    pairs = []
    for row in range(len(shown)):
        overlap = iou(shown.boxes[row], found.boxes)
        fits = (found.class_ids == shown.class_ids[row]) & (overlap >= MATCHING_IOU)
        if fits.any():
            best = int(np.where(fits, found.scores, -1).argmax())
            difference = float(abs(found.scores[best] - shown.scores[row]))
            pairs.append(_Pair(float(overlap[best]), difference, bool(found.scores[best] >= confidence)))
    return pairs
