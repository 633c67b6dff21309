from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_quantizer", reason="needs the extra [workstation]")
pytest.importorskip("pycocotools", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect import manifest as manifests
from edge_detector.detect.detector import open_detector
from edge_detector.errors import ConfigError, ModelError
from edge_detector.workstation import convert, evaluate
from edge_detector.workstation.classification.agreement import agreement
from edge_detector.workstation.classification.measurement import ClassifierEvaluation, measure_classifiers
from edge_detector.workstation.classification.pictures import read_pictures
from edge_detector.workstation.evaluation.measurement import Latency
from edge_detector.workstation.graph.classifier import read_manifest
from edge_detector.workstation.graph.tflite_graph import TFLiteGraph
from tests.workstation.classification.classifiers import (
    NAMES,
    colored_pictures,
    save_classifier,
    write_labels,
)
from tests.workstation.graphs import photographs, save_with_manifest, tiny_detector

PLUS_MINUS_ONE = ("--mean", "127.5", "--std", "127.5")


def run(command: object, *words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)  # type: ignore[attr-defined]
    status: int = command.main(parser.parse_args([str(word) for word in words]))  # type: ignore[attr-defined]
    return status


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return save_classifier(tmp_path / "float" / "colors.tflite")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return colored_pictures(tmp_path / "pictures")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    return write_labels(tmp_path / "colors.txt")


@pytest.fixture
def int8(source: Path, labels: Path, tmp_path: Path) -> Path:
    output, calibration = tmp_path / "made" / "colors_int8.tflite", photographs(tmp_path / "calibration")
    words = (source, "--output", output, "--calibration", calibration, "--labels", labels, *PLUS_MINUS_ONE)
    assert run(convert, *words) == 0
    return output


def test_a_classifier_becomes_int8_from_end_to_end(int8: Path) -> None:
    graph = TFLiteGraph.load(int8)
    assert {graph.dtype(index) for index in (*graph.inputs, *graph.outputs)} == {np.dtype(np.int8)}


def test_its_manifest_says_what_it_is(int8: Path) -> None:
    manifest = read_manifest(manifests.manifest_path(int8))
    assert (manifest.family, manifest.class_count) == ("classifier", 3)
    assert (manifest.input.mean, manifest.input.std, manifest.input.color) == (127.5, 127.5, "rgb")
    assert list(manifest.outputs) == ["scores"]
    assert (manifest.folder / manifest.labels).read_text().split() == list(NAMES)


@pytest.mark.parametrize(
    ("options", "flags"),
    [
        ((*PLUS_MINUS_ONE, "--color", "bgr"), r"RGB in .* --color rgb"),
        (("--mean", "0", "--std", "25500"), r"RGB in .* --std \d"),
    ],
)
def test_pictures_in_folders_of_their_class_show_a_wrong_input(
    source: Path, labels: Path, tmp_path: Path, options: tuple[str, ...], flags: str
) -> None:
    calibration = colored_pictures(tmp_path / "in folders", 12)
    words = (source, "--output", tmp_path / "made.tflite", "--calibration", calibration, "--labels", labels, *options)
    with pytest.raises(ConfigError, match=f"the model recognises clearly more when it is shown {flags}"):
        run(convert, *words)


def test_what_needs_labelled_boxes_is_refused_at_once(
    source: Path, labels: Path, pictures: Path, tmp_path: Path
) -> None:
    words = ("--output", tmp_path / "made.tflite", "--calibration", pictures, "--labels", labels, *PLUS_MINUS_ONE)
    with pytest.raises(ConfigError, match=r"--max-loss measures detectors only; .* is a classifier"):
        run(convert, source, *words, "--max-loss", "0.01", "--annotations", tmp_path / "boxes.json")


@pytest.mark.parametrize("technique", ["qat", "prune50"])
def test_a_classifier_is_trained_on_pictures_in_folders_of_their_class(
    source: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], technique: str
) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra [training]")
    calibration, training = photographs(tmp_path / "calibration"), colored_pictures(tmp_path / "training", 8)
    words = (source, "--output", tmp_path / "made.tflite", "--calibration", calibration, "--labels", labels)
    assert run(convert, *words, *PLUS_MINUS_ONE, "--quantize", technique, "--training", training, "--steps", "8") == 0
    said = capsys.readouterr().out
    assert "38 pictures to train on, 6 of" in said, "two of the eight of each colour are held out"
    assert ("top-1 on 6 photographs held out: 1.000 trained, 1.000 plain int8" in said) == (technique == "qat")


def test_pictures_of_classes_that_the_model_does_not_know_are_not_trained_on(
    source: Path, labels: Path, tmp_path: Path
) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra [training]")
    calibration, training = photographs(tmp_path / "calibration"), colored_pictures(tmp_path / "training", 8)
    (training / "red").rename(training / "pink")
    words = (source, "--output", tmp_path / "made.tflite", "--calibration", calibration, "--labels", labels)
    with pytest.raises(ConfigError, match="no label of the model: pink; its labels are red, green, blue"):
        run(convert, *words, *PLUS_MINUS_ONE, "--quantize", "qat", "--training", training)


def test_a_classifier_can_take_smaller_pictures(source: Path, labels: Path, tmp_path: Path) -> None:
    output = tmp_path / "made" / "colors.tflite"
    words = ("--output", output, "--quantize", "float32", "--labels", labels, *PLUS_MINUS_ONE)
    assert run(convert, source, *words, "--input-size", "12") == 0
    assert read_manifest(manifests.manifest_path(output)).input.size == (12, 12)
    (result,) = measure_classifiers([Config(model=output)], read_pictures(colored_pictures(tmp_path / "pictures")))
    assert result.top1.hits == 12


