"""What each kind of operator makes of inputs of another shape: the shape of its output, in the table `RULES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from edge_detector.errors import ModelError
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph

Shape = tuple[int, ...]

HEIGHT, WIDTH = 1, 2  # axes of an activation (N, H, W, C)


@dataclass(frozen=True, slots=True)
class Change:
    """An operator, and the shapes of its inputs before and after the change."""

    graph: TFLiteGraph
    operator: Any
    before: tuple[Shape, ...]
    after: tuple[Shape, ...]

    @property
    def options(self) -> Any:
        return self.operator.builtinOptions

    @property
    def output(self) -> Shape:
        """The shape of the first output before the change."""
        return self.graph.shape(int(self.operator.outputs[0]))

    @property
    def name(self) -> str:
        """What the operator is called in a message."""
        return f"{self.graph.op_name(self.operator)} {self.graph.name(int(self.operator.outputs[0]))!r}"

    def constant(self, place: int) -> NDArray[Any]:
        """The constant that is the input at ``place``. Raises `ModelError` if it is computed, or not there."""
        inputs = self.operator.inputs
        value = self.graph.constant(int(inputs[place])) if place < len(inputs) else None
        if value is None:
            raise ModelError(f"{self.name} has no constant as its input {place}; only constants can be changed")
        return value


def shape_after(change: Change) -> Shape:
    """The shape of the operator's outputs. Raises `ModelError` that names an operator which does not allow it."""
    rule = RULES.get(change.graph.op_name(change.operator))
    if rule is None:
        raise ModelError(f"{change.name} takes {_text(change.before[0])} only, not {_text(change.after[0])}")
    return rule(change)


def _same(change: Change) -> Shape:
    return change.after[0]


def _broadcast(change: Change) -> Shape:
    """Of two inputs: lengths that were the same must stay the same, and a length of 1 is repeated."""
    (first, second), before = change.after, change.before
    rank = max(len(first), len(second))
    lengths = [(1,) * (rank - len(shape)) + shape for shape in (first, second, *before)]
    for now, then in zip(zip(*lengths[:2], strict=True), zip(*lengths[2:], strict=True), strict=True):
        if now[0] != now[1] and (then[0] == then[1] or 1 not in now):
            raise ModelError(f"{change.name} would join {_text(first)} with {_text(second)}")
    return tuple(map(max, *lengths[:2]))


def _concatenate(change: Change) -> Shape:
    axis = change.options.axis % len(change.output)
    others = {shape[:axis] + shape[axis + 1 :] for shape in change.after}
    if len(others) > 1:
        raise ModelError(f"{change.name} would join {' with '.join(map(_text, change.after))}")
    return _with(change.after[0], {axis: sum(shape[axis] for shape in change.after)})


def _pack(change: Change) -> Shape:
    axis = change.options.axis % len(change.output)
    first = change.after[0]
    return (*first[:axis], len(change.after), *first[axis:])


def _convolve(change: Change) -> Shape:
    """Weights are (O, H, W, I) or (1, H, W, O); their number does not depend on the picture."""
    _, height, width, _ = change.before[1]
    options = change.options
    kernel = [(height - 1) * options.dilationHFactor + 1, (width - 1) * options.dilationWFactor + 1]
    return _windows(change, kernel)


def _pool(change: Change) -> Shape:
    return _windows(change, [change.options.filterHeight, change.options.filterWidth])


