"""How alike two models are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_detector.swap.agreement import Agreement
from edge_detector.types import Detections
from tests.make import detections

BOX, FAR = (10.0, 10.0, 50.0, 50.0), (60.0, 60.0, 90.0, 90.0)
HALF = (10.0, 10.0, 50.0, 31.0)  # overlaps with BOX by 0.52
PART = (10.0, 10.0, 50.0, 29.0)  # and by 0.48


def found(*rows: tuple[tuple[float, float, float, float], int]) -> Detections:
    return detections(*((box, 0.9, class_id) for box, class_id in rows))


@pytest.mark.parametrize(
    ("running", "new", "share"),
    [
        (found((BOX, 0)), found((BOX, 0)), 1.0),
        (found((BOX, 0)), found((HALF, 0)), 1.0),
        (found((BOX, 0)), found((PART, 0)), 0.0),
        (found((BOX, 0)), found((BOX, 1)), 0.0),
        (found((BOX, 0), (FAR, 1)), found((BOX, 0)), 2 / 3),
        (found((BOX, 0)), found((BOX, 0), (HALF, 0)), 2 / 3),
        (found((BOX, 0)), found(), 0.0),
        (found(), found(), None),
    ],
)
def test_a_box_agrees_with_one_of_its_label_at_its_place(running, new, share) -> None:
    assert Agreement.of(running, new).share == (share if share is None else pytest.approx(share))


def test_labels_are_compared_by_name() -> None:
    other = replace(found((BOX, 1)), labels=("cat", "person", "dog"))
    assert Agreement.of(found((BOX, 0)), other).share == 1.0


def test_frames_add_up_and_those_where_only_the_running_model_finds_something_are_counted() -> None:
    total = Agreement()
    for running, new in [(found((BOX, 0)), found()), (found(), found((BOX, 0))), (found((BOX, 0)), found((BOX, 0)))]:
        total += Agreement.of(running, new)
    assert total == Agreement(frames=3, running=2, new=2, same=1, silent=1)
    assert "agree in 50% of the boxes (2 of the old model, 2 of the new one, 1 the same, in 3 frames)" in str(total)
