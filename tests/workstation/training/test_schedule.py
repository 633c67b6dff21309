"""How long a training is, and what its rate and its average do on the way."""

from __future__ import annotations

import pytest

from edge_detector.workstation.training.history import Epoch, History, chance_of
from edge_detector.workstation.training.schedule import Schedule, epochs_for


@pytest.mark.parametrize(("photographs", "epochs"), [(1, 200), (16, 100), (100, 20), (242, 20), (1250, 8), (9999, 3)])
def test_fewer_photographs_are_shown_more_often(photographs: int, epochs: int) -> None:
    assert epochs_for(photographs) == epochs


def test_a_class_that_starts_from_nothing_takes_longer() -> None:
    assert (epochs_for(242, from_nothing=True), epochs_for(100, from_nothing=True)) == (40, 40)


@pytest.mark.parametrize("steps", [5, 40, 1000])
def test_the_rate_rises_for_a_tenth_of_the_run_and_falls_for_the_rest(steps: int) -> None:
    schedule = Schedule(epochs=steps, steps_per_epoch=1, rate=1.0)
    rates = [schedule.rate_at(step) for step in range(steps)]
    highest = rates.index(max(rates))
    assert max(rates) == 1.0
    assert highest <= 0.1 * steps
    assert rates[highest:] == sorted(rates[highest:], reverse=True)
    assert rates[-1] < 0.5


def test_the_average_forgets_the_start_and_then_remembers_a_twentieth_of_the_run() -> None:
    schedule = Schedule(epochs=10, steps_per_epoch=100, rate=1.0)
    assert schedule.average_at(0) == 0.0
    assert schedule.average_at(999) == pytest.approx(50 / 51)


def test_a_run_is_measured_about_twenty_times_and_at_its_end() -> None:
    schedule = Schedule(epochs=50, steps_per_epoch=1, rate=1.0)
    measured = [epoch for epoch in range(1, 51) if schedule.is_measured(epoch)]
    assert (len(measured), measured[-1]) == (25, 50)
    assert schedule.patience == 20


def run_of(*mean_aps: float) -> History:
    return History(tuple(Epoch(n, 1.0, 1.0, 1.0, 1.0, ap) for n, ap in enumerate(mean_aps, start=1)), kept=1)


def test_later_weights_are_kept_unless_they_are_clearly_worse() -> None:
    assert run_of(0.5, 0.6).keeps(0.595, 0.01)
    assert not run_of(0.5, 0.6).keeps(0.58, 0.01)
    assert History().keeps(0.0, 0.01)


def test_the_epochs_that_are_clearly_worse_are_counted() -> None:
    assert run_of(0.5, 0.6, 0.595, 0.55, 0.58).epochs_worse(0.01) == 2
    assert run_of(0.5, 0.6, 0.595, 0.55, 0.58).epochs_worse(0.02) == 0


def test_the_luckiest_of_many_measurements_on_few_objects_decides_nothing() -> None:
    run, chance = run_of(0.62, 0.66, 0.70, 0.65, 0.64), chance_of(21)
    assert run.keeps(0.64, chance)
    assert run.epochs_worse(chance) == 0


def test_chance_is_smaller_with_more_objects() -> None:
    assert [round(chance_of(objects), 3) for objects in (0, 25, 100, 10_000)] == [0.4, 0.08, 0.04, 0.01]


def test_a_history_survives_its_facts() -> None:
    history = run_of(0.5, 0.6)
    assert History.of_facts(history.as_facts()) == history
