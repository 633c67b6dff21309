"""Which pictures are offered for review, and how many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge_detector.mistakes.unsure import DAY_S, LOW_SCORE, RENAMED, SHORT_VISIT, Sampler
from edge_detector.types import Result, Thresholds
from tests import make
from tests.sinks.web.pages import Clock

BOX = (10.0, 20.0, 110.0, 220.0)
SURE, UNSURE = make.result(0, (BOX, 0.9, 1)), make.result(1, (BOX, 0.55, 1))
RENAMING = make.moment(5.0, make.visit_change("renamed", started_s=1.0, seen_s=5.0))


def reason(sampler: Sampler, result: Result, thresholds: Thresholds | None = None) -> str | None:
    offer = sampler.look(result, thresholds or Thresholds())
    return offer and offer.reason


def test_a_score_just_above_the_threshold_is_unsure() -> None:
    assert reason(Sampler(), SURE) is None
    assert reason(Sampler(), UNSURE) == LOW_SCORE
    assert reason(Sampler(), UNSURE, Thresholds(0.3)) is None
    assert reason(Sampler(), SURE, Thresholds(0.3, {"dog": 0.85})) == LOW_SCORE


def test_what_is_held_was_not_found_in_this_picture() -> None:
    held = replace(UNSURE.detections, held=np.array([True]))
    assert reason(Sampler(), replace(UNSURE, detections=held)) is None


def test_a_track_that_gets_another_label_is_unsure() -> None:
    assert reason(Sampler(), RENAMING) == RENAMED


def test_a_short_visit_is_offered_with_the_frame_that_showed_it() -> None:
    sampler = Sampler()
    begun = make.moment(1.0, make.visit_change("started", started_s=1.0))
    ended = make.moment(3.0, make.visit_change("ended", started_s=1.0, seen_s=1.5))
    assert sampler.look(begun, Thresholds()) is None
    offer = sampler.look(ended, Thresholds())
    assert offer is not None
    assert (offer.reason, offer.result) == (SHORT_VISIT, begun)


def test_a_visit_of_a_second_is_not_short() -> None:
    sampler = Sampler()
    assert reason(sampler, make.moment(1.0, make.visit_change("started", started_s=1.0))) is None
    assert reason(sampler, make.moment(3.0, make.visit_change("ended", started_s=1.0, seen_s=2.0))) is None


def test_few_frames_of_visits_that_begin_are_held() -> None:
    sampler = Sampler()
    for number in range(20):
        reason(sampler, make.moment(1.0, make.visit_change("started", number, started_s=1.0)))
    assert reason(sampler, make.moment(2.0, make.visit_change("ended", 1, started_s=1.0))) is None
    assert reason(sampler, make.moment(2.0, make.visit_change("ended", 19, started_s=1.0))) == SHORT_VISIT


def offered(sampler: Sampler, clock: Clock, hours: float, results: tuple[Result, ...] = (UNSURE, RENAMING)) -> int:
    """How many are offered in so many hours in which every picture is unsure, one each minute."""
    count = 0
    for _ in range(round(hours * 60)):
        clock.now += 60
        count += sum(sampler.look(result, Thresholds()) is not None for result in results)
    return count


def test_a_day_has_so_many_and_no_more() -> None:
    clock = Clock()
    sampler = Sampler(20, clock=clock)
    assert offered(sampler, clock, 24) == 20
    assert offered(sampler, clock, 24) == 20


def test_they_are_spread_over_the_day() -> None:
    clock = Clock()
    assert offered(Sampler(20, clock=clock), clock, 0.9) == 2
    assert offered(Sampler(20, clock=clock), clock, 0.9, (UNSURE,)) == 1


def test_a_new_run_counts_those_of_the_last_day() -> None:
    clock = Clock()
    sampler = Sampler(20, ages_s=[DAY_S - 3600.0] * 20 + [DAY_S + 1, -5.0], clock=clock)
    assert offered(sampler, clock, 0.9) == 0
    assert offered(sampler, clock, 1) > 0
