from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect.manifest import InputSpec
from edge_detector.workstation.calibration.input_probe import candidates, probe, student_t
from edge_detector.workstation.calibration.lint import LintFinding, LintSeverity
from edge_detector.workstation.data.images import find_images
from edge_detector.workstation.graph.float_source import read_float_source

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
