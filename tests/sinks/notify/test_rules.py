"""Of which visits people are told."""

from __future__ import annotations

from datetime import datetime

import pytest

from edge_detector.errors import ConfigError
from edge_detector.hours import Hours
from edge_detector.options import Seconds
from edge_detector.sinks.notify.rules import NotifyOptions, Rules
from edge_detector.track.places import Zone
from edge_detector.types import VisitChange
from tests import make
from tests.sinks.conftest import MakeContext

NOON = datetime(2026, 3, 1, 12)
NIGHT = datetime(2026, 3, 1, 23)
SQUARE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))


def told(rules: Rules, *changes: VisitChange, at: datetime = NOON) -> list[str]:
    """The ids of the visits that people are told of, each change at the moment its object is seen."""
    return [each.visit.id for each in changes if rules.apply(each, each.visit.seen_ns, at)]


@pytest.fixture
def make_rules(make_context: MakeContext):
    def build(**options) -> Rules:
        context = make_context(track=True, zones=(Zone("drive", SQUARE),))
        return Rules(NotifyOptions(**options), context, where="sink test")

    return build


def test_each_visit_is_told_of_once(make_rules) -> None:
    changes = [make.visit_change(kind, seen_s=at_s) for at_s, kind in enumerate(["started", "updated", "ended"])]
    assert told(make_rules(), *changes) == [changes[0].visit.id]


def test_only_wanted_classes(make_rules) -> None:
    dog, person = make.visit_change("started", 1, "dog"), make.visit_change("started", 2, "person")
    assert told(make_rules(classes=("person",)), dog, person) == [person.visit.id]


def test_a_visit_is_told_of_when_it_enters_the_zone(make_rules) -> None:
    rules = make_rules(zones=("drive",))
    assert told(rules, make.visit_change("started")) == []
    assert told(rules, make.visit_change("entered", place="drive", zones={"drive": 0.5})) != []


def test_a_visit_is_told_of_when_its_score_is_high_enough(make_rules) -> None:
    rules = make_rules(confidence=0.8)
    assert told(rules, make.visit_change("started", score=0.6)) == []
    assert told(rules, make.visit_change("updated", score=0.8)) != []


def test_the_cooldown_is_of_each_class(make_rules) -> None:
    rules = make_rules(cooldown=Seconds(60))
    first = make.visit_change("started", 1, seen_s=0)
    soon = make.visit_change("started", 2, seen_s=59)
    dog = make.visit_change("started", 3, "dog", seen_s=59)
    later = make.visit_change("started", 4, seen_s=60)
    assert told(rules, first, soon, dog, later) == [each.visit.id for each in (first, dog, later)]


def test_what_begins_in_the_cooldown_stays_untold(make_rules) -> None:
    rules = make_rules(cooldown=Seconds(60))
    told(rules, make.visit_change("started", 1, seen_s=0), make.visit_change("started", 2, seen_s=30))
    assert told(rules, make.visit_change("updated", 2, seen_s=90)) == []


def test_nothing_is_told_in_quiet_hours_nor_afterwards(make_rules) -> None:
    rules = make_rules(quiet=Hours.parse("22:00-06:00"))
    assert told(rules, make.visit_change("started"), at=NIGHT) == []
    assert told(rules, make.visit_change("updated", seen_s=5), at=NOON) == []
    assert told(rules, make.visit_change("started", 2, seen_s=9), at=NOON) != []


def test_a_zone_that_is_not_there_is_an_error(make_rules) -> None:
    with pytest.raises(ConfigError, match="unknown zone 'driv'; did you mean 'drive'"):
        make_rules(zones=("driv",))


@pytest.mark.parametrize("wrong", [{"confidence": 1.5}, {"keep": 0}])
def test_numbers_out_of_range_are_errors(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected"):
        NotifyOptions(**wrong)
