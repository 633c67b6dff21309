from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.score_scale import ScoreScale
from edge_detector.errors import ConfigError, ModelError
from edge_detector.model_store.find import default_model
from edge_detector.types import Detections
from edge_detector.workstation import evaluate, extras
from edge_detector.workstation.data import coco
from edge_detector.workstation.data.format_table import FORMATS
from edge_detector.workstation.data.reading import read_dataset
from edge_detector.workstation.data.writing import write_dataset
from edge_detector.workstation.evaluation import measurement
from edge_detector.workstation.evaluation.mistakes import judge, worst_photographs
from edge_detector.workstation.evaluation.score_quality import Outcomes, score_quality
from edge_detector.workstation.evaluation.truths import Truths
from tests.workstation.data.sets import voc_set
from tests.workstation.data.test_coco import truth, write
from tests.workstation.graphs import save_with_manifest, tiny_detector

FPNLITE = "models/ssd_mobilenet_v2_fpnlite_320_coco"


def parsed(*words: str | Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    evaluate.add_arguments(parser)
    return parser.parse_args([str(word) for word in words])


def command(*words: str | Path) -> int:
    return evaluate.main(parsed(*words))


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    return [save_with_manifest(tiny_detector(seed=seed), tmp_path / f"tiny{seed}.tflite") for seed in (1, 2)]


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    return write(tmp_path, truth(), truth(image_id=8, category_id=18))


def test_models_stand_side_by_side_in_the_table(
    models: list[Path], annotations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--model", *models, "--annotations", annotations) == 0
    models_table, *scores = capsys.readouterr().out.split("\n\n")
    heading, first, second, agreement, *notes = models_table.splitlines()
    assert heading.split()[:4] == ["model", "MB", "mAP", "AP50"]
    assert [first.split()[0], second.split()[0]] == ["tiny1", "tiny2"]
    assert agreement.startswith("tiny2 finds ")
    assert [each.splitlines()[0] for each in scores] == [
        f"{name}: by lowest score, at IoU 0.50" for name in ("tiny1", "tiny2")
    ]
    assert notes == [
        f"all models: 1 {what}: {which}"
        for what, which in (("labels that are no category", "cat"), ("categories the model does not know", "tv"))
    ]


@pytest.mark.parametrize("format_name", FORMATS)
def test_a_set_of_any_format_is_measured_as_its_coco_file_is(
    models: list[Path], tmp_path: Path, format_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    dataset = read_dataset(voc_set(tmp_path / "set", [[("dog", 8, 12, 40, 36)], [("person", 0, 0, 64, 48)]]))
    for name in {"coco", format_name}:
        write_dataset(dataset, tmp_path / name, name)
    said = []
    for where in (tmp_path / "coco/annotations.json", tmp_path / format_name):
        assert command("--model", *models, "--annotations", where, "--output", tmp_path / "report.json") == 0
        report = json.loads((tmp_path / "report.json").read_text())
        said.append([(each["ap"], each["ap50"], each["classes"]) for each in report["models"]])
    assert said[0] == said[1]


def test_truth_taken_from_the_detector_itself_scores_one(models: list[Path], tmp_path: Path) -> None:
    empty = coco.load_annotations(write(tmp_path, truth()))
    (result,) = measurement.measure_models([Config(model=models[0])], empty)
    surest = max(each.scores[9] for each in result.detections.values())
    found = {image_id: each[each.scores >= surest] for image_id, each in result.detections.items()}
    exact = [
        truth(image_id, int(category_id), bbox=[x1, y1, x2 - x1, y2 - y1])
        for image_id, each in found.items()
        for (x1, y1, x2, y2), category_id in zip(each.boxes.tolist(), each.class_ids, strict=True)
    ]
    (again,) = measurement.measure_models([Config(model=models[0])], coco.load_annotations(write(tmp_path, *exact)))
    assert again.metrics.ap == pytest.approx(1.0)


def test_the_html_report_is_one_file_that_needs_no_other(models: list[Path], annotations: Path, tmp_path: Path) -> None:
    assert command("--model", *models, "--annotations", annotations, "--output", tmp_path / "report.html") == 0
    page = (tmp_path / "report.html").read_text()
    assert _WellFormed.check(page) == []
    assert set(re.findall(r'(?:href|src)="([^"#]{1,10})', page)) == {"data:image"}
    assert "url(" not in page
    assert page.count("<polyline") == len(models)
    assert page.count("data:image/jpeg;base64") == 2  # each photograph once, though both models have a panel of it
    assert all(model.stem in page for model in models)


def test_the_json_report_has_every_class_of_every_model(models: list[Path], annotations: Path, tmp_path: Path) -> None:
    assert command("--model", *models, "--annotations", annotations, "--output", tmp_path / "report.json") == 0
    content = json.loads((tmp_path / "report.json").read_text())
    assert (content["images"], len(content["models"])) == (2, 2)
    assert [(each["model"], each["reference"]) for each in content["agreements"]] == [("tiny2", "tiny1")]
    assert content["models"][0]["classes"].keys() == {"person", "dog"}
    assert content["models"][0]["size_bytes"] == models[0].stat().st_size
    assert content["models"][0]["inference_ms"]["p95"] >= content["models"][0]["inference_ms"]["median"] > 0


def stored_scores(model: Path) -> manifests.ScoreSpec:
    return manifests.read(manifests.manifest_path(model)).scores


def test_what_is_fitted_is_stored_and_the_next_run_measures_with_it(
    models: list[Path], annotations: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--model", models[0], "--annotations", annotations)
    report = tmp_path / "report.json"
    assert command(*words, "--output", report) == 0
    first = json.loads(report.read_text())["models"][0]
    assert stored_scores(models[0]) == manifests.ScoreSpec(), "nothing is written unless asked for"
    assert command(*words, "--calibrate", "--write-threshold") == 0
    temperature = first["scores"]["temperature"]["fitted"]
    assert stored_scores(models[0]).temperature == temperature
    assert f"{manifests.manifest_path(models[0])}: [scores] confidence = " in capsys.readouterr().out
    assert command(*words, "--output", report) == 0
    again = json.loads(report.read_text())["models"][0]
    assert again["scores"]["temperature"]["now"] == temperature
    assert (again["ap"], again["ap50"]) == (pytest.approx(first["ap"]), pytest.approx(first["ap50"]))
    error = again["scores"]["expected_calibration_error"]["now"]
    assert error == pytest.approx(first["scores"]["expected_calibration_error"]["fitted"], abs=1e-3)


def test_a_threshold_keeps_what_it_keeps_under_a_new_temperature() -> None:
    outcomes = Outcomes(np.float32([0.9, 0.8, 0.7, 0.6, 0.3, 0.2]), np.array([True] * 3 + [False, True, False]), 4)
    quality = score_quality(outcomes, 1.0)
    manifest = manifests.read(manifests.manifest_path(default_model()))
    manifest = replace(manifest, scores=manifests.ScoreSpec(confidence=0.7, temperature=1.0))
    both = evaluate.new_scores(manifest, quality, calibrate=True, threshold=True)
    only_temperature = evaluate.new_scores(manifest, quality, calibrate=True, threshold=False)
    only_threshold = evaluate.new_scores(manifest, quality, calibrate=False, threshold=True)
    shown = ScoreScale(quality.fitted_temperature).shown(outcomes.raw)
    assert quality.fitted_temperature != 1.0
    assert only_threshold == {"confidence": quality.best.threshold}
    assert (shown >= only_temperature["confidence"] - 1e-4).tolist() == (outcomes.raw >= np.float32(0.7)).tolist()
    assert (shown >= both["confidence"]).sum() == (outcomes.raw >= quality.best.threshold).sum()
    assert both["temperature"] == only_temperature["temperature"] == quality.fitted_temperature


def test_there_is_nothing_to_write_to_without_a_manifest(models: list[Path], annotations: Path) -> None:
    manifests.manifest_path(models[0]).unlink()
    with pytest.raises(ConfigError, match=r"tiny1\.toml: no manifest to write to; .*inspect --write-manifest"):
        command("--model", models[0], "--annotations", annotations, "--calibrate")


def test_one_label_file_serves_the_models_that_name_none(models: list[Path], annotations: Path) -> None:
    manifest = manifests.manifest_path(models[1])
    manifests.write(replace(manifests.read(manifest), labels=""), manifest)
    words = ("--model", *models, "--annotations", annotations, "--labels", "mine.txt")
    assert [config.labels for config in evaluate._configs(parsed(*words))] == [None, Path("mine.txt")]


def test_a_shipped_model_is_found_by_some_words_of_its_name(
    annotations: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--model", "ssd_256", "--annotations", annotations) == 0
    assert "ssd_mobilenet_v2_fpnlite_256_coco_int8" in capsys.readouterr().out


def test_the_input_of_bare_models_is_said_by_flag(models: list[Path], annotations: Path) -> None:
    words = ("--model", models[0], "--annotations", annotations, "--mean", "0", "--std", "255")
    assert [(config.mean, config.std) for config in evaluate._configs(parsed(*words))] == [(0.0, 255.0)]


def test_requests_that_cannot_be_right_say_why(models: list[Path], annotations: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"report\.pdf: expected a name that ends in \.html or \.json"):
        command("--model", models[0], "--annotations", annotations, "--output", tmp_path / "report.pdf")
    with pytest.raises(ConfigError, match="there is no folder"):
        command("--model", models[0], "--annotations", annotations, "--output", tmp_path / "nowhere" / "report.html")
    with pytest.raises(ConfigError, match="--labels: 2 files for 1 models"):
        command("--model", models[0], "--annotations", annotations, "--labels", "a.txt", "b.txt")
    with pytest.raises(ModelError, match=r"gone\.tflite: no such model file"):
        command("--model", tmp_path / "gone.tflite", "--annotations", annotations)


def test_a_missing_package_is_one_sentence(annotations: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"evaluating needs pycocotools.*: pip install 'edge-detector\[workstation\]'"
    ):
        command("--model", "m.tflite", "--annotations", annotations)


def test_each_truth_is_found_once_the_rest_are_false_alarms_and_crowds_count_neither_way() -> None:
    truths = Truths.of(
        [
            truth(bbox=[0, 0, 10, 10], iscrowd=0),
            truth(bbox=[50, 50, 10, 10], iscrowd=0),
            truth(bbox=[100, 100, 50, 50], iscrowd=1),
        ]
    )
    boxes = np.float32([[0, 0, 10, 10], [0, 0, 10, 9], [50, 50, 60, 60], [100, 100, 150, 150]])
    found = Detections(boxes, np.float32([0.9, 0.8, 0.7, 0.6]), np.int32([1, 1, 18, 1]), ("person", "dog"))
    outcome = judge(found, truths, 0.4)
    assert outcome.correct.tolist() == [True, False, False, True]
    assert outcome.missed.tolist() == [False, True, False]
    assert outcome.mistakes == 3


def test_the_worst_photographs_come_first(models: list[Path], tmp_path: Path) -> None:
    many = [truth(image_id=8, category_id=1, bbox=[each, each, 3, 3]) for each in range(40)]
    annotations = coco.load_annotations(write(tmp_path, *many))
    results = measurement.measure_models([Config(model=model) for model in models], annotations)
    first, second = worst_photographs(results, annotations, 2)
    assert first.path.name == "001.png"
    assert first.mistakes > second.mistakes


def test_the_evaluator_gives_the_known_figures_of_the_shared_model(shared: Path) -> None:
    folder = shared / FPNLITE
    config = Config(model=folder / "model.tflite", labels=folder / "labels.txt", mean=127.5, std=127.5)
    (result,) = measurement.measure_models([config], coco.load_annotations(shared / "data/coco_val_50.json"))
    assert result.metrics.ap == pytest.approx(0.262, abs=0.01)  # the fused operator stops at ten detections
    assert result.metrics.ap50 == pytest.approx(0.408, abs=0.015)
    assert result.matching.unmatched_categories == ()


def test_the_default_model_is_as_good_as_it_claims(shared: Path) -> None:
    (result,) = measurement.measure_models(
        [Config(model=default_model())], coco.load_annotations(shared / "data/coco_val_50.json")
    )
    assert result.metrics.ap >= 0.273  # the float model it comes from has 0.278, and 0.005 is what int8 may cost
    assert result.size_bytes <= 4_200_000


class _WellFormed(HTMLParser):
    """Collects tags that are closed without being open."""

    VOID = frozenset(("meta", "rect", "image", "use", "path", "polyline", "circle"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []

    @classmethod
    def check(cls, page: str) -> list[str]:
        parser = cls()
        parser.feed(page)
        return parser.faults + parser.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)
