"""The SSD loss, with scores between 0 and 1 for objects that teachers are not sure of."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

Tensor = Any

# Lin et al. 2017, "Focal Loss for Dense Object Detection", equation 5, and the TF detection zoo's settings.
ALPHA, GAMMA = 0.25, 2.0
COORDINATES = 4


def score_loss(logits: Tensor, index: Tensor, scores: Tensor, negatives: Tensor | None = None) -> Tensor:
    """The focal loss of all logits (N, A, C): `scores` (K,) at `index` (K, 3), zero everywhere else.

    `negatives` (N, C): how much a place without an object counts; all count fully by default.

    Scores between 0 and 1 follow Li et al. 2020, "Generalized Focal Loss", equation 3: the further the probability is
    from the score, the more it counts. Only K of about 10^7 logits have a score; all others count as background.
    """
    claimed = tf.gather_nd(logits, index)
    everywhere = tf.reduce_sum(_focal_background(logits), axis=1)  # (N, C)
    there = _focal_background(claimed)
    if negatives is not None:
        everywhere, there = everywhere * negatives, there * tf.gather_nd(negatives, tf.gather(index, [0, 2], axis=1))
    return tf.reduce_sum(everywhere) - tf.reduce_sum(there) + tf.reduce_sum(_focal(claimed, scores))


def _focal(logits: Tensor, scores: Tensor) -> Tensor:
    balance = ALPHA * scores + (1 - ALPHA) * (1 - scores)
    distance = tf.abs(scores - tf.sigmoid(logits)) ** GAMMA
    return balance * distance * tf.nn.sigmoid_cross_entropy_with_logits(scores, logits)


def _focal_background(logits: Tensor) -> Tensor:
    """`_focal` at score zero, in fewer operations."""
    return (1 - ALPHA) * tf.sigmoid(logits) ** GAMMA * tf.nn.softplus(logits)


def box_loss(boxes: Tensor, index: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """The smooth L1 distance (Girshick 2015, "Fast R-CNN", equation 3) of boxes (N, A, 4) at `index` (M, 2)."""
    distance = tf.abs(tf.gather_nd(boxes, index) - targets)
    smooth = tf.where(distance < 1, 0.5 * distance**2, distance - 0.5)
    return tf.reduce_sum(smooth * weights[:, tf.newaxis]) / COORDINATES
