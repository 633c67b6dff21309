from __future__ import annotations

import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.workstation.quantization.accuracy_control import operator_orders, search
from edge_detector.workstation.quantization.fidelity import TensorSnr
from tests.workstation.graphs import tiny_detector

NAMES = tuple("abcdefghijklmnop")
BACKWARDS = NAMES[::-1]


class Model:
    """Accurate where all `needed` operators are in float; each of the others costs as much."""

    def __init__(self, *needed: str) -> None:
        self.needed = set(needed)
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, floats: tuple[str, ...]) -> float:
        self.asked.append(floats)
        return 0.5 - 0.1 * len(self.needed - set(floats))


def test_where_int8_is_good_enough_nothing_stays_float() -> None:
    model = Model()
    found = search({"first": NAMES}, model, reference=0.5, bound=0.01)
    assert (found.best.floats, found.within, model.asked) == ((), True, [()])


def test_the_fewest_of_an_order_are_found_by_doubling_and_bisection() -> None:
    model = Model(*NAMES[:5])
    found = search({"first": NAMES}, model, reference=0.5, bound=0.01)
    assert found.best.floats == NAMES[:5]
    assert [len(floats) for floats in model.asked] == [0, 1, 2, 4, 8, 6, 5]


def test_the_order_that_needs_fewer_wins() -> None:
    found = search({"first": NAMES, "backwards": BACKWARDS}, Model("p", "o", "n"), reference=0.5, bound=0.01)
    assert (found.best.order, found.best.floats) == ("backwards", ("p", "o", "n"))


def test_a_loss_within_the_bound_is_enough() -> None:
    found = search({"first": NAMES}, Model(*NAMES[:5]), reference=0.5, bound=0.21)
    assert found.best.floats == NAMES[:3]
    assert found.best.loss == pytest.approx(0.2)


def test_a_bound_that_cannot_be_met_is_said_with_the_nearest() -> None:
    found = search({"first": NAMES}, Model("a", "nobody"), reference=0.5, bound=0.01)
    assert not found.within
    assert found.best.loss == pytest.approx(0.1)
    assert {len(trial.floats) for trial in found.trials} == {0, 1, 2, 4, 8, 16}


def test_all_operators_are_tried_where_their_number_is_no_power_of_two() -> None:
    found = search({"first": NAMES[:11]}, Model(*NAMES[:11]), reference=0.5, bound=0.01)
    assert found.best.floats == NAMES[:11]


def test_no_set_is_measured_twice() -> None:
    model = Model(*NAMES)
    search({"first": NAMES, "backwards": BACKWARDS}, model, reference=0.5, bound=0.01)
    assert len({frozenset(floats) for floats in model.asked}) == len(model.asked)


def test_operators_that_lose_most_come_first() -> None:
    decibels = {"features": 30.0, "boxes/raw": 28.0, "raw_boxes": 28.0, "logits/raw": 12.0, "logits": 12.0}
    ratios = [TensorSnr(name, db) for name, db in {**decibels, "scores": 11.0}.items()]
    orders = operator_orders(tiny_detector(), ratios)
    assert orders["worst first"][:4] == ("features", "logits/raw", "boxes/raw", "scores")
    assert orders["first ones"][0] == "features"
    assert set(orders["worst first"]) == set(orders["first ones"])
