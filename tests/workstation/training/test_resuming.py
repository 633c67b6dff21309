"""A training that is killed goes on to the weights that it would have had."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from edge_detector import cli
from edge_detector.errors import ConfigError
from edge_detector.workstation.training.fine_tuning import checkpoint_path, fine_tune
from edge_detector.workstation.training.recipe import Recipe
from edge_detector.workstation.training.training_set import TrainingSet

ROOT = Path(__file__).parents[3]
KILLED_AFTER_TWO_EPOCHS = """
import os, signal, sys
from edge_detector import cli
from edge_detector.workstation.training.checkpoints import CheckpointFile
save, saved = CheckpointFile.save, []
def killing(self, checkpoint):
    save(self, checkpoint)
    saved.append(checkpoint)
    if len(saved) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
CheckpointFile.save = killing
cli.main(sys.argv[1:])
"""


def words(balls: Path, recipe: Recipe, output: Path) -> list[str]:
    return ["train", f"{balls}=5", "--output", str(output), "--base", str(recipe.base), "--epochs", "4", "--batch", "4"]


def test_a_killed_training_goes_on_to_the_same_weights(balls: Path, recipe: Recipe, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert cli.main(words(balls, recipe, whole)) == 0
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AFTER_TWO_EPOCHS, *words(balls, recipe, killed)],
        cwd=ROOT,
        timeout=600,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL
    assert cli.main(words(balls, recipe, killed)) == ConfigError.exit_code  # it asks for --resume
    assert cli.main([*words(balls, recipe, killed), "--resume"]) == 0
    for name in ("model_float.tflite", "model_int8.tflite"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()


def test_the_checkpoint_of_another_training_is_refused(data: TrainingSet, recipe: Recipe) -> None:
    fine_tune(data, replace(recipe, epochs=1))
    assert checkpoint_path(recipe).exists()
    with pytest.raises(ConfigError, match="another training: --epochs, --batch, --rate or --seed differ"):
        fine_tune(data, replace(recipe, epochs=1, rate=0.01, resume=True))


def test_the_folder_has_all_that_a_person_needs(
    balls: Path, recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    assert cli.main([*words(balls, recipe, output), "--qat-epochs", "1"]) == 0
    said = capsys.readouterr()
    assert sorted(each.name for each in output.iterdir() if each.suffix not in (".json", ".txt")) == [
        "model_float.anchors.npy",
        "model_float.tflite",
        "model_float.toml",
        "model_int8.anchors.npy",
        "model_int8.md",
        "model_int8.tflite",
        "model_int8.toml",
        "report.html",
        "tensorboard",
    ]
    page = (output / "report.html").read_text()
    assert "A detector for ball" in page
    assert "Worst photographs" in page
    assert "1 epochs of training for int8 gave mAP" in page
    assert "ball starts from" in (output / "model_int8.md").read_text()
    assert "model_int8.tflite: AP50" in said.out
    assert [file.name.startswith("events.out") for file in (output / "tensorboard").iterdir()] == [True]


def test_nothing_of_tensorflow_is_said(balls: Path, recipe: Recipe, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_detector", *words(balls, recipe, tmp_path / "quiet")],
        cwd=ROOT,
        timeout=600,
        check=True,
        capture_output=True,
        text=True,
    )
    strange = [line for line in done.stderr.splitlines() if not line.startswith(("INFO ", "WARNING "))]
    assert strange == []
    assert np.char.find(done.stderr, "cuInit") < 0
