"""What an SSD should have said: the objects of a photograph laid onto its anchors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge_detector.boxes import iou

MATCH_IOU = 0.5  # an anchor answers for an object that it covers at least so well
BOX_SCALES = np.array([10.0, 10.0, 5.0, 5.0], np.float32)  # y, x, h, w: the box coder of the TF detection zoo


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """N objects of one photograph. A person's label has score 1, a teacher's proposal its confidence."""

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
        """As in the photograph's mirror image."""
        y1, x1, y2, x2 = self.boxes.T
        return replace(self, boxes=np.stack([y1, 1 - x2, y2, 1 - x1], axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """The few anchors with something to say; every other score should be zero, every other box is free."""

    score_index: NDArray[np.int32]  # (K, 2) anchor, class
    scores: NDArray[np.float32]  # (K,)
    box_index: NDArray[np.int32]  # (M,) anchor
    boxes: NDArray[np.float32]  # (M, 4) ty, tx, th, tw
    box_weights: NDArray[np.float32]  # (M,) the score of the object


def lay_out(objects: Objects, anchors: NDArray[np.float32]) -> Targets:
    """Match objects and anchors as in Liu et al., "SSD: Single Shot MultiBox Detector", 2.2.

    An anchor takes the box of the object that it covers best, if by `MATCH_IOU`, and the score of every class that it
    covers so well; each object also gets its best anchor, however small. `anchors`: (A, 4) y, x, h, w.
    """
    overlap = iou(objects.boxes[:, None], corners(anchors))  # (N, A)
    matched = overlap >= MATCH_IOU
    if len(objects):
        matched[np.arange(len(objects)), overlap.argmax(axis=1)] = True
    taken = np.flatnonzero(matched.any(axis=0))
    best = np.where(matched[:, taken], overlap[:, taken], -1.0).argmax(axis=0) if len(objects) else taken
    score_index, scores = _class_scores(objects, matched)
    return Targets(
        score_index=score_index,
        scores=scores,
        box_index=taken.astype(np.int32),
        boxes=encode(objects.boxes[best], anchors[taken]),
        box_weights=objects.scores[best],
    )


def _class_scores(objects: Objects, matched: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """(anchor, class) pairs without repetition, each with the highest score that claims it."""
    rows, anchors = np.nonzero(matched)
    order = np.argsort(-objects.scores[rows], kind="stable")
    pairs = np.stack([anchors[order], objects.class_ids[rows[order]]], axis=1)
    unique, first = np.unique(pairs, axis=0, return_index=True)
    return unique.astype(np.int32), objects.scores[rows[order]][first]


def corners(anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(A, 4) y, x, h, w as y1, x1, y2, x2."""
    centres, halves = anchors[:, :2], anchors[:, 2:] / 2
    return np.concatenate([centres - halves, centres + halves], axis=1)


def encode(boxes: NDArray[np.float32], anchors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(M, 4) corner boxes relative to their anchors, scaled: what the box head should output."""
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).clip(1e-3)
    offsets = np.concatenate([(centres - anchors[:, :2]) / anchors[:, 2:], np.log(sizes / anchors[:, 2:])], axis=1)
    return (offsets * BOX_SCALES).astype(np.float32)