def test_the_right_input_is_not_doubted(source: Path, labels: Path, tmp_path: Path) -> None:
    calibration = colored_pictures(tmp_path / "in folders", 12)
    words = ("--output", tmp_path / "made.tflite", "--calibration", calibration, "--labels", labels, *PLUS_MINUS_ONE)
    assert run(convert, source, *words) == 0


def test_the_order_of_the_colors_can_be_told(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "made" / "colors.tflite"
    assert run(convert, source, "--output", output, "--quantize", "float32", *PLUS_MINUS_ONE, "--color", "bgr") == 0
    assert read_manifest(manifests.manifest_path(output)).input.color == "bgr"


def test_a_source_that_does_not_say_its_input_asks_for_the_flags(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"colors\.tflite: the input 'image' is float32.* --mean 127\.5 --std 127\.5"):
        run(convert, source, "--output", tmp_path / "made.tflite", "--quantize", "float32")


def test_labels_that_are_not_as_many_as_classes_are_an_error(source: Path, tmp_path: Path) -> None:
    two = write_labels(tmp_path / "two.txt", "red", "green")
    with pytest.raises(ConfigError, match="2 labels but the model has 3 classes"):
        run(
            convert,
            *(source, "--output", tmp_path / "made.tflite", "--quantize", "float32", *PLUS_MINUS_ONE),
            *("--labels", two),
        )


def test_a_device_says_that_it_runs_no_classifier(int8: Path) -> None:
    with pytest.raises(ModelError, match="family is 'classifier'; expected one of ssd, yolo"):
        open_detector(Config(model=int8))


def test_a_file_that_was_changed_is_not_measured(int8: Path, pictures: Path) -> None:
    int8.write_bytes(int8.read_bytes() + b"\0")
    with pytest.raises(ModelError, match=r"not the file that colors_int8\.toml describes"):
        run(evaluate, "--model", int8, "--pictures", pictures)


def test_classifiers_stand_side_by_side_in_the_table(
    source: Path, int8: Path, pictures: Path, labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()  # what the conversion said
    assert run(evaluate, "--model", source, int8, "--pictures", pictures, "--labels", labels, *PLUS_MINUS_ONE) == 0
    heading, first, second, count, agreement = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["model", "MB", "top-1"]
    assert [line.split()[0] for line in (first, second)] == ["colors", "colors_int8"]
    assert [line.split()[2] for line in (first, second)] == ["1.000", "1.000"]
    assert count == "12 pictures of 3 classes"
    assert "gives the first guess of" in agreement
    assert "on 12 of 12 pictures" in agreement


def test_the_report_for_programs_has_every_number(source: Path, pictures: Path, labels: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ("--model", source, "--pictures", pictures, "--labels", labels, "--output", report, *PLUS_MINUS_ONE)
    assert run(evaluate, *words) == 0
    content = json.loads(report.read_text())
    (model,) = content["models"]
    assert (content["count"], model["top1"]["hits"], model["top1"]["value"]) == (12, 12, 1.0)
    assert model["classes"] == {name: {"hits": 4, "count": 4} for name in NAMES}


def test_a_wrong_input_range_is_seen_in_the_figures(source: Path, pictures: Path, labels: Path) -> None:
    wrong = Config(model=source, labels=labels, mean=127.5, std=-127.5)
    (result,) = measure_classifiers([wrong], read_pictures(pictures))
    assert result.top1.hits < 6


def test_the_order_of_labels_matters(source: Path, pictures: Path, tmp_path: Path) -> None:
    shifted = write_labels(tmp_path / "shifted.txt", "green", "blue", "red")
    config = Config(model=source, labels=shifted, mean=127.5, std=127.5)
    (result,) = measure_classifiers([config], read_pictures(pictures))
    assert (result.top1.hits, result.top5.hits) == (0, 12)


@pytest.mark.parametrize("option", ["--calibrate", "--write-threshold"])
def test_what_concerns_detectors_alone_is_refused(source: Path, pictures: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=f"{option} is of detectors"):
        run(evaluate, "--model", source, "--pictures", pictures, option)


def test_a_page_is_made_of_detectors_only(source: Path, pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"report\.html: .* expected NAME\.json"):
        run(evaluate, "--model", source, "--pictures", pictures, "--output", tmp_path / "report.html")


def test_a_detector_is_not_measured_on_pictures(pictures: Path, tmp_path: Path) -> None:
    detector = save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")
    with pytest.raises(ModelError, match="a detector of the family 'ssd'; --pictures measures classifiers"):
        run(evaluate, "--model", detector, "--pictures", pictures)


def evaluation(name: str, guesses: list[int], truths: list[int]) -> ClassifierEvaluation:
    first = np.array(guesses)[:, None]
    latency = Latency(1.0, 1.0)
    return ClassifierEvaluation(name, Path(name), 1, NAMES, np.array(truths), first, latency, latency)


def test_models_are_told_apart_by_the_pictures_on_which_one_is_right() -> None:
    truths = [0, 1, 2, 0, 1]
    found = agreement(evaluation("small", [0, 1, 0, 1, 2], truths), evaluation("large", [0, 0, 2, 0, 2], truths))
    assert (found.same.hits, found.won, found.lost) == (2, 1, 2)
