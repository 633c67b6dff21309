"""A new output is one file and one line in `SINKS`."""

from __future__ import annotations

from pathlib import Path

import pytest

import edge_detector
from edge_detector import cli
from edge_detector.registry import SINKS
from tests.extending.conftest import WriteModule

SOURCE = "synthetic:?live=false&frames=7"

FILE = """
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from edge_detector.options import argument, option
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Sink


@dataclass(frozen=True, slots=True)
class TallyOptions:
    file: Path = argument("where the counts go")
    least: int = option(1, "leave out labels seen less often")


class TallySink(Sink, options=TallyOptions, may_block=True):
    def __init__(self, spec, context):
        self._options = sink_options(TallyOptions, spec)
        self._seen = Counter()

    def write(self, result):
        self._seen.update(found.label for found in result.detections)

    def close(self):
        kept = {label: count for label, count in self._seen.items() if count >= self._options.least}
        self._options.file.write_text(" ".join(f"{label}={kept[label]}" for label in sorted(kept)))
"""


@pytest.fixture(autouse=True)
def tally(write_module: WriteModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SINKS, "tally", f"{write_module(FILE)}:TallySink")


def test_the_command_line_writes_to_it(tmp_path: Path) -> None:
    words = ["--source", SOURCE, "--runtime", "fake", "--no-track", "--sink", f"tally:{tmp_path}/tally"]
    assert cli.main(words) == 0
    assert (tmp_path / "tally").read_text() == "circle=7 square=7 triangle=7"


def test_a_program_writes_to_it(tmp_path: Path) -> None:
    sinks = (f"tally:{tmp_path}/one?least=8", f"tally:{tmp_path}/two")
    edge_detector.run(
        edge_detector.Config(source=SOURCE, runtime="fake", sinks=sinks, classes=("circle",), track=False)
    )
    assert [(tmp_path / name).read_text() for name in ("one", "two")] == ["", "circle=7"]


@pytest.mark.parametrize(
    ("sink", "exit_code", "message"),
    [
        ("tally", 78, "sink tally: file is missing; write tally:FILE"),
        ("tally:x?lest=2", 78, "sink tally: unknown option 'lest'; did you mean 'least'? known: least"),
        ("taly:x", 2, "unknown sink 'taly'; did you mean 'tally'? known: clips, command, email, "),
    ],
)
def test_its_mistakes_are_told_as_everybodys(
    sink: str, exit_code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["--source", SOURCE, "--runtime", "fake", "--sink", sink]) == exit_code
    assert capsys.readouterr().err.startswith(f"edge-detector: error: {message}")
