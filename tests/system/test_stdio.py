"""The command without its standard streams, as cron, a careless script or a pipe that ends early leave it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

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


@pytest.fixture
def broken_pipe() -> Iterator[int]:
    """The writing end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.mark.parametrize("words", ["--help", "--version", "--print-config", "models"])
def test_a_reader_that_has_gone_is_no_error_and_no_message(broken_pipe: int, words: str) -> None:
    done = run(*words.split(), stdout=broken_pipe, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, "")


def test_nor_is_it_when_python_does_not_buffer(broken_pipe: int) -> None:
    done = run("--print-config", stdout=broken_pipe, stderr=subprocess.PIPE, unbuffered="1")
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("sinks", ["jsonl:-", "print", "print jsonl:-"])
def test_a_run_ends_quietly_with_its_reader(broken_pipe: int, sinks: str) -> None:
    asked = [word for sink in sinks.split() for word in ("--sink", sink)]
    done = run(*SHORT_RUN, *asked, stdout=broken_pipe, stderr=subprocess.PIPE)
    assert done.returncode == 141
    assert not re.search("error|traceback", done.stderr, re.IGNORECASE), done.stderr


@pytest.mark.parametrize(("words", "exit_code"), [("--bad", 2), ("--model none.tflite", 78), (" ".join(SHORT_RUN), 0)])
def test_the_exit_code_is_the_same_when_nobody_hears_the_reason(broken_pipe: int, words: str, exit_code: int) -> None:
    done = run(*words.split(), "--sink", "jsonl:/dev/null", stdout=subprocess.DEVNULL, stderr=broken_pipe)
    assert done.returncode == exit_code


def test_a_full_disk_is_said_once() -> None:
    with Path("/dev/full").open("w") as full:
        done = run("--help", stdout=full, stderr=subprocess.PIPE)
    said = "edge-detector: error: standard output: cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def run(*words: str, unbuffered: str = "", **streams: int | IO[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [*COMMAND, *words]
    return subprocess.run(command, cwd=ROOT, env=environment, text=True, timeout=TIMEOUT_S, check=False, **streams)
