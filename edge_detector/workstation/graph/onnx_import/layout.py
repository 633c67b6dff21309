"""In which order the axes of a tensor lie in memory.

ONNX has the channels before rows and columns, TFLite has them last. A value keeps ONNX's shape, and says with its
order where each axis is in the TFLite tensor: axis i of that tensor is axis ``order[i]`` of ONNX's. So a transpose only
changes the order, and a reshape often moves no data.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

Shape = tuple[int, ...]
Order = tuple[int, ...]

CHANNELS_LAST: Order = (0, 2, 3, 1)
CHANNEL_AXIS = 1  # of a picture in ONNX


@dataclass(frozen=True, slots=True)
class Value:
    """An activation: where it is, and what it is to ONNX."""

    tensor: int  # in the TFLite graph
    shape: Shape  # as ONNX sees it
    order: Order

    @property
    def stored_shape(self) -> Shape:
        """The shape of the TFLite tensor."""
        return stored(self.shape, self.order)

    def stored_axis(self, axis: int) -> int:
        """Where ONNX's axis, which may count from the end, is in the TFLite tensor."""
        return self.order.index(axis % len(self.shape))


def natural(rank: int) -> Order:
    """ONNX's own order."""
    return tuple(range(rank))


def usual(rank: int) -> Order:
    """The order in which TFLite has tensors of this rank."""
    return CHANNELS_LAST if rank == len(CHANNELS_LAST) else natural(rank)


def stored(shape: Shape, order: Order) -> Shape:
    """The shape of the TFLite tensor."""
    return tuple(shape[axis] for axis in order)


def transposed(order: Order, permutation: Order) -> Order:
    """The order after ONNX's axes changed places: new axis j is what was axis ``permutation[j]``."""
    return tuple(permutation.index(axis) for axis in order)


def reshaped(shape: Shape, order: Order, new_shape: Shape) -> Order | None:
    """The order of the reshaped tensor if the data can stay where it is in memory, else None."""
    groups = _groups(shape, new_shape)
    places = {axis: number for number, (before, _) in enumerate(groups) for axis in before}
    moving = [axis for axis in order if shape[axis] > 1]  # an axis of size 1 is anywhere
    runs = [(number, list(axes)) for number, axes in groupby(moving, key=places.__getitem__)]
    if len({number for number, _ in runs}) < len(runs) or any(axes != sorted(axes) for _, axes in runs):
        return None
    in_memory = sorted(groups, key=lambda group: _first_place(group[0], shape, order))
    return tuple(axis for _, after in in_memory for axis in after)


def _first_place(axes: list[int], shape: Shape, order: Order) -> int:
    sized = [axis for axis in axes if shape[axis] > 1]
    return min(order.index(axis) for axis in sized or axes)


def _groups(shape: Shape, new_shape: Shape) -> list[tuple[list[int], list[int]]]:
    """Which axes together become which: the smallest groups with the same number of elements, in order."""
    groups: list[tuple[list[int], list[int]]] = []
    old, new = 0, 0
    while old < len(shape) and new < len(new_shape):
        before, after = [old], [new]
        while (size := _size(shape, before)) != (new_size := _size(new_shape, after)):
            smaller = before if size < new_size else after
            smaller.append(smaller[-1] + 1)
        groups.append((before, after))
        old, new = before[-1] + 1, after[-1] + 1
    groups[-1][0].extend(range(old, len(shape)))
    groups[-1][1].extend(range(new, len(new_shape)))
    return groups


def _size(shape: Shape, axes: list[int]) -> int:
    return math.prod(shape[axis] for axis in axes)
