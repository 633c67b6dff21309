"""The command without its standard streams, as cron, a careless script or a pipe that ends early leave it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ROOT, TIMEOUT_S

COMMAND = (sys.executable, "-m", "edge_detector")
SHORT_RUN = ("--runtime", "fake", "--source", "synthetic:?live=false&frames=5")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_harm_nothing(closed: str, tmp_path: Path) -> None:
    file = tmp_path / "found.jsonl"
    command = [*COMMAND, *SHORT_RUN, "--sink", f"jsonl:{file}", "--sink", "print"]
    subprocess.run(["bash", "-c", f'"$@" {closed}', "bash", *command], cwd=ROOT, check=True, timeout=TIMEOUT_S)
    assert [line[:13] for line in file.read_text().splitlines()] == [f'{{"sequence":{n}' for n in range(5)]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_gone_is_named_once(unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [*COMMAND, "--print-config"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S
    )
    os.close(writing)
    said = "edge-detector: error: standard output: the program that read it has ended\n"
    assert (done.returncode, done.stderr) == (1, said)
