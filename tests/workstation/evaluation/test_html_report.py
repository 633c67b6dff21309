from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")
pytest.importorskip("jinja2", reason="needs the extra [workstation]")

from edge_detector.types import Detections
from edge_detector.workstation.data import coco
from edge_detector.workstation.data.coco import Annotations, Matching
from edge_detector.workstation.evaluation.coco_metrics import ClassMetrics, Metrics
from edge_detector.workstation.evaluation.html_report import CaptionedBox, boxes_to_draw, class_rows, html_report
from edge_detector.workstation.evaluation.measurement import Evaluation, Latency
from edge_detector.workstation.evaluation.mistakes import JudgedPhotograph, Judgement
from edge_detector.workstation.evaluation.score_quality import Outcomes, score_quality
from edge_detector.workstation.evaluation.truths import Truths
from tests.workstation.data.test_coco import truth, write

PERSON, DOG = 1, 18
CATEGORIES = {PERSON: "person", DOG: "dog"}


def metrics(**aps: tuple[int, float]) -> Metrics:
    """The figures of classes, given as (truths, ap)."""
    curve = np.linspace(1, 0, 101)
    return Metrics(0.25, 0.5, tuple(ClassMetrics(name, truths, ap, ap, curve) for name, (truths, ap) in aps.items()))


def evaluation(name: str, detections: dict[int, Detections], **aps: tuple[int, float]) -> Evaluation:
    return Evaluation(
        name=name,
        model=Path(name),
        size_bytes=2_340_000,
        metrics=metrics(**aps),
        inference=Latency(1.23, 2.34),
        total=Latency(3.45, 4.56),
        matching=Matching({PERSON: PERSON}, ("<i>dragon</i>", "elf"), ()),
        detections=detections,
        quality=score_quality(Outcomes(np.empty(0, np.float32), np.empty(0, np.bool_), 0), 1.0),
        confidence=0.4,
    )


def found(*rows: tuple[int, float, tuple[float, float, float, float]]) -> Detections:
    class_ids, scores, boxes = zip(*rows, strict=True)
    return Detections(np.float32(boxes), np.float32(scores), np.int32(class_ids), ())


@pytest.fixture
def annotations(tmp_path: Path) -> Annotations:
    """Two photographs of 64x48; on the first a person in the box 1, 2, 31, 42, on the second a dog."""
    return coco.load_annotations(write(tmp_path, truth(), truth(image_id=8, category_id=DOG, bbox=[4, 30, 20, 10])))


@pytest.fixture
def page(annotations: Annotations) -> str:
    person = found((PERSON, 0.87, (1, 2, 31, 42)), (DOG, 0.5, (40, 2, 50, 42)))
    dog = found((DOG, 0.39, (4, 30, 24, 40)))  # too unsure to be shown
    first = evaluation("int8 <small>", {7: person, 8: dog}, person=(1, 0.5), dog=(1, 0.0))
    return html_report([first, replace(first, name="float", model=Path("float"), size_bytes=9_000_000)], annotations)


