"""Child processes, in a folder with a user's own Python files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.commands.doctor import isolated
from edge_detector.detect import recognition
from edge_detector.sinks.recording.encoder import SOFTWARE, encodes_in_a_child

MODEL = Path(__file__).parents[2] / "models/ssd_mobilenet_v2_fpnlite_320_coco_int8.tflite"


@pytest.fixture(autouse=True)
def tutorial_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files with names that tutorials use, and the standard library too."""
    for name in ("inspect", "queue", "random", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is my own program')\n")
    monkeypatch.chdir(tmp_path)


def test_a_model_is_inspected() -> None:
    assert recognition.describe(MODEL).input.shape == (1, 320, 320, 3)


def test_the_doctor_imports_the_library_and_not_the_users_file() -> None:
    assert isolated.run_code("import json; print(json.dumps(1))").output == "1"


def test_an_encoder_is_tried() -> None:
    assert encodes_in_a_child(SOFTWARE)
