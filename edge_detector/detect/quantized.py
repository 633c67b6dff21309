"""Arithmetic on stored (quantized) values, so that only the values that are needed become real numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_detector.types import Tensor, TensorInfo

FOLDS = 32  # parts of a long row of scores that are laid over each other to find the highest
INTEGERS = "iu"  # numpy's kinds of them
HALF_STEP_SLACK = 1e-3  # of one quantization step: a threshold on a step keeps that step despite rounding errors


def to_real(stored: Tensor, info: TensorInfo) -> NDArray[np.float32]:
    """real = (stored - zero_point) * scale; float tensors pass as they are."""
    if not info.quantized:
        return stored.astype(np.float32, copy=False)
    return (stored.astype(np.float32) - np.float32(info.zero_point)) * np.float32(info.scale)


def to_stored(real: NDArray[np.float32], info: TensorInfo) -> Tensor:
    """The lowest stored values whose real values are at least ``real``; a threshold in the tensor's own type.

    A threshold above all that the type can hold becomes its highest value plus one, in a wider type: nothing passes.
    """
    if not info.quantized:
        return real.astype(info.dtype)
    limits = np.iinfo(info.dtype)
    steps = np.ceil(real.astype(np.float64) / info.scale + info.zero_point - HALF_STEP_SLACK)
    return np.clip(steps, limits.min, limits.max + 1).astype(np.int32)


def at_least(stored: Tensor, limit: Any) -> NDArray[np.bool_]:
    """Where ``stored`` is no lower than ``limit`` of `to_stored`, compared without widening ``stored``."""
    if stored.dtype.kind in INTEGERS and limit > np.iinfo(stored.dtype).max:
        return np.zeros(stored.shape, np.bool_)
    return stored >= stored.dtype.type(limit)


def where_at_least(stored: Tensor, limit: Any) -> NDArray[np.intp]:
    """The places in ``stored`` (N,) whose values are no lower than ``limit`` of `to_stored`, in ascending order.

    Of a million integers of which few reach it, in a third of the time of looking at each: only the highest of every
    `FOLDS` is looked at first.
    """
    if stored.dtype.kind not in INTEGERS:  # among floats there may be NaN, which hides what is higher
        return np.flatnonzero(at_least(stored, limit))
    if limit > np.iinfo(stored.dtype).max:
        return np.empty(0, np.intp)
    limit = stored.dtype.type(limit)
    length = len(stored) // FOLDS
    folded, rest = stored[: FOLDS * length].reshape(FOLDS, length), stored[FOLDS * length :]
    (columns,) = (folded.max(axis=0) >= limit).nonzero()
    if len(columns) > length // FOLDS:
        return np.flatnonzero(stored >= limit)
    rows, of_columns = (folded[:, columns] >= limit).nonzero()
    (behind,) = (rest >= limit).nonzero()
    return np.concatenate([rows * length + columns[of_columns], FOLDS * length + behind])


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), without overflow for very negative x."""
    return np.float32(0.5) * (1 + np.tanh(np.float32(0.5) * logits))