def cells(page: str, row: str) -> list[str]:
    """The texts of the table row that holds ``row``."""
    found = next(each for each in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL) if row in each)
    return [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", found, re.DOTALL)]


def test_each_model_has_a_row_of_figures(page: str) -> None:
    assert cells(page, "AP50") == ["model", "MB", "mAP", "AP50", "invoke ms", "p95", "whole ms", "p95"]
    assert cells(page, "2.34") == ["int8 &lt;small&gt;", "2.34", "0.250", "0.500", "1.2", "2.3", "3.5", "4.6"]
    assert cells(page, "9.00")[:2] == ["float", "9.00"]


def test_names_that_match_nothing_are_listed_and_escaped(page: str) -> None:
    assert '<p class="small">all models: 2 labels that are no category: &lt;i&gt;dragon&lt;/i&gt;, elf</p>' in page
    assert "categories the model does not know" not in page  # there are none


def test_the_models_are_compared_with_the_largest(page: str) -> None:
    assert "<p>int8 &lt;small&gt; finds 2 of 2 objects of float over 0.4" in page


def test_the_classes_with_the_most_objects_come_first_each_with_its_ap_of_every_model() -> None:
    first = evaluation("a", {}, cat=(1, 0.1), dog=(5, 0.2), person=(3, 0.3))
    other = replace(first, metrics=metrics(cat=(1, 0.4), dog=(5, 0.5), person=(3, 0.6)))
    assert [(row.name, row.objects, row.aps) for row in class_rows([first, other])] == [
        ("dog", 5, (0.2, 0.5)),
        ("person", 3, (0.3, 0.6)),
        ("cat", 1, (0.1, 0.4)),
    ]


def test_the_table_of_classes_has_a_column_for_each_model(page: str) -> None:
    assert cells(page, "objects</th>") == ["class", "objects", "int8 &lt;small&gt;", "float"]
    assert cells(page, "<td>person</td>") == ["person", "1", "0.500", "0.500"]


def test_boxes_that_were_missed_come_first_then_those_found_and_false() -> None:
    truths = Truths.of([truth(bbox=[0, 0, 10, 10], iscrowd=0), truth(category_id=DOG, bbox=[5, 5, 20, 30], iscrowd=0)])
    shown = found((PERSON, 0.876, (0, 0, 10, 9.96)), (DOG, 0.5, (60, 0, 64, 8)))
    judgement = Judgement(shown, np.array([True, False]), np.array([False, True]))
    photograph = JudgedPhotograph(Path("a.png"), truths, (judgement,))
    assert list(boxes_to_draw(photograph, judgement, CATEGORIES)) == [
        CaptionedBox("missed", "dog", 5, 5, 20, 30),
        CaptionedBox("found", "person 88%", 0, 0, 10, 10),
        CaptionedBox("false", "dog 50% ?", 60, 0, 4, 8),
    ]


def test_boxes_and_captions_are_drawn_in_pixels_of_the_photograph(page: str) -> None:
    # A caption stands 3 pixels above its box, but never above the picture; letters are 1/36 of its width.
    assert '<svg viewBox="0 0 64 48">' in page
    assert '<rect class="box found" x="1.0" y="2.0" width="30.0" height="40.0"/>' in page
    assert '<text x="3.0" y="1.8" font-size="1.8">person 87%</text>' in page
    assert '<rect class="box missed" x="4.0" y="30.0" width="20.0" height="10.0"/>' in page
    assert '<text x="6.0" y="27.0" font-size="1.8">dog</text>' in page


def test_the_photographs_with_the_most_mistakes_come_with_a_panel_for_each_model(page: str) -> None:
    assert re.findall(r'<h3 class="small">(.*)</h3>', page) == ["000.png", "001.png"]
    assert (
        re.findall(r"<figcaption class=\"small\">(.*): (\d) mistakes", page)
        == [
            ("int8 &lt;small&gt;", "1"),
            ("float", "1"),
        ]
        * 2
    )
    assert re.findall(r'<image id="(.*?)"|<use href="#(.*?)"', page) == [
        *[("photograph0", ""), ("", "photograph0"), ("", "photograph0")],
        *[("photograph1", ""), ("", "photograph1"), ("", "photograph1")],
    ]


def test_the_photograph_itself_is_in_the_page(page: str, annotations: Annotations) -> None:
    encoded = re.findall(r'href="data:image/jpeg;base64,([^"]*)"', page)
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(encoded[0]), np.uint8), cv2.IMREAD_COLOR)
    original = cv2.imread(str(annotations.images[0][1]))
    assert np.abs(picture.astype(int) - original).mean() < 10


def test_at_most_twelve_photographs_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    annotations = coco.load_annotations(write(tmp_path, truth()))
    many = replace(annotations, images=tuple((number, annotations.images[0][1]) for number in range(20)))
    many = replace(many, content={**many.content, "annotations": []})
    nothing = Detections.empty(())
    page = html_report([evaluation("a", dict.fromkeys(range(20), nothing), person=(1, 0.0))], many)
    assert page.count("<h3") == 12


def test_the_curves_go_over_all_recalls(page: str) -> None:
    curves = re.findall(r'<polyline points="([^"]*)"', page)
    assert [curve.split()[:: len(curve.split()) - 1] for curve in curves] == [["0.0,0.0", "300.0,300.0"]] * 2


def test_the_scores_of_each_model_have_a_table_with_the_best_threshold_in_bold(page: str) -> None:
    assert page.count("<th>score</th><th>precision</th><th>recall</th><th>F1</th>") == 2
    assert page.count("<td><b>0.01</b></td>") == 2
    assert page.count("expected calibration error") == 2
