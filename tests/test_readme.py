"""The README's commands are the ones that are run."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from edge_detector import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(?:\S*/)?(edge-detector .*|edge-detector)$", README, re.MULTILINE)


def test_the_check_runs_the_test_command_of_the_readme() -> None:
    (command,) = re.findall(r"^python3 -m venv .*pytest$", README, re.MULTILINE)
    assert command in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def test_every_file_the_readme_links_to_is_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_option_in_the_readme_exists() -> None:
    parser = cli._parser()
    known = {flag for action in parser._actions for flag in action.option_strings}
    detector_lines = [line for line in COMMANDS if line.split()[1:2] and line.split()[1].startswith("-")]
    used = {word for line in detector_lines for word in shlex.split(line, comments=True) if word.startswith("--")}
    assert used <= known
    assert used


@pytest.mark.parametrize("name", sorted({line.split()[1] for line in COMMANDS if len(line.split()) > 1}))
def test_every_command_in_the_readme_exists(name) -> None:
    assert name.startswith(("-", "#")) or name in cli.COMMANDS
