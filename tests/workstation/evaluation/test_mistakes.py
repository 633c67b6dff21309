from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.types import Detections
from edge_detector.workstation.evaluation.mistakes import Truths, judge
from tests.workstation.data.test_coco import truth

WHOLE, HALF, LESS = (0, 0, 10, 10), (0, 0, 10, 5), (0, 0, 10, 4.9)


def found(*rows: tuple[float, tuple[float, float, float, float]]) -> Detections:
    """Persons, as (score, box)."""
    scores, boxes = zip(*rows, strict=True)
    return Detections(np.float32(boxes), np.float32(scores), np.ones(len(scores), np.int32), ("", "person"))


def truths(*boxes: tuple[float, float, float, float], crowd: bool = False) -> Truths:
    corners = [truth(bbox=[x1, y1, x2 - x1, y2 - y1], iscrowd=int(crowd)) for x1, y1, x2, y2 in boxes]
    return Truths.of(corners)


@pytest.mark.parametrize("confidence", [0.25, 0.4])
def test_a_detection_is_shown_from_the_confidence_of_its_model_on(confidence: float) -> None:
    scores = (confidence + 1e-6, confidence, confidence - 0.01)
    assert len(judge(found(*((each, WHOLE) for each in scores)), truths(WHOLE), confidence).shown) == 2


@pytest.mark.parametrize(("box", "correct"), [(HALF, True), (LESS, False)])
def test_a_detection_is_correct_from_an_overlap_of_half_on(
    box: tuple[float, float, float, float], correct: bool
) -> None:
    judgement = judge(found((0.9, box)), truths(WHOLE), 0.4)
    assert judgement.correct.tolist() == [correct]
    assert judgement.missed.tolist() == [not correct]
    assert judgement.mistakes == (0 if correct else 2)


def test_a_crowd_that_nobody_found_is_not_missed() -> None:
    assert judge(found((0.9, (50, 50, 60, 60))), truths(WHOLE, crowd=True), 0.4).missed.tolist() == [False]


def test_of_two_truths_that_fit_the_one_with_more_overlap_is_found() -> None:
    assert judge(found((0.9, WHOLE)), truths((0, 0, 10, 7), (0, 0, 10, 9)), 0.4).missed.tolist() == [True, False]
