"""The predictions of several teachers made into one, and added to what people labelled."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.workstation.data.targets import Objects

SAME_OBJECT_IOU = 0.6  # predictions of one class that overlap by more are the same object
KNOWN_OBJECT_IOU = 0.5  # a proposal that overlaps a labelled object of its class by more repeats it
LEAST_FUSED_SCORE = 0.08  # a proposal with a lower score is not added


def fuse_boxes(predictions: Sequence[Objects], weights: NDArray[np.float32]) -> Objects:
    """One object for each group of boxes of one class that overlap the box with the highest score in the group.

    Solovyev et al. 2021, "Weighted boxes fusion": the box is the mean, weighted by score and by the weight of the
    prediction; the score is the weighted mean over all predictions, where one without the object counts as zero.
    `weights`: (P,), one for each of the `predictions`.
    """
    everything = reduce(operator.add, predictions)
    origins = np.repeat(np.arange(len(predictions)), [len(each) for each in predictions])  # which prediction
    counted = weights[origins] > 0  # a mean needs a weight
    everything, origins = everything[counted], origins[counted]
    groups = list(_groups(everything))
    return Objects(
        boxes=np.array([_mean_box(everything[group], weights[origins[group]]) for group in groups], np.float32).reshape(
            -1, 4
        ),
        class_ids=np.array([everything.class_ids[group[0]] for group in groups], np.int32),
        scores=np.array(
            [_mean_score(everything.scores[group], origins[group], weights) for group in groups], np.float32
        ),
    )


def _groups(objects: Objects) -> Iterator[NDArray[np.intp]]:
    """The rows of each group, the highest score first."""
    rest = np.argsort(-objects.scores, kind="stable")
    while len(rest):
        best = rest[0]
        overlap = iou(objects.boxes[best], objects.boxes[rest])
        same = (overlap > SAME_OBJECT_IOU) & (objects.class_ids[rest] == objects.class_ids[best])
        same[0] = True  # itself, even if its box has no area
        yield rest[same]
        rest = rest[~same]


def _mean_box(objects: Objects, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    mean: NDArray[np.float32] = np.average(objects.boxes, axis=0, weights=objects.scores * weights).astype(np.float32)
    return mean


def _mean_score(scores: NDArray[np.float32], origins: NDArray[np.intp], weights: NDArray[np.float32]) -> float:
    highest = np.zeros(len(weights), np.float32)  # of each prediction
    np.maximum.at(highest, origins, scores)
    return float(np.average(highest, weights=weights))


def add_proposals(known: Objects, proposed: Objects) -> Objects:
    """What people labelled, and the proposals that have a high enough score and do not repeat a labelled object."""
    repeated = (iou(proposed.boxes[:, None], known.boxes) > KNOWN_OBJECT_IOU) & (
        proposed.class_ids[:, None] == known.class_ids[None]
    )
    new = proposed[(proposed.scores >= LEAST_FUSED_SCORE) & ~repeated.any(axis=1)]
    return known + new
