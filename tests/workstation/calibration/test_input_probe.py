from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect.manifest import InputSpec
from edge_detector.workstation.calibration.input_probe import Evidence, candidates, one_of_each_scene, probe, student_t
from edge_detector.workstation.calibration.lint import LintFinding, LintSeverity
from edge_detector.workstation.data.images import find_images
from edge_detector.workstation.graph.float_source import read_float_source
from tests.workstation.graphs import photograph

FPNLITE = "models/ssd_mobilenet_v2_fpnlite_320_coco"


def findings(shared: Path, *, annotated: bool, **chosen: float | str) -> tuple[LintFinding, ...]:
    """What the shared model says when it is given another input than it wants."""
    source = read_float_source(shared / FPNLITE / "model.tflite", Config(mean=127.5, std=127.5))
    spec = replace(source.manifest.input, **chosen)  # type: ignore[arg-type]
    source = replace(source, manifest=replace(source.manifest, input=spec))
    annotations = shared / "data/coco_train_128.json"
    labels = shared / FPNLITE / "labels.txt"
    return probe(source, labels, find_images(annotations), annotations if annotated else annotations.parent)


def test_the_chosen_input_is_no_candidate_and_every_other_usual_one_is() -> None:
    chosen = InputSpec((320, 320))
    found = candidates(chosen)
    assert [candidate.words for candidate in found] == [
        *("BGR in [-1, 1]", "RGB in [0, 1]", "BGR in [0, 1]", "RGB in [0, 255]", "BGR in [0, 255]"),
    ]
    assert len(candidates(replace(chosen, mean=100.0))) == 6


def test_differences_are_measured_in_standard_errors() -> None:
    assert student_t(np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / (1 / np.sqrt(3)))
    assert student_t(np.zeros(5)) == 0.0


def test_of_the_frames_of_one_scene_the_first_is_a_sample(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    places = [cv2.resize(photograph(random), (320, 240)) for _ in range(2)]
    for number, place in enumerate((places[0], places[1], places[0], places[1])):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.clip(place * (1 - 0.05 * number), 0, 255).astype(np.uint8))
    assert [path.name for path in one_of_each_scene(find_images(tmp_path))] == ["0.png", "1.png"]


def test_one_scene_gives_no_hint_about_the_input_however_many_frames(shared: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    scene = cv2.resize(photograph(random), (320, 240))
    for number in range(20):
        noisy = np.clip(scene + random.normal(0, 4, scene.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number:02}.png"), noisy)
    source = read_float_source(shared / FPNLITE / "model.tflite", Config(mean=0.0, std=1.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evidence, "of", lambda *_: pytest.fail("the model is not asked"))
        assert probe(source, shared / FPNLITE / "labels.txt", find_images(tmp_path), tmp_path) == ()


def test_the_right_input_has_no_finding(shared: Path) -> None:
    assert findings(shared, annotated=True) == ()


def test_annotated_photographs_tell_a_division_by_255(shared: Path) -> None:
    (finding,) = findings(shared, annotated=True, mean=0.0, std=255.0)
    assert finding.severity is LintSeverity.ERROR
    assert "shown RGB in [-1, 1]" in finding.sentence
    assert finding.sentence.endswith("--mean 127.5 --std 127.5 --color rgb")


def test_annotated_photographs_tell_swapped_colours(shared: Path) -> None:
    (finding,) = findings(shared, annotated=True, color="bgr")
    assert finding.severity is LintSeverity.ERROR
    assert "shown RGB in [-1, 1]" in finding.sentence


def test_photographs_alone_tell_pixels_that_were_not_normalised(shared: Path) -> None:
    (finding,) = findings(shared, annotated=False, mean=0.0, std=1.0)
    assert finding.severity is LintSeverity.WARNING
    assert "RGB in [-1, 1]" in finding.sentence
