from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.types import Detections
from edge_detector.workstation.data.coco import Matching
from edge_detector.workstation.evaluation.agreement import agreement, agreements_with_largest
from edge_detector.workstation.evaluation.coco_metrics import Metrics
from edge_detector.workstation.evaluation.measurement import Evaluation, Latency
from edge_detector.workstation.evaluation.score_quality import Outcomes, score_quality

PERSON, DOG = 1, 18
Row = tuple[int, float, tuple[float, float, float, float]]


def evaluation(name: str, *photographs: list[Row], size_bytes: int = 1000) -> Evaluation:
    """What a model of that name would have said of the photographs."""
    return Evaluation(
        name=name,
        model=Path(name),
        size_bytes=size_bytes,
        metrics=Metrics(0.0, 0.0, ()),
        inference=Latency(1.0, 1.0),
        total=Latency(1.0, 1.0),
        matching=Matching({}, (), ()),
        detections={number: detections(rows) for number, rows in enumerate(photographs)},
        quality=score_quality(Outcomes(np.empty(0, np.float32), np.empty(0, np.bool_), 0), 1.0),
        confidence=0.4,
    )


def detections(rows: list[Row]) -> Detections:
    class_ids, scores, boxes = zip(*rows, strict=True) if rows else ((), (), ())
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32), np.array(class_ids, np.int32), ()
    )


def test_a_model_agrees_with_its_double() -> None:
    rows = [(PERSON, 0.9, (0, 0, 10, 10)), (DOG, 0.5, (20, 20, 40, 40))]
    result = agreement(evaluation("double", rows, []), evaluation("float", rows, []))
    assert (result.objects, result.found, result.iou, result.score_difference) == (2, 2, 1.0, 0.0)


def test_counterparts_have_the_class_and_half_the_box_and_are_found_only_if_a_user_would_see_them() -> None:
    doubtful = (DOG, 0.3, (60, 60, 70, 70))
    reference = evaluation("float", [(PERSON, 0.8, (0, 0, 10, 10)), (DOG, 0.5, (20, 20, 40, 40)), doubtful])
    too_small, other_class = (DOG, 0.9, (20, 20, 30, 30)), (PERSON, 0.5, (20, 20, 40, 40))
    result = agreement(evaluation("int8", [(PERSON, 0.2, (0, 0, 10, 8)), too_small, other_class]), reference)
    assert (result.objects, result.found, result.below) == (2, 0, 1)
    assert result.sentence.startswith(
        "int8 finds 0 of 2 objects of float over 0.4, and 1 more with a lower score: mean"
    )
    assert result.iou == pytest.approx(0.8)
    assert result.score_difference == pytest.approx(0.6)


def test_of_several_that_fit_the_surest_counts() -> None:
    reference = evaluation("float", [(DOG, 0.8, (0, 0, 10, 10))])
    other = evaluation("int8", [(DOG, 0.1, (0, 0, 10, 10)), (DOG, 0.7, (0, 0, 10, 9))])
    assert agreement(other, reference).score_difference == pytest.approx(0.1)


def test_the_largest_file_is_the_measure_of_the_others() -> None:
    sizes = {"int8": 1000, "float": 4000, "float16": 2000}
    models = [evaluation(name, [], size_bytes=size) for name, size in sizes.items()]
    assert [(each.model, each.reference) for each in agreements_with_largest(models)] == [
        ("int8", "float"),
        ("float16", "float"),
    ]
    assert agreements_with_largest(models[:1]) == []


def test_nothing_found_is_no_agreement_and_no_warning() -> None:
    result = agreement(evaluation("blind", []), evaluation("float", [(DOG, 0.8, (0, 0, 10, 10))]))
    assert (result.objects, result.found, result.iou) == (1, 0, 0.0)
    assert result.sentence.startswith("blind finds 0 of 1 objects of float over 0.4")


def test_an_object_of_the_reference_counts_from_a_score_of_04_on_and_is_found_from_half_its_box_on() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    reference = evaluation("float", [(PERSON, float(np.float32(0.4)), box)], [(DOG, 0.39, box)])
    half = evaluation("int8", [(PERSON, 0.4, (0.0, 0.0, 10.0, 5.0))], [(DOG, 0.39, box)])
    less = evaluation("int8", [(PERSON, 0.4, (0.0, 0.0, 10.0, 4.9))], [(DOG, 0.39, box)])
    assert [(each.objects, each.found) for each in (agreement(half, reference), agreement(less, reference))] == [
        (1, 1),
        (1, 0),
    ]


def test_an_object_is_found_from_a_score_of_04_on() -> None:
    box = (0.0, 0.0, 10.0, 10.0)
    reference = evaluation("float", [(PERSON, 0.9, box)])
    exactly, less = (
        agreement(evaluation("int8", [(PERSON, float(np.float32(score)), box)]), reference) for score in (0.4, 0.399)
    )
    assert [(each.found, each.below) for each in (exactly, less)] == [(1, 0), (0, 1)]
