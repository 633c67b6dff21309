"""``edge-detector inspect``: what it says of a model, and the manifest that it writes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge_detector import cli
from edge_detector.commands.inspect import describe_lines
from edge_detector.detect import manifest, recognition
from edge_detector.detect.detector import open_detector

DEFAULT = Path(__file__).parents[2] / "models/ssd_mobilenet_v2_fpnlite_320_coco_int8.tflite"


@pytest.fixture
def model(shared: Path, tmp_path: Path) -> Path:
    """A bare model and its labels, as they are downloaded."""
    folder = shared / "models/ssd_mobilenet_v1_coco_quant"
    shutil.copy(folder / "coco_labels.txt", tmp_path)
    return Path(shutil.copy(folder / "detect.tflite", tmp_path))


def inspect(*words: object) -> int:
    return cli.main(["inspect", *map(str, words)])


def test_the_default_model_is_described(capsys) -> None:
    assert inspect(DEFAULT.stem) == 0
    said = capsys.readouterr().out
    assert "int8 [1, 320, 320, 3]  scale 0.00784314 zero point -1" in said
    assert 'family = "ssd"\ndecode = "raw"\n' in said


def test_a_manifest_it_writes_is_all_that_the_detector_needs(model, capsys) -> None:
    assert inspect(model, "--labels", model.with_name("coco_labels.txt"), "--write-manifest") == 0
    assert f"wrote {manifest.manifest_path(model)}" in capsys.readouterr().out
    with open_detector(model=model, threads=1) as detector:
        assert detector.labels[:2] == ("person", "bicycle")


def test_how_pictures_are_resized_is_the_users_to_say(model, capsys) -> None:
    inspect(model, "--write-manifest")
    inspect(model, "--resize", "letterbox", "--write-manifest")
    assert manifest.read(manifest.manifest_path(model)).input.resize == "letterbox"


def test_what_is_no_detector_is_a_finding_and_no_error(shared, capsys) -> None:
    assert inspect(shared / "models/mobilenet_v2_imagenet/mobilenet_v2_1.0_224_quant.tflite") == 0
    assert "not usable as it is: " in capsys.readouterr().out


def test_a_damaged_file_is_an_error(model, capsys) -> None:
    model.write_bytes(model.read_bytes()[:100_000])
    assert inspect(model) == 78
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"edge-detector: error: {model}: not a model that this runtime can load")


FPN = "models/ssd_mobilenet_v2_fpnlite_320_coco/model.tflite"
FLOAT16 = DEFAULT.with_name("ssd_mobilenet_v2_fpnlite_320_coco_float16.tflite")


def test_a_float_model_asks_for_its_input_and_takes_the_answer(shared, tmp_path, capsys) -> None:
    bare = Path(shutil.copy(shared / FPN, tmp_path))
    assert inspect(bare, "--write-manifest") == 0
    assert "not usable as it is: " in (said := capsys.readouterr().out)
    assert "--mean 0 --std 255 for 0 to 1" in said
    assert not manifest.manifest_path(bare).exists()
    assert inspect(bare, "--mean", "10", "--std", "20", "--write-manifest") == 0
    written = manifest.read(manifest.manifest_path(bare)).input
    assert (written.mean, written.std) == (10.0, 20.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--mean", "3"], "mean and std belong together"), (["--mean", "3", "--std", "0"], "std is 0")],
)
def test_half_an_answer_is_an_error(words, message, capsys) -> None:
    assert inspect(DEFAULT, *words) == 78
    assert message in capsys.readouterr().err


def test_what_is_called_quantized_is_said_of_weights_and_of_activations(shared, model, capsys) -> None:
    for path in (DEFAULT, model, FLOAT16, shared / FPN):
        inspect(path)
    numbers = [line for line in capsys.readouterr().out.splitlines() if line.startswith("numbers")]
    assert numbers == [
        "numbers  weights int8, activations int8: quantized, it computes in integers",
        "numbers  weights uint8, activations uint8: quantized, it computes in integers",
        "numbers  weights float16, activations float32: not quantized, only stored in float16; "
        "it computes in floating point",
        "numbers  weights int8, activations float32: dynamic range, only the weights are quantized; "
        "it computes in floating point",
    ]


@pytest.mark.parametrize(
    ("weights", "said"),
    [("float32", "weights float32, activations float32: not quantized"), ("", "weights none, activations float32")],
)
def test_float_weights_are_not_quantized(shared, weights, said) -> None:
    found = recognition.describe(shared / FPN)
    lines = describe_lines(DEFAULT, replace(found, weight_type=weights))
    assert any(line.startswith(f"numbers  {said}") for line in lines)


def test_a_classifier_is_called_one(shared: Path, capsys) -> None:
    assert inspect(shared / "models/mobilenet_v2_imagenet/mobilenet_v2_1.0_224_quant.tflite") == 0
    assert "not usable as it is: " in (said := capsys.readouterr().out)
    assert "this is a classifier: its only output" in said
