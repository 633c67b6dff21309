"""When something worth recording is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.sinks.recording.trigger import Trigger
from edge_detector.types import Result, Timings
from tests import make

BOX = (10.0, 10.0, 50.0, 50.0)
PERSON, DOG = 0, 1


def seen(at_s: float, *class_ids: int) -> Result:
    rows = [(BOX, 0.9 - 0.1 * place, class_id) for place, class_id in enumerate(class_ids)]
    return Result(make.frame(timestamp_ns=round(at_s * 1e9)), make.detections(*rows), Timings(0, 0, 0, 0))


def test_it_fires_for_wanted_classes_only() -> None:
    trigger = Trigger(["dog"], make.LABELS, where="sink clips")
    assert [trigger(seen(0)), trigger(seen(1, PERSON)), trigger(seen(2, PERSON, DOG))] == [(), (), ("dog",)]


def test_no_class_named_means_all() -> None:
    assert Trigger([], make.LABELS, where="sink clips")(seen(0, DOG, PERSON, DOG)) == ("dog", "person")


def test_it_rests_for_its_cooldown_each_class_by_itself() -> None:
    trigger = Trigger([], make.LABELS, where="sink clips", cooldown_s=10)
    fired = [(at_s, trigger(seen(at_s, *who))) for at_s, *who in [(0, 0), (5, 0, 1), (9.9, 0), (10, 0), (14, 1)]]
    assert fired == [(0, ("person",)), (5, ("dog",)), (9.9, ()), (10, ("person",)), (14, ())]


def test_every_photograph_fires() -> None:
    trigger = Trigger(["dog"], make.LABELS, where="sink snapshots", cooldown_s=10)
    moments = [seen(at_s, DOG, PERSON) for at_s in (0, 0.1, 0.2)]
    photographs = [replace(each, frame=replace(each.frame, file=Path("dog.jpg"))) for each in moments]
    assert [trigger(each) for each in photographs] == [("dog",)] * 3


def test_labels_that_a_reload_brings_fire_too() -> None:
    result = seen(0, DOG)
    renamed = replace(result, detections=replace(result.detections, labels=("adult", "puppy", "kitten")))
    assert Trigger([], make.LABELS, where="sink clips")(renamed) == ("puppy",)


def test_a_class_that_the_model_does_not_know_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"sink clips: unknown class 'persn'; did you mean 'person'\?"):
        Trigger(["persn"], make.LABELS, where="sink clips")
