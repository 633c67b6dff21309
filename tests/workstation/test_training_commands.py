"""The commands train and distill where TensorFlow may be missing: words, numbers, and what is not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_detector import cli
from edge_detector.workstation import extras, train
from edge_detector.workstation.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
TRAIN = ("train", "--start", "s.tflite", "--labels", "l.txt", "--output", "o.tflite", "--data", "d.json")
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
        ((*TRAIN, "e.json=often"), "'e.json=often': expected FILE.json or FILE.json=N", 2),
        ((*TRAIN, "e.json=-1"), "'e.json=-1': expected FILE.json or FILE.json=N", 2),
        ((*TRAIN, "e.json=0"), "'e.json=0': expected FILE.json or FILE.json=N", 2),
        ((*TRAIN, "e.json=inf"), "'e.json=inf': expected FILE.json or FILE.json=N", 2),
        ((*TRAIN, "--epochs", "many"), "argument --epochs: invalid int value: 'many'", 2),
        ((*TRAIN, "--epochs", "0"), "epochs is 0; expected 1 or more", 78),
        ((*TRAIN, "--batch", "-1"), "batch is -1; expected 1 or more", 78),
        ((*TRAIN, "--rate", "0"), "rate is 0; expected more than 0", 78),
        ((*TRAIN, "--rate", "nan"), "rate is nan; expected more than 0", 78),
        ((*TRAIN, "--average", "1"), "average is 1; expected a fraction", 78),
        ((*TRAIN, "--seed", "-1"), "seed is -1; expected 0 or more", 78),
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


def test_the_recipe_is_what_the_words_say(monkeypatch) -> None:
    parser = cli._Parser()
    train.add_arguments(parser)
    args = parser.parse([*TRAIN[1:], "e.json=0.5", "--epochs", "2", "--rate", "1e-3"])
    expected = Recipe(
        start=Path("s.tflite"),
        labels=Path("l.txt"),
        data=((Path("d.json"), 1.0), (Path("e.json"), 0.5)),
        output=Path("o.tflite"),
        epochs=2,
        rate=1e-3,
    )
    assert train.recipe_from(args) == expected


def test_an_average_that_keeps_nothing_is_allowed() -> None:
    assert Recipe(Path("s"), Path("l"), (), Path("o"), average=0.0, seed=0, epochs=1, batch=1).average == 0.0


@pytest.mark.parametrize("name", ["train", "distill"])
def test_help_needs_nothing_heavy(name) -> None:
    heavy = "{'cv2', 'numpy', 'tensorflow', 'onnxruntime', 'ai_edge_litert'}"
    code = f"import edge_detector.workstation.{name}, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
