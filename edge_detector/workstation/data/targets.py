"""Training targets of an SSD: which of its anchors should find which object of a photograph."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou
from edge_detector.detect.heads.ssd import SsdDecode, anchors_of
from edge_detector.detect.manifest import Manifest

ANCHOR_IOU = 0.5  # an anchor is responsible for an object if their overlap is at least this
FEWEST_ANCHORS = 6  # of one object: a small one overlaps no anchor by `ANCHOR_IOU`, and one anchor learns slowly
FEWEST_IOU = 0.2  # such an anchor overlaps the object by this much, unless it is the best of all
SMALLEST_SIDE = 1e-3  # of an encoded box, as a fraction of the photograph: the logarithm of zero is infinite


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """N objects of one photograph. What a person labelled has score 1; what a teacher proposed has a lower one."""

    boxes: NDArray[np.float32]  # (N, 4) y1, x1, y2, x2 as fractions of the photograph
    class_ids: NDArray[np.int32]  # (N,)
    scores: NDArray[np.float32]  # (N,) in (0, 1]

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Objects:
        return Objects(self.boxes[rows], self.class_ids[rows], self.scores[rows])

    def __add__(self, other: Objects) -> Objects:
        """These, then the others."""
        return Objects(
            np.concatenate([self.boxes, other.boxes]),
            np.concatenate([self.class_ids, other.class_ids]),
            np.concatenate([self.scores, other.scores]),
        )

    def mirrored(self) -> Objects:
        """The objects as they are in the photograph's mirror image."""
        y1, x1, y2, x2 = self.boxes.T
        return replace(self, boxes=np.stack([y1, 1 - x2, y2, 1 - x1], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """The anchors with a target. Every other score should be zero; every other box does not matter."""

    score_index: NDArray[np.int32]  # (K, 2) anchor, class
    scores: NDArray[np.float32]  # (K,)
    box_index: NDArray[np.int32]  # (M,) anchor
    boxes: NDArray[np.float32]  # (M, 4) ty, tx, th, tw
    box_weights: NDArray[np.float32]  # (M,) the score of the object


@dataclass(frozen=True, slots=True, eq=False)
class TargetEncoder:
    """Makes the targets for one model, from its anchors and the scales of its box coder."""

    anchors: NDArray[np.float32]  # (A, 4) y, x, h, w
    box_scales: tuple[float, ...]  # y, x, h, w: factors of the encoded offsets and sizes

    @classmethod
    def of(cls, manifest: Manifest) -> TargetEncoder:
        """The encoder for the model of a raw SSD's manifest. Raises `ModelError` if its anchors cannot be made."""
        return cls(anchors_of(manifest), manifest.decode_as(SsdDecode).box_scales)

    def targets(self, objects: Objects) -> Targets:
        """Match objects and anchors as in Liu et al., "SSD: Single Shot MultiBox Detector", 2.2.

        An anchor gets the box of the object that it overlaps most, if the overlap is at least `ANCHOR_IOU`, and the
        score of every class that it overlaps as much; each object also gets its best anchor, however small the overlap,
        and its `FEWEST_ANCHORS` best if they overlap it by `FEWEST_IOU` and no other object by more.
        """
        overlap = iou(objects.boxes[:, None], anchor_corners(self.anchors))  # (N, A)
        matched = overlap >= ANCHOR_IOU
        if len(objects):
            matched |= _best_anchors(overlap)
            matched[np.arange(len(objects)), overlap.argmax(axis=1)] = True
        taken = np.flatnonzero(matched.any(axis=0))
        best = np.where(matched[:, taken], overlap[:, taken], -1.0).argmax(axis=0) if len(objects) else taken
        score_index, scores = _class_scores(objects, matched)
        return Targets(
            score_index=score_index,
            scores=scores,
            box_index=taken.astype(np.int32),
            boxes=encode_boxes(objects.boxes[best], self.anchors[taken], self.box_scales),
            box_weights=objects.scores[best],
        )


def _best_anchors(overlap: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(N, A) the `FEWEST_ANCHORS` that overlap each object most, but for those nearer to another object."""
    count = min(FEWEST_ANCHORS, overlap.shape[1])
    chosen = np.zeros(overlap.shape, np.bool_)
    np.put_along_axis(chosen, np.argpartition(-overlap, count - 1, axis=1)[:, :count], True, axis=1)
    return chosen & (overlap >= FEWEST_IOU) & (overlap == overlap.max(axis=0))


def _class_scores(objects: Objects, matched: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Each (anchor, class) pair once, with the highest score that an object gives it."""
    rows, anchors = np.nonzero(matched)
    order = np.argsort(-objects.scores[rows], kind="stable")
    pairs = np.stack([anchors[order], objects.class_ids[rows[order]]], axis=1)
    unique, first = np.unique(pairs, axis=0, return_index=True)
    return unique.astype(np.int32), objects.scores[rows[order]][first]


def anchor_corners(anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(A, 4) y, x, h, w as y1, x1, y2, x2."""
    centres, halves = anchors[:, :2], anchors[:, 2:] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def encode_boxes(
    boxes: NDArray[np.float32], anchors: NDArray[np.float32], box_scales: tuple[float, ...]
) -> NDArray[np.float32]:
    """(M, 4) boxes y1, x1, y2, x2 relative to their anchors, scaled: what the box head should output.

    The inverse of the `decode_boxes` of the SSD head.
    """
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).clip(SMALLEST_SIDE)
    offsets = np.concatenate([(centres - anchors[:, :2]) / anchors[:, 2:], np.log(sizes / anchors[:, 2:])], axis=1)
    return (offsets * np.array(box_scales, np.float32)).astype(np.float32)
