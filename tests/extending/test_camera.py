"""A new camera is one file and one line in `SOURCES`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import edge_detector
from edge_detector import cli
from edge_detector.registry import SOURCES
from tests.extending.conftest import WriteModule

FILE = """
import time
from dataclasses import dataclass

import numpy as np

from edge_detector.errors import SourceError
from edge_detector.options import argument, option
from edge_detector.sources import source_options
from edge_detector.sources.base import Source
from edge_detector.types import Frame


@dataclass(frozen=True, slots=True)
class GreyOptions:
    level: int = argument("of grey, 0 to 255")
    frames: int = option(3, "number of pictures")


class GreySource(Source, options=GreyOptions, live=False):
    def __init__(self, spec, config, model_size):
        self._options = source_options(GreyOptions, spec)
        self._size = config.size
        self._stopped = False

    def open(self):
        if self._options.level > 255:
            raise SourceError(f"grey:{self._options.level}: no such grey")

    def __iter__(self):
        for sequence in range(self._options.frames):
            if self._stopped:
                return
            image = np.full((self._size[1], self._size[0], 3), self._options.level, np.uint8)
            yield Frame(image, sequence, time.monotonic_ns())

    def stop(self):
        self._stopped = True
"""

GENERATOR = """
import time

import numpy as np

from edge_detector.types import Frame


def grey(spec, config, model_size):
    for sequence in range(3):
        image = np.full((config.size[1], config.size[0], 3), int(spec.argument), np.uint8)
        yield Frame(image, sequence, time.monotonic_ns())
"""


@pytest.fixture
def grey(write_module: WriteModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "grey", f"{write_module(FILE)}:GreySource")


@pytest.mark.usefixtures("grey")
def test_the_command_line_reads_it_to_its_end(tmp_path: Path) -> None:
    lines = tmp_path / "out.jsonl"
    words = ["--source", "grey:130?frames=5", "--runtime", "fake", "--size", "96x64", "--sink", f"jsonl:{lines}"]
    assert cli.main(words) == 0
    found = [json.loads(line) for line in lines.read_text().splitlines()]
    assert [(each["sequence"], each["width"], each["height"]) for each in found] == [(n, 96, 64) for n in range(5)]


@pytest.mark.usefixtures("grey")
def test_a_loop_of_ones_own_reads_it() -> None:
    with edge_detector.watch("grey:130", runtime="fake", size="96x64") as results:
        assert [int(result.frame.image.mean()) for result in results] == [130] * 3


@pytest.mark.usefixtures("grey")
@pytest.mark.parametrize(
    ("source", "exit_code", "message"),
    [
        ("grey:300", 1, "grey:300: no such grey"),
        ("grey", 78, "grey: level is missing; write grey:LEVEL"),
        ("grey:30?frame=1", 78, "grey: unknown option 'frame'; did you mean 'frames'? known: frames"),
    ],
)
def test_its_mistakes_are_told_as_everybodys(
    source: str, exit_code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--source", source, "--runtime", "fake", "--sink", "print"]) == exit_code
    assert capsys.readouterr().err == f"edge-detector: error: {message}\n"


def test_a_generator_function_is_enough(write_module: WriteModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "grey", f"{write_module(GENERATOR)}:grey")
    with edge_detector.watch("grey:130", runtime="fake", size="96x64") as results:
        sequences = [result.frame.sequence for result in results]
    assert sequences[-1] == 2  # it counts as a camera: the newest is never lost
