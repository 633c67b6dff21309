"""What is seen, in words."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_detector.config import Config
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.running.meter import Meter
from edge_detector.sinks.print import WORDS, PrintSink, change_in_words, clock, in_words
from edge_detector.sinks.record import duration, stay_duration
from edge_detector.types import VISIT_CHANGES, Detection, Result, Thresholds, VisitChange
from tests.events.visits import visit
from tests.make import moment, result, visit_change

BOX = (0.0, 0.0, 9.0, 9.0)
PERSON = (BOX, 0.71, 0)
DOG = (BOX, 0.83, 1)


def context(*sinks: str, track: bool = False) -> Context:
    return Context(Config(sinks=sinks, track=track), None, Meter(), live=False, stop=lambda: None)


@dataclass
class Named:
    """A detector as a sink sees it."""

    name: str
    thresholds: Thresholds
    labels: tuple[str, ...]


def at(seconds: float, one: Result) -> Result:
    return replace(one, frame=replace(one.frame, timestamp_ns=round(seconds * 1e9) + 5_000))


def test_each_label_comes_once_with_its_best_score() -> None:
    assert in_words(result(0, DOG, PERSON, (BOX, 0.6, 1))) == "2 dogs 83%, person 71%"
    assert in_words(result(0)) == "nothing"


@pytest.mark.parametrize("lines", ["jsonl:-", "jsonl:-?append=true", "jsonl:/dev/stdout"])
def test_beside_json_lines_on_standard_output_words_go_to_standard_error(capfd, lines: str) -> None:
    photograph = replace(result(0, DOG), frame=replace(result(0).frame, file=Path("dog.jpg")))
    with PrintSink(Spec("print"), context("print", lines)) as sink:
        sink.write(photograph)
    assert capfd.readouterr() == ("", "dog.jpg  dog 83%\n")
    with PrintSink(Spec("print"), context("print", "jsonl:out.jsonl", "web")) as sink:
        sink.write(photograph)
    assert capfd.readouterr() == ("dog.jpg  dog 83%\n", "")


def test_a_change_is_said_once_and_a_flicker_never(capfd) -> None:
    seen = [(DOG,), (DOG,), (DOG,), (DOG,), (), (DOG,), (DOG,), (DOG,), (PERSON,), (PERSON,), (PERSON,), (), (), ()]
    with PrintSink(Spec("print"), context()) as sink:
        for number, rows in enumerate(seen):
            sink.write(at(70 + number / 10, result(number, *rows)))
    assert capfd.readouterr().out.splitlines() == ["0:00.2  dog 83%", "0:01.0  person 71%", "0:01.3  nothing"]


def test_every_photograph_has_its_line_with_its_name(capfd) -> None:
    with PrintSink(Spec("print"), context()) as sink:
        for name, rows in {"yard.jpg": (DOG,), "street.jpg": (DOG,), "sky.jpg": ()}.items():
            one = result(0, *rows)
            sink.write(replace(one, frame=replace(one.frame, file=Path("photographs", name))))
    assert capfd.readouterr().out.splitlines() == ["yard.jpg  dog 83%", "street.jpg  dog 83%", "sky.jpg  nothing"]


@pytest.mark.parametrize(
    ("below", "line"),
    [
        (Detection(BOX, 0.46, 0, "person"), "yard.jpg  nothing; person 46%, below 50%"),
        (Detection(BOX, 0.497, 0, "person"), "yard.jpg  nothing; person 49%, below 50%"),
        (Detection(BOX, 0.46, 1, "dog"), "yard.jpg  nothing; dog 46%, below 80%"),
        (None, "yard.jpg  nothing"),
    ],
)
def test_a_photograph_says_what_came_nearest(capfd, below, line) -> None:
    one = result(0)
    detector = Named("toy", Thresholds(class_confidence={"dog": 0.8}), ("person", "dog"))
    with PrintSink(Spec("print"), replace(context(), detector=detector)) as sink:
        sink.write(replace(one, frame=replace(one.frame, file=Path("yard.jpg")), below=below))
    assert capfd.readouterr().out == f"{line}\n"


def test_a_minute_has_sixty_seconds() -> None:
    assert [clock(seconds) for seconds in (0, 59.94, 59.96, 3725.5)] == ["0:00.0", "0:59.9", "1:00.0", "62:05.5"]


def test_a_name_that_is_not_utf8_is_written_as_it_is(capfdbinary) -> None:
    one = result(0)
    with PrintSink(Spec("print"), context()) as sink:
        sink.write(replace(one, frame=replace(one.frame, file=Path(os.fsdecode(b"h\xfcnd.jpg")))))
    assert capfdbinary.readouterr().out == b"h\xfcnd.jpg  nothing\n"


def test_a_visit_is_told_from_its_beginning_to_its_end(capfd) -> None:
    told = [
        visit_change("started", seen_s=70.0, started_s=70.0, score=0.71),
        visit_change("updated", seen_s=71.0, started_s=70.0),
        visit_change("entered", seen_s=72.0, started_s=70.0, place="door"),
        visit_change("stayed", seen_s=75.0, started_s=70.0, place="door", zones={"door": 3.0}),
        visit_change("left", seen_s=76.0, started_s=70.0, place="door", zones={"door": 4.2}),
        visit_change("crossed", seen_s=77.0, started_s=70.0, place="street", direction="to the right"),
        visit_change("crossed", seen_s=77.5, started_s=70.0, place="fence"),
        visit_change("stopped", seen_s=78.0, started_s=70.0),
        visit_change("moved", seen_s=170.0, started_s=70.0),
        visit_change("ended", seen_s=195.0, started_s=70.0),
    ]
    with PrintSink(Spec("print"), context(track=True)) as sink:
        sink.write(moment(65))
        for change in told:
            sink.write(moment(change.visit.seen_ns / 1e9, change))
    assert capfd.readouterr().out.splitlines() == [
        "0:05.0  person 71% came",
        "0:07.0  person entered door",
        "0:10.0  person has been in door for 3 s",
        "0:11.0  person left door after 4 s",
        "0:12.0  person crossed street, to the right",
        "0:12.5  person crossed fence",
        "0:13.0  person stands still",
        "1:45.0  person moves again",
        "2:10.0  person left after 2 min 5 s",
    ]


def test_where_visits_come_detections_are_not_told(capfd) -> None:
    with PrintSink(Spec("print"), context(track=True)) as sink:
        for number in range(10):
            sink.write(at(number, result(number, DOG)))
        photograph = result(10, DOG)
        sink.write(replace(photograph, frame=replace(photograph.frame, file=Path("dog.jpg"))))
    assert capfd.readouterr().out == "dog.jpg  dog 83%\n"


def test_every_change_has_its_words_but_the_updates() -> None:
    assert sorted(WORDS) == sorted(VISIT_CHANGES.keys() - {"updated"})


def test_a_stay_of_less_than_a_second_is_not_said_to_be_none() -> None:
    assert [stay_duration(each) for each in (0, 0.99, 1, 59.6)] == ["under 1 s", "under 1 s", "1 s", "1 min 0 s"]
    left = replace(visit(seen_s=0.3), zones={"door": 0.0})
    assert change_in_words(VisitChange("ended", left)) == "person left within 1 s"
    assert change_in_words(VisitChange("left", left, "door")) == "person left door within 1 s"
    assert change_in_words(VisitChange("stayed", left, "door")) == "person has been in door for under 1 s"


def test_a_duration_is_rounded_to_what_matters() -> None:
    assert [duration(each) for each in (0, 0.6, 59.4, 59.6, 7259, 7800)] == [
        *("0 s", "1 s", "59 s", "1 min 0 s"),
        *("2 h 0 min", "2 h 10 min"),
    ]
