"""Points in a plane for an SVG: accuracy over a cost, the cost on a logarithmic axis, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from edge_detector.workstation.comparison.pareto import front
from edge_detector.workstation.comparison.rows import Row

WIDTH, HEIGHT = 340.0, 270.0
DOT = 5.0  # radius of a point, with some space around it
LETTER, LINE = 6.4, 12.0  # width and height of the text of a label
SHOWN_LOSS = 0.06  # of mAP below the best: what lies lower stands at the lower edge
MARGIN = 0.08  # of the range, on each side
DECADE, NARROW = (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)  # ticks of a logarithmic axis, and of a short one
SHORT = 8  # from end to end
STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # of the accuracy axis
MOST_TICKS = 8


class Label(NamedTuple):
    """Where a name stands."""

    x: float
    y: float
    anchor: str  # start, or end where it would leave the chart


@dataclass(frozen=True, slots=True)
class Point:
    """One model."""

    name: str
    place: tuple[float, float]
    label: Label
    in_front: bool
    below: bool  # it lies below the chart, and stands at its edge
    figures: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything to draw, in units of the SVG."""

    x_axis: str
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    points: tuple[Point, ...]
    front: tuple[tuple[float, float], ...]


def accuracy_chart(rows: Sequence[Row], cost: Callable[[Row], float], *, x_axis: str, accuracy: str) -> Chart:
    """The accuracy over a cost that is above 0; the first of the rows is the reference."""
    x_scale = _Scale.around([math.log(cost(row)) for row in rows], WIDTH)
    heights = {row.name: rows[0].figures.ap + row.figures.change for row in rows}  # what has fewer classes fits in, too
    best = max(heights.values())
    y_scale = _Scale.around([max(each, best - SHOWN_LOSS) for each in heights.values()], HEIGHT)
    ahead = front(rows, cost, lambda row: heights[row.name])
    places = [(x_scale(math.log(cost(row))), _height(heights[row.name], y_scale)) for row in rows]
    names = _labels([row.name for row in rows], places)
    points = tuple(
        Point(
            row.name,
            place,
            name,
            in_front=row in ahead,
            below=y_scale(heights[row.name]) < 0,
            figures=f"{x_axis} {cost(row):.3g}, {accuracy} {row.figures.ap:.3f}",
        )
        for row, place, name in zip(rows, places, names, strict=True)
    )
    line = [places[rows.index(row)] for row in ahead]
    return Chart(x_axis, tuple(_cost_ticks(x_scale)), tuple(_accuracy_ticks(y_scale)), points, tuple(line))


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to units of the SVG."""

    low: float
    high: float
    length: float

    @classmethod
    def around(cls, values: Sequence[float], length: float) -> _Scale:
        span = max(max(values) - min(values), 1e-3)
        return cls(min(values) - MARGIN * span, max(values) + MARGIN * span, length)

    def __call__(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low) * self.length


def _height(accuracy: float, scale: _Scale) -> float:
    """From the top."""
    return HEIGHT - max(0.0, scale(accuracy))


def _cost_ticks(scale: _Scale) -> Iterator[tuple[float, str]]:
    low, high = math.exp(scale.low), math.exp(scale.high)
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in NARROW if high / low < SHORT else DECADE:
            if low <= digit * 10.0**power <= high:
                yield scale(math.log(digit * 10.0**power)), f"{digit * 10.0**power:g}"


def _accuracy_ticks(scale: _Scale) -> Iterator[tuple[float, str]]:
    step = next((each for each in STEPS if (scale.high - scale.low) / each <= MOST_TICKS), STEPS[-1])
    for number in range(math.ceil(scale.low / step), math.floor(scale.high / step) + 1):
        yield HEIGHT - scale(number * step), f"{number * step:.3f}"


def _labels(names: Sequence[str], places: Sequence[tuple[float, float]]) -> list[Label]:
    """Each name beside its point, lower where another name or a point is already."""
    taken = [(x - DOT, x + DOT, y) for x, y in places]  # left, right, y
    found: dict[int, Label] = {}
    for index in sorted(range(len(names)), key=lambda each: places[each][1]):
        (x, y), length = places[index], LETTER * len(names[index])
        fits = x + 8 + length <= WIDTH + 20
        left = x + 8 if fits else x - 8 - length
        while any(abs(y - other) < LINE and left < right and start < left + length for start, right, other in taken):
            y += 2
        taken.append((left, left + length, y))
        found[index] = Label(left if fits else left + length, y + LINE / 3, "start" if fits else "end")
    return [found[index] for index in range(len(names))]
