"""What a person says of a picture: what counts as an object, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from edge_detector.errors import ConfigError
from edge_detector.mistakes.judging import judged
from edge_detector.mistakes.record import MISSED, RIGHT, WRONG
from tests.mistakes.pictures import FOUND, SAID, offer


def test_what_is_said_becomes_the_objects_of_the_picture() -> None:
    assert judged(offer(), SAID).objects == [("cat", FOUND[0].box), ("cat", (5.0, 5.0, 60.0, 50.0))]


def test_what_is_left_alone_is_right_only_in_a_class_that_is_vouched_for() -> None:
    left = judged(offer(), {"objects": [{"found": 0, "verdict": "wrong"}], "exhaustive": ["dog"]})
    assert left.objects == [("dog", FOUND[2].box)]
    assert judged(offer(), {"objects": [{"found": 0, "verdict": "wrong"}]}).objects == []


def test_another_label_that_is_the_same_is_right() -> None:
    (mark,) = judged(offer(), {"objects": [{"found": 0, "verdict": "relabelled", "label": " dog "}]}).marks
    assert mark.verdict == RIGHT


def test_a_box_is_turned_upright_only_by_the_page_and_cut_at_the_picture() -> None:
    (mark,) = judged(offer(), {"objects": [{"box": [-5, 10, 400, 20.5], "label": "cat"}]}).marks
    assert (mark.verdict, mark.box) == (MISSED, (0.0, 10.0, 320.0, 20.5))


def test_nothing_found_and_nothing_there_is_something_to_say() -> None:
    empty = judged(offer(), {"objects": [{"found": n, "verdict": WRONG} for n in range(3)], "exhaustive": ["dog"]})
    assert (empty.objects, empty.exhaustive, empty.is_judged) == ([], ("dog",), True)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ([], "expected an object such as"),
        ({}, "expected an object such as"),
        ({"objects": {}}, "expected an object such as"),
        ({"objects": [], "exhaustiv": []}, "did you mean 'exhaustive'?"),
        ({"objects": [{}] * 301}, "301 objects; expected at most 300"),
        ({"objects": [1]}, "object 1: expected an object such as"),
        ({"objects": [{"found": 3, "verdict": "right"}]}, "object 1: found is 3; expected 0 to 2, or a box"),
        ({"objects": [{"found": -1, "verdict": "right"}]}, "found is -1"),
        ({"objects": [{"found": True, "verdict": "right"}]}, "found is True"),
        ({"objects": [{"found": 0, "verdict": "maybe"}]}, "unknown verdict 'maybe'"),
        ({"objects": [{"found": 0, "verdict": "missed"}]}, "unknown verdict 'missed'"),
        ({"objects": [{"found": 0, "verdict": "relabelled"}]}, "label is None; expected the name of a class"),
        ({"objects": [{"found": 0, "verdict": "relabelled", "label": "a\nb"}]}, "label is 'a\\nb'"),
        ({"objects": [{"found": 0, "verdict": "relabelled", "label": "x" * 61}]}, "label is 'xxx"),
        ({"objects": [{"box": [1, 2, 3], "label": "cat"}]}, "box is [1, 2, 3]; expected x1, y1, x2, y2 in pixels"),
        ({"objects": [{"box": [1, 2, 3, float("nan")], "label": "cat"}]}, "expected x1, y1, x2, y2 in pixels"),
        ({"objects": [{"box": [1, 2, 3, "4"], "label": "cat"}]}, "expected x1, y1, x2, y2 in pixels"),
        ({"objects": [{"box": [10, 2, 11, 40], "label": "cat"}]}, "expected one of 2 pixels or more in 320x240"),
        ({"objects": [{"box": [400, 2, 500, 40], "label": "cat"}]}, "expected one of 2 pixels or more in 320x240"),
        (
            {"objects": [{"found": 0, "verdict": "right"}] * 2},
            "two objects say something of what was found as number 0",
        ),
        ({"objects": [], "exhaustive": "dog"}, "exhaustive is 'dog'; expected a list of classes"),
        ({"objects": [], "exhaustive": [1]}, "label is 1"),
    ],
)
def test_what_cannot_be_used_is_refused(given: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=r"^marks: ") as refused:
        judged(offer(), given)
    assert complaint in str(refused.value)
