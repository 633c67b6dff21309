"""Geometry of polygons: their corners in order, (M, 2) x, y in any one unit; the last is joined to the first."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]  # (N, 2) x, y

ON_THE_EDGE = 1e-3  # pixels: so deep outside, a point at the edge of the picture is in a polygon that reaches that edge


def contains(polygon: Points, points: Points) -> NDArray[np.bool_]:
    """(N,) which of ``points`` (N, 2) lie inside ``polygon`` (M, 2): those from which a ray crosses it an odd number
    of times (the even-odd rule)."""
    x, y = points[:, None, 0], points[:, None, 1]
    x1, y1 = polygon.T
    x2, y2 = np.roll(polygon, -1, axis=0).T
    height = np.where(y2 == y1, 1, y2 - y1)  # a level edge is never straddled: any number but 0 does
    straddled = (y1 > y) != (y2 > y)
    return (straddled & (x < x1 + (y - y1) * (x2 - x1) / height)).sum(axis=1) % 2 == 1


def distances(polygon: Points, points: Points) -> Points:
    """(N,) how far each of ``points`` (N, 2) is from the nearest edge of ``polygon`` (M, 2), inside or outside."""
    edges = np.roll(polygon, -1, axis=0) - polygon
    offsets = points[:, None] - polygon
    lengths = np.maximum((edges**2).sum(axis=1), np.finfo(np.float64).tiny)
    along = np.clip((offsets * edges).sum(axis=2) / lengths, 0, 1)
    return np.linalg.norm(offsets - along[..., None] * edges, axis=2).min(axis=1)


def depths(polygon: Points, points: Points) -> Points:
    """(N,) how far each of ``points`` (N, 2) is inside ``polygon`` (M, 2), from its nearest edge; outside, below 0."""
    inside = np.where(contains(polygon, points), 1, -1)
    return inside * distances(polygon, points)


def is_flat(polygon: Points, *, tolerance: float) -> bool:
    """Whether all corners lie on one line, or so nearly that the polygon is nowhere wider than about ``tolerance``."""
    return int(np.linalg.matrix_rank(polygon - polygon.mean(axis=0), tol=tolerance)) < 2


def crossing_edges(polygon: Points) -> tuple[int, int] | None:
    """The numbers of two edges that meet elsewhere than at the corner between them; edge 0 begins at corner 0."""
    count = len(polygon)
    starts, ends = polygon, np.roll(polygon, -1, axis=0)
    for first in range(count):
        later = _not_neighbours(first, count)
        meeting = later[segments_meet(starts[first], ends[first], starts[later], ends[later])]
        if len(meeting):
            return first, int(meeting[0])
        if _turns_back(starts[first], ends[first], ends[(first + 1) % count]):
            return first, (first + 1) % count
    return None


def _not_neighbours(edge: int, count: int) -> NDArray[np.intp]:
    """The edges after ``edge`` that share no corner with it."""
    later = np.arange(edge + 2, count)
    return later[(later + 1) % count != edge]


def _turns_back(start: Points, corner: Points, end: Points) -> bool:
    """Whether the path from ``start`` to ``end`` goes back at ``corner`` on the line on which it came."""
    back = float((corner - start) @ (end - corner)) < 0
    return back and sides(start, corner, end) == 0


def segments_meet(start: Points, end: Points, starts: Points, ends: Points) -> NDArray[np.bool_]:
    """(N,) which of the segments from ``starts`` (N, 2) to ``ends`` (N, 2) meet the one from ``start`` to ``end``."""
    apart = sides(start, end, starts) * sides(start, end, ends) > 0
    apart |= sides(starts, ends, start) * sides(starts, ends, end) > 0
    low, high = np.minimum(start, end), np.maximum(start, end)
    beside = (np.minimum(starts, ends) > high) | (np.maximum(starts, ends) < low)  # of segments on one line
    return ~apart & ~beside.any(axis=-1)


def sides(start: Points, end: Points, points: Points) -> Any:
    """The cross product of the way from ``start`` to ``end`` and that to ``points``: above 0 on the right side as
    seen in a picture (y grows downward) looking from ``start`` to ``end``, 0 on the line, below 0 on the left."""
    way, offset = end - start, points - start
    return way[..., 0] * offset[..., 1] - way[..., 1] * offset[..., 0]
