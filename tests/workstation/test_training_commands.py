"""The commands train and distill where TensorFlow may be missing: words, numbers, and what is not installed."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from edge_detector import cli
from edge_detector.model_store import find
from edge_detector.workstation import extras, train
from edge_detector.workstation.training.base_model import BASE
from edge_detector.workstation.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
TRAIN = ("train", "--output", "run", "d.json")
DISTILL = ("distill", "--teacher", "t.tflite", "--labels", "l.txt", "--annotations", "a.json", "--output", "o.json")


def complaint(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    exit_code = cli.main(words)
    (said,) = capsys.readouterr().err.splitlines()
    return exit_code, said.removeprefix("edge-detector: error: ")


@pytest.mark.parametrize("words", [TRAIN, DISTILL], ids=["train", "distill"])
def test_a_missing_extra_is_named_with_its_remedy(capsys, monkeypatch, words) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None)
    exit_code, said = complaint(capsys, *words)
    assert said.endswith("not installed here: pip install 'edge-detector[training]'")
    assert exit_code == 78


@pytest.mark.parametrize(
    ("words", "message", "exit_code"),
    [
        ((*TRAIN, "e.json=often"), "'e.json=often': expected DATA or DATA=N", 2),
        ((*TRAIN, "e.json=-1"), "'e.json=-1': expected DATA or DATA=N", 2),
        ((*TRAIN, "e.json=0"), "'e.json=0': expected DATA or DATA=N", 2),
        ((*TRAIN, "e.json=inf"), "'e.json=inf': expected DATA or DATA=N", 2),
        ((*TRAIN, "--epochs", "many"), "argument --epochs: 'many': expected auto, or a number such as 20", 2),
        ((*TRAIN, "--epochs", "0"), "--epochs 0: expected 1 or more", 78),
        ((*TRAIN, "--qat-epochs", "-1"), "--qat-epochs -1: expected 0 or more", 78),
        ((*TRAIN, "--image-size", "16"), "--image-size 16: expected 32 or more", 78),
        ((*TRAIN, "--batch", "-1"), "--batch -1: expected 1 or more", 78),
        ((*TRAIN, "--rate", "0"), "--rate 0: expected more than 0", 78),
        ((*TRAIN, "--rate", "nan"), "--rate nan: expected more than 0", 78),
        ((*TRAIN, "--seed", "-1"), "--seed -1: expected 0 or more", 78),
        ((*TRAIN, "--base", "folder/none.tflite"), "--base folder/none.tflite: no such file", 78),
        ((*DISTILL, "--weights", "1", "2"), "--weights: 2 numbers for 1 teachers", 78),
        ((*DISTILL, "--weights", "0"), "--weights: 0; expected numbers from 0, not all of them 0", 78),
        ((*DISTILL, "--teacher", "u.tflite", "--weights", "2", "-1"), "--weights: 2 -1; expected numbers from 0", 78),
        ((*DISTILL, "--weights", "nan"), "--weights: nan; expected numbers from 0, not all of them 0", 78),
    ],
)
def test_a_wrong_number_is_said_before_anything_is_loaded(capsys, words, message, exit_code) -> None:
    found, said = complaint(capsys, *words)
    assert message in said
    assert found == exit_code


@pytest.mark.parametrize(
    "words",
    [TRAIN, ("improve", "--mistakes", "marked.zip", "--base", BASE, "--output", "run")],
    ids=["train", "improve"],
)
def test_where_pip_installed_no_float_model_one_line_says_where_it_is(capsys, monkeypatch, tmp_path, words) -> None:
    monkeypatch.setattr(find, "FOLDERS", (tmp_path,))
    exit_code, said = complaint(capsys, *words)
    assert exit_code == 78
    assert said.startswith(f"--base {BASE}: not installed, for pip installs the int8 models only; it is in models/ of")


def test_the_recipe_is_what_the_words_say() -> None:
    args = parsed("e.json=0.5", "--epochs", "2", "--rate", "1e-3", "--image-size", "256")
    base = ROOT / "models" / "ssd_mobilenet_v2_fpnlite_320_coco_float16.tflite"
    assert train.recipe_from(args) == Recipe(base=base, output=Path("run"), epochs=2, rate=1e-3, image_size=256)
    assert args.data == [(Path("d.json"), 1.0), (Path("e.json"), 0.5)]


def test_as_many_epochs_as_the_set_needs_is_the_default() -> None:
    assert train.recipe_from(parsed()) == train.recipe_from(parsed("--epochs", "auto", "--qat-epochs", "auto"))


def parsed(*words: str) -> Namespace:
    parser = cli._Parser()
    train.add_arguments(parser)
    return parser.parse([*TRAIN[1:], *words])


@pytest.mark.parametrize("name", ["train", "distill"])
def test_help_needs_nothing_heavy(name) -> None:
    heavy = "{'cv2', 'numpy', 'tensorflow', 'onnxruntime', 'ai_edge_litert'}"
    code = f"import edge_detector.workstation.{name}, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
