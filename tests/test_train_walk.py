"""The walk of docs/train.md, from photographs to a model among those that deploy.sh takes along: each command runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="needs the extra [training]")

from tests.workstation.graphs import save_with_manifest, tiny_detector

ROOT = Path(__file__).parents[1]
NOT_HERE = ("pip", "labelImg", "./deploy.sh")  # a network, a window, a Pi
LABELIMG = """<annotation>
	<folder>photographs</folder>
	<filename>{name}</filename>
	<path>/home/someone/photographs/{name}</path>
	<source><database>Unknown</database></source>
	<size><width>64</width><height>64</height><depth>3</depth></size>
	<segmented>0</segmented>
	<object>
		<name>raccoon</name>
		<pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>
		<bndbox><xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox>
	</object>
</annotation>
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with photographs and the XML that LabelImg writes beside them, and the folders of a checkout."""
    random = np.random.default_rng(0)
    for name in ("photographs", "labels", "models"):
        (tmp_path / name).mkdir()
    for number in range(24):
        row, column = random.integers(0, 7, 2) * 8
        picture = random.integers(60, 120, (64, 64, 3)).astype(np.uint8)
        picture[row : row + 16, column : column + 16] = (0, 0, 255)
        name = f"{number:02}.png"
        cv2.imwrite(str(tmp_path / "photographs" / name), picture)
        box = {"x1": column, "y1": row, "x2": column + 16, "y2": row + 16}
        (tmp_path / "photographs" / f"{number:02}.xml").write_text(LABELIMG.format(name=name, **box))
    save_with_manifest(tiny_detector(), tmp_path / "tiny.tflite")
    return tmp_path


def commands() -> list[str]:
    """The lines of all blocks of the page that are commands."""
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / "docs" / "train.md").read_text(encoding="utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


def test_each_command_of_the_walk_runs(home: Path) -> None:
    """The training is one of a tiny base, and short."""
    walked = [line for line in commands() if not line.startswith(NOT_HERE)]
    for line in walked:
        shortened = f"{line} --base tiny.tflite --epochs 4 --batch 4" if " train " in line else line
        if line.startswith("sed "):  # the tiny base has a list of anchors, the default base generates them
            shutil.copy(home / "run" / "model_int8.anchors.npy", home / "models")
        line = shortened.replace("edge-detector", f"{shlex.quote(sys.executable)} -m edge_detector", 1)
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(line, shell=True, cwd=home, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert [line.split()[:2] for line in walked] == [
        ["edge-detector", "dataset"],
        ["edge-detector", "train"],
        ["edge-detector", "compare"],
        ["edge-detector", "evaluate"],
        ["cp", "run/labels.txt"],
        ["cp", "run/model_int8.tflite"],
        ["sed", """'s|"labels.txt"|"../labels/mine.txt"|'"""],
        ["edge-detector", "--model"],
    ]
    assert (home / "run" / "report.html").exists()
    assert (home / "evaluation.html").exists()
