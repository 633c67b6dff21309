"""What an editor, a console and a type checker are told about the package."""

from __future__ import annotations

import os
import pydoc
import re
import rlcompleter
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

import edge_detector

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "edge_detector"

# What a first program does with the package, as a user of a type checker writes it.
PROGRAM = """
from pathlib import Path
import cv2
import numpy as np
from edge_detector import Detection, Detections, Result, annotate, open_detector, watch

def save(result: Result) -> None:
    cv2.imwrite("seen.jpg", annotate(result))

with open_detector(confidence=0.4) as detector:
    result = detector.detect("photo.jpg")
    detector.detect(Path("photo.jpg"))
    detector.detect(np.zeros((48, 64, 3), np.uint8))
best: Detection = result.detections[0]
good: Detections = result.detections[result.detections.scores > 0.8]
some: Detections = result.detections[1:3]
track: int | None = best.track_id
for each in watch(0, classes="dog"):
    save(each)
with watch(Path("film.mp4")) as results:
    save(next(results))
"""


def test_dir_lists_what_is_for_programs() -> None:
    assert dir(edge_detector) == sorted(edge_detector.__all__)


def test_a_console_completes_the_names() -> None:
    completer = rlcompleter.Completer({"edge_detector": edge_detector})
    assert completer.attr_matches("edge_detector.wat") == ["edge_detector.watch("]
    assert completer.attr_matches("edge_detector.open_d") == ["edge_detector.open_detector("]


def test_help_explains_every_name() -> None:
    text = pydoc.render_doc(edge_detector, renderer=pydoc.plaintext)
    assert "watch(source: " in text
    assert "class Detections(" in text
    functions_and_classes = set(edge_detector.__all__) - {"__version__"}
    assert [name for name in functions_and_classes if not getattr(edge_detector, name).__doc__] == []


def test_every_file_of_the_package_that_is_no_module_comes_with_the_wheel() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    shipped = {
        path
        for package, patterns in setuptools["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*package.split(".")).glob(pattern)
    }
    here = {path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert here == shipped
    assert PACKAGE / "py.typed" in shipped


@pytest.mark.skipif(not find_spec("mypy"), reason="needs mypy, which the extra [dev] installs")
def test_a_program_is_checked_against_the_packages_types(tmp_path: Path) -> None:
    (tmp_path / "right.py").write_text(PROGRAM, encoding="utf-8")
    (tmp_path / "wrong.py").write_text(PROGRAM + "best.name\nwatch(0.5)\ndetector.detect(None)\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "right.py", "wrong.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert re.findall(r"(\w+)\.py:\d+: error: (.*?)(?:;|  \[)", done.stdout) == [
        ("wrong", '"Detection" has no attribute "name"'),
        ("wrong", 'Argument 1 to "watch" has incompatible type "float"'),
        ("wrong", 'Argument 1 to "detect" of "Detector" has incompatible type "None"'),
    ], done
