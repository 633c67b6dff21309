"""Training against the float model: what is kept, when it stops, and how it goes on after a stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from numpy.typing import NDArray

from edge_detector.workstation.training.distillation import Distillation
from edge_detector.workstation.training.graph_twin import GraphTwin, twin_of
from edge_detector.workstation.training.tuner import Tuner, TuningPlan, Unconstrained
from edge_detector.workstation.training.views import Views
from tests.workstation.graphs import SIDE, tiny_detector

RANDOM = np.random.default_rng(0)
HELD_OUT = [RANDOM.uniform(-1, 1, (1, SIDE, SIDE, 3)).astype(np.float32) for _ in range(4)]
PLAN = TuningPlan(steps=40, rate=3e-3)


class Noise(Views):
    """Random pictures in place of photographs; from the step `broken` on, they are not numbers."""

    def __init__(self, *, broken: float = np.inf, interrupted: float = np.inf) -> None:
        self.seen: list[int] = []
        self._broken, self._interrupted = broken, interrupted

    def steps(self, first: int, end: int) -> Iterator[NDArray[np.float32]]:
        for step in range(first, end):
            if step >= self._interrupted:
                raise KeyboardInterrupt
            self.seen.append(step)
            images = np.random.default_rng(step).uniform(-1, 1, (4, SIDE, SIDE, 3)).astype(np.float32)
            yield images * np.nan if step >= self._broken else images


def disturbed() -> GraphTwin:
    twin = twin_of(tiny_detector())
    random = np.random.default_rng(1)
    twin.model.set_weights([each + random.normal(0, 0.1, each.shape) for each in twin.model.get_weights()])
    return twin


def tuner_of(twin: GraphTwin, plan: TuningPlan = PLAN) -> Tuner:
    return Tuner(twin.model, twin_of(tiny_detector()).model, Distillation.of(tiny_detector()), plan)


def stage_error(twin: GraphTwin, teacher: GraphTwin) -> float:
    found, expected = (each.model(HELD_OUT[0])[2].numpy() for each in (twin, teacher))
    return float(np.square(found - expected).mean())


def test_a_disturbed_model_comes_back_to_what_it_was() -> None:
    twin = disturbed()
    tuner = tuner_of(twin)
    result = tuner.run(Noise(), HELD_OUT, Unconstrained())
    assert result.error_after < 0.5 * result.error_before
    assert tuner.error(HELD_OUT) == pytest.approx(result.error_after, rel=1e-4)
    assert (result.steps, result.stopped) == (40, "")


def test_stages_are_learnt_as_well_and_the_error_is_that_of_the_outputs() -> None:
    plain, hinted = disturbed(), twin_of(disturbed().trained_graph(), stages=["features"])
    teacher = twin_of(tiny_detector(), stages=["features"])
    tuner = Tuner(hinted.model, teacher.model, Distillation.of(tiny_detector()), PLAN)
    assert tuner.error(HELD_OUT) == pytest.approx(tuner_of(plain).error(HELD_OUT), rel=1e-4)
    for each in (tuner, tuner_of(plain)):
        each.run(Noise(), HELD_OUT, Unconstrained())
    without = twin_of(plain.trained_graph(), stages=["features"])
    assert stage_error(hinted, teacher) < 0.9 * stage_error(without, teacher)


def test_a_training_that_does_not_help_leaves_the_weights_as_they_were() -> None:
    twin = twin_of(tiny_detector())
    before = twin.model.get_weights()
    result = tuner_of(twin, TuningPlan(steps=4, rate=1.0)).run(Noise(), HELD_OUT, Unconstrained())
    assert (result.best_steps, result.error_after) == (0, result.error_before)
    for one, other in zip(twin.model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_loss_that_is_no_number_ends_the_training_and_the_last_good_weights_are_kept() -> None:
    twin = disturbed()
    result = tuner_of(twin).run(Noise(broken=25), HELD_OUT, Unconstrained())
    assert result.stopped == "the loss is nan at step 26; a lower rate may help"
    assert result.best_steps == 20
    assert result.error_after < result.error_before
    assert all(np.isfinite(each).all() for each in twin.model.get_weights())
    assert "stopped early: the loss is nan at step 26" in result.sentence()


def test_a_loss_that_explodes_ends_the_training() -> None:
    twin = disturbed()
    result = tuner_of(twin, TuningPlan(steps=40, rate=1e4)).run(Noise(), HELD_OUT, Unconstrained())
    assert "a lower rate may help" in result.stopped
    assert result.steps < 40


def test_an_interrupted_training_goes_on_where_it_was(tmp_path: Path) -> None:
    whole = tuner_of(disturbed()).run(Noise(), HELD_OUT, Unconstrained())
    with pytest.raises(KeyboardInterrupt):
        tuner_of(disturbed()).run(Noise(interrupted=25), HELD_OUT, Unconstrained(), tmp_path)
    rest = Noise()
    result = tuner_of(disturbed()).run(rest, HELD_OUT, Unconstrained(), tmp_path)
    assert rest.seen == list(range(20, 40))
    assert result.error_after == pytest.approx(whole.error_after, rel=1e-3)
    again = Noise()  # a training that is complete is not done again
    assert tuner_of(disturbed()).run(again, HELD_OUT, Unconstrained(), tmp_path) == result
    assert again.seen == []


def test_a_plan_of_few_steps_has_few_rounds() -> None:
    assert TuningPlan(160, 1e-4).ends() == [40, 80, 120, 160]
    assert TuningPlan(1, 1e-4).ends() == [1]
