from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")
pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.cli import main
from edge_detector.workstation.comparison import guesses
from tests.workstation.classification.classifiers import colored_pictures, save_classifier, write_labels
from tests.workstation.comparison.short_runs import shorten
from tests.workstation.graphs import photographs


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """The command for the tiny classifier; its report goes to the folder `report`."""
    source, pictures = save_classifier(tmp_path / "colors.tflite"), colored_pictures(tmp_path / "pictures")
    labels, calibration = write_labels(tmp_path / "colors.txt"), photographs(tmp_path / "calibration")
    given = ["--pictures", pictures, "--calibration", calibration, "--labels", labels, "--mean", 127.5, "--std", 127.5]
    chosen = ["--techniques", "int8,float16", "--output", tmp_path / "report"]
    return ["compare", *map(str, [source, *given, *chosen])]


def test_a_classifier_is_compared_by_its_first_guesses(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[0].split()[:5] == ["model", "MB", "gzip", "top-1", "change"]
    assert "mAP" not in shown
    content = json.loads((tmp_path / "report" / "report.json").read_text())
    assert (content["accuracy"], content["images"]) == ("top-1", 12)
    models = {each["name"]: each for each in content["models"]}
    assert {"float32", "int8", "float16"} <= set(models)
    assert {each["ap"] for each in models.values()} == {1.0}
    assert models["int8"]["classes"]["red"] == {"truths": 4, "ap": 1.0}
    assert models["int8"]["agreement"]["same"] == {"hits": 12, "count": 12}


def test_techniques_that_train_are_rows_and_what_does_not_apply_says_why(words: list[str], tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra [training]")
    training = colored_pictures(tmp_path / "training", 8)
    chosen = "qat,cluster16,filter-pruning,int8-smaller-input,int8-mixed,int8-specialised"
    given = ("--training", str(training), "--steps", "4", "--classes", "red,green", "--techniques", chosen)
    assert main([*words, *given]) == 0
    content = json.loads((tmp_path / "report" / "report.json").read_text())
    assert [each["name"] for each in content["models"]] == ["float32", "int8", "qat", "cluster16"]
    said = {each["name"]: (each["state"], each["reason"]) for each in content["unmeasured"]}
    assert {state for state, _ in said.values()} == {"skipped"}
    assert said["int8-mixed"][1] == said["int8-specialised"][1] == "it is made of detectors only"
    assert "this network has none" in said["filter-pruning"][1]
    assert "no side near 0.8" in said["int8-smaller-input"][1]


def test_without_labelled_pictures_they_are_skipped(words: list[str], tmp_path: Path) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra [training]")
    assert main([*words, "--techniques", "qat"]) == 0
    (qat,) = json.loads((tmp_path / "report" / "report.json").read_text())["unmeasured"]
    assert qat["state"] == "skipped"
    assert qat["reason"].endswith("of a classifier, a folder for each class")


def test_one_folder_to_train_on_is_enough(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--data", "one", "two"]) == 78
    assert "--training: 2 names; with --pictures expected one folder, or one list file" in capsys.readouterr().err


def test_the_page_speaks_of_pictures_and_shows_no_boxes(words: list[str], tmp_path: Path) -> None:
    assert main(words) == 0
    page = (tmp_path / "report" / "report.html").read_text()
    assert "on pictures, 12 pictures" in page
    assert "gives the first guess of float32 on 12 of 12 pictures" in page
    assert not {"mAP", "IoU", "Worst photographs", "photographs.</p>"} & {
        word for word in ("mAP", "IoU", "Worst photographs", "photographs.</p>") if word in page
    }
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert "| top-1 | top-5 | change | same guess |" in markdown


def test_what_was_measured_is_not_measured_again(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(words) == 0
    monkeypatch.setattr(guesses, "measure_classifiers", None)  # a call would fail
    assert main(words) == 0