def _windows(change: Change, kernel: list[int]) -> Shape:
    """How many windows fit: tensorflow/lite/kernels/padding.h, ComputeOutSize."""
    steps = (change.options.strideH, change.options.strideW)
    lost = [0, 0] if change.options.padding == schema.Padding.SAME else [side - 1 for side in kernel]
    _, *sides, _ = change.after[0]
    height, width = (-(-(side - less) // step) for side, less, step in zip(sides, lost, steps, strict=True))
    if min(height, width) < 1:
        raise ModelError(f"{change.name} has nothing left of an input of {_text(change.after[0])}")
    return (change.after[0][0], height, width, change.output[-1])


def _pad(change: Change) -> Shape:
    return tuple(length + int(sum(more)) for length, more in zip(change.after[0], change.constant(1), strict=True))


def _reduce(change: Change) -> Shape:
    rank = len(change.after[0])
    axes = {int(axis) % rank for axis in change.constant(1).flat}
    if change.options.keepDims:
        return _with(change.after[0], dict.fromkeys(axes, 1))
    return tuple(length for axis, length in enumerate(change.after[0]) if axis not in axes)


def _transpose(change: Change) -> Shape:
    return tuple(change.after[0][int(axis)] for axis in change.constant(1))


def _resize(change: Change) -> Shape:
    """An upsampling keeps its factor."""
    new = {}
    for axis in (HEIGHT, WIDTH):
        new[axis], rest = divmod(change.after[0][axis] * change.output[axis], change.before[0][axis])
        if rest:
            sides = f"{change.before[0][axis]} to {change.output[axis]}"
            raise ModelError(f"{change.name} resizes {sides}, which is no factor that {change.after[0][axis]} can keep")
    return _with(change.after[0], new)


def _split(change: Change) -> Shape:
    """Into equal parts, along an axis that keeps its length."""
    source = 1 if len(change.after) == 2 else 0  # SPLIT has its axis first
    return _where_kept(change, change.before[source], change.after[source])


def _slice(change: Change) -> Shape:
    """What was taken up to the end still is; everything else keeps its place."""
    before, after = change.before[0], change.after[0]
    begin, end, stride = (change.constant(place) for place in (1, 2, 3))
    options = change.options
    if options.ellipsisMask or options.newAxisMask or options.shrinkAxisMask or (stride < 1).any():
        raise ModelError(f"{change.name} takes its input apart in a way that is not known here")
    new = {}
    for axis in (axis for axis in range(len(before)) if before[axis] != after[axis]):
        if not options.endMask >> axis & 1 and end[axis] != before[axis]:
            place = f"{begin[axis]} to {end[axis]} of {before[axis]}"
            raise ModelError(f"{change.name} takes {place}, which is a fixed place")
        start = 0 if options.beginMask >> axis & 1 else int(begin[axis])
        new[axis] = -(-(after[axis] - start) // int(stride[axis]))
    return _with(change.output, new)


def _where_kept(change: Change, before: Shape, after: Shape) -> Shape:
    """The output's lengths, with those of the input where it has the same as the input had."""
    new = {axis: after[axis] for axis in range(len(before)) if before[axis] != after[axis]}
    if any(change.output[axis] != before[axis] for axis in new):
        raise ModelError(f"{change.name} would take {_text(after)} apart at other places")
    return _with(change.output, new)


def _reshape(change: Change) -> Shape:
    """Dimensions that are merged or split go together, as far as their products are the same."""
    before, after = change.before[0], change.after[0]
    shape: list[int] = []
    for inputs, outputs in dimension_groups(before, change.output):
        shape += _group_after(change, before[inputs], after[inputs], change.output[outputs])
    return tuple(shape)


def _group_after(change: Change, before: Shape, after: Shape, output: Shape) -> Shape:
    """The output's dimensions of one group: the first of them takes up the change."""
    if before == after:
        return output
    kept = prod(length for length, old in zip(after, before, strict=True) if length == old)
    rest = prod(output[1:])
    changed = [axis for axis, length in enumerate(after) if length != before[axis]]
    unchanged_after = prod(after[changed[-1] + 1 :])
    if kept % rest or unchanged_after % rest:
        raise ModelError(f"{change.name} makes {_text(output)} of {_text(before)}, which works for this size only")
    return (prod(after) // rest, *output[1:])


def dimension_groups(before: Shape, after: Shape) -> list[tuple[slice, slice]]:
    """Which dimensions of a reshaped tensor become which: the smallest groups with the same product.

    (1, 40, 40, 24) and (1, 9600, 4): the first becomes the first, the other three become the other two.
    """
    ends = [(0, 0)]
    i = j = 0
    while i < len(before) and j < len(after):
        i, j = i + 1, j + 1
        left, right = before[i - 1], after[j - 1]
        while left != right:
            if left < right:
                left, i = left * before[i], i + 1
            else:
                right, j = right * after[j], j + 1
        ends.append((i, j))
    ends[-1] = (len(before), len(after))  # what is left are ones
    return [(slice(a, c), slice(b, d)) for (a, b), (c, d) in pairwise(ends)]


def _with(shape: Shape, lengths: Mapping[int, int]) -> Shape:
    return tuple(lengths.get(axis, length) for axis, length in enumerate(shape))


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))


_ELEMENTWISE = "ABS CAST DEQUANTIZE ELU EXP GELU HARD_SWISH LEAKY_RELU LOGISTIC NEG QUANTIZE RELU RELU6 RELU_N1_TO_1"
_ELEMENTWISE += " RSQRT SOFTMAX SQRT SQUARE TANH"

RULES: dict[str, Callable[[Change], Shape]] = {
    **dict.fromkeys(_ELEMENTWISE.split(), _same),
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "POW", "PRELU"), _broadcast),
    **dict.fromkeys(("CONV_2D", "DEPTHWISE_CONV_2D"), _convolve),
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D"), _pool),
    **dict.fromkeys(("PAD", "PADV2", "MIRROR_PAD"), _pad),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX"), _reduce),
    **dict.fromkeys(("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"), _resize),
    **dict.fromkeys(("SPLIT", "SPLIT_V"), _split),
    "CONCATENATION": _concatenate,
    "PACK": _pack,
    "RESHAPE": _reshape,
    "STRIDED_SLICE": _slice,
    "TRANSPOSE": _transpose,
}
