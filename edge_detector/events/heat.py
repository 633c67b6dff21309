"""Where objects were: how many of many paths lead through each cell of a grid over the picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

STEPS = 2  # looks at a path on the way through one cell, so that no cell between two points is left out


def heat(paths: Iterable[Sequence[Sequence[float]]], *, columns: int, rows: int) -> NDArray[np.int64]:
    """(rows, columns): how many paths lead through each cell; of each point only x and y, its last two, count."""
    counts = np.zeros(rows * columns, np.int64)
    for path in paths:
        counts[_cells(path, columns, rows)] += 1  # each cell once, however long it stays there
    return counts.reshape(rows, columns)


def _cells(path: Sequence[Sequence[float]], columns: int, rows: int) -> NDArray[np.int64]:
    """The numbers of the cells through which one path leads, row by row, each once."""
    if not path:
        return np.zeros(0, np.int64)
    points = np.asarray(path, np.float64)[:, -2:] * (columns, rows)
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(points, axis=0)).max(axis=1))])  # in cells
    looks = np.linspace(0.0, way[-1], int(way[-1] * STEPS) + 2)
    column, row = (np.interp(looks, way, points[:, axis]).astype(np.int64) for axis in (0, 1))
    return np.unique(row.clip(0, rows - 1) * columns + column.clip(0, columns - 1))
