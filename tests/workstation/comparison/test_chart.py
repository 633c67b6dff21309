from __future__ import annotations

import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

import itertools

from edge_detector.workstation.comparison.chart import HEIGHT, LINE, WIDTH, Chart, accuracy_chart
from edge_detector.workstation.comparison.pareto import front
from tests.workstation.comparison.figures import DYNAMIC, FLOAT16, FLOAT32, INT8, row

RUINED = row("int8", name="ruined", ap=0.01, ratio=0.39, megabytes=3.5)


def chart() -> Chart:
    rows = (FLOAT32, FLOAT16, DYNAMIC, INT8, RUINED)
    return accuracy_chart(rows, lambda each: each.figures.ratio, x_axis="time", accuracy="mAP")


def test_the_front_has_what_no_other_beats_in_both() -> None:
    points = [(1, 5), (2, 4), (2, 6), (3, 6), (4, 9)]
    assert front(points, lambda each: each[0], lambda each: each[1]) == [(1, 5), (2, 6), (4, 9)]
    assert front([(1, 1), (1, 1)], lambda each: each[0], lambda each: each[1]) == [(1, 1)]


def test_the_front_is_marked_from_the_fastest_to_the_most_accurate() -> None:
    drawn = chart()
    assert {point.name for point in drawn.points if point.in_front} == {"ruined", "int8", "float32"}
    assert [x for x, _ in drawn.front] == sorted(x for x, _ in drawn.front)


def test_a_ruined_model_stands_at_the_lower_edge_and_all_are_inside() -> None:
    points = {point.name: point for point in chart().points}
    assert [name for name, point in points.items() if point.below] == ["ruined"]
    assert points["ruined"].place[1] == HEIGHT
    assert all(0 < x < WIDTH and 0 < y <= HEIGHT for x, y in (point.place for point in points.values()))
    assert points["float32"].place[1] < points["int8"].place[1]


def test_names_do_not_lie_on_each_other() -> None:
    twins = [row("int8", name=f"int8-{number}", ap=0.27, ratio=0.4, megabytes=3.6) for number in range(4)]
    labels = [
        point.label
        for point in accuracy_chart(twins, lambda each: each.figures.ratio, x_axis="time", accuracy="mAP").points
    ]
    heights = sorted(label.y for label in labels)
    assert all(lower - upper >= LINE for upper, lower in itertools.pairwise(heights))


def test_a_name_does_not_lie_on_the_next_point() -> None:
    near = [row("int8", name=f"int8-{number}", ap=0.27, ratio=0.4 + number / 1000, megabytes=3.6) for number in (0, 9)]
    far = row("int8", name="far", ap=0.28, ratio=0.5, megabytes=3.6)
    points = accuracy_chart([*near, far], lambda each: each.figures.ratio, x_axis="time", accuracy="mAP").points
    name, dot = points[0].label, points[1].place
    assert name.x < dot[0] < name.x + 40, "it would lie on the point at its own height"
    assert name.y - LINE / 3 - dot[1] >= LINE


def test_the_cost_axis_is_logarithmic() -> None:
    ticks = {text: place for place, text in chart().x_ticks}
    assert ticks.keys() == {"0.5", "1", "2"}, "from 0.39 to 3.4"
    short = accuracy_chart((FLOAT32, INT8), lambda each: each.figures.ratio, x_axis="time", accuracy="mAP")
    assert [text for _, text in short.x_ticks] == ["0.4", "0.5", "0.7", "1"]
    assert ticks["1"] - ticks["0.5"] == pytest.approx(ticks["2"] - ticks["1"])
