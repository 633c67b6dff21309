"""The README's commands are the ones that are run, and every path that the documents name exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from edge_detector import cli, sources

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^(?:\S*/)?(edge-detector .*|edge-detector)$", README, re.MULTILINE)

DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "demo/CREDITS.md", "tests/machines/README.md")),
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("models/*.md")),
]
FOLDERS = "benchmarks|demo|docs|edge_detector|examples|labels|models|scripts|systemd|tests"
PATH = re.compile(rf"(?<![\w/.:$-])(?:\./)?((?:{FOLDERS})/(?:[\w./*-]*[\w/*])?|deploy\.sh)")
MODULE = re.compile(r"(?<![\w/.-])edge_detector(?:\.[a-z_]\w*)+")
OF_THE_READER = re.compile(r"(labels|models)/mine[_.]|.*\bNAME\b")  # names for files that a reader makes


def test_the_check_runs_the_test_command_of_the_readme() -> None:
    (command,) = re.findall(r"^python3 -m venv .*pytest -n auto$", README, re.MULTILINE)
    assert command in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()


def missing_paths(text: str) -> list[str]:
    """The paths and modules of the repository that a document names but that do not exist."""
    paths = [path for path in PATH.findall(text) if not OF_THE_READER.match(path)]
    missing = [path for path in paths if not any(ROOT.glob(path.rstrip("/")))]
    return missing + [name for name in MODULE.findall(text) if not is_defined(name)]


def is_defined(name: str) -> bool:
    """Whether ``edge_detector.some.name`` is a module, or a name in the source of one."""
    origin, _, attribute = name.rpartition(".")
    return bool(source_of(name)) or attribute in source_of(origin)


def source_of(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    files = (path.with_suffix(".py"), path / "__init__.py")
    return next((file.read_text(encoding="utf-8") for file in files if file.is_file()), "")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    assert missing_paths(document.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_that_a_document_links_to_exists(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize(
    "name", ["tests/machines/none.sh", "docs/none/", "edge_detector.run.meter", "edge_detector.none"]
)
def test_a_path_that_does_not_exist_is_noticed(name) -> None:
    there = (
        "`benchmarks/`, ./deploy.sh, tests/machines/*.sh, labels/mine.txt, edge_detector.sinks.web, edge_detector.watch"
    )
    assert missing_paths(f"{there} (`{name}`)") == [name]


def test_every_option_in_the_readme_exists() -> None:
    parser = cli.detector_parser()
    known = {flag for action in parser._actions for flag in action.option_strings}
    detector_lines = [line for line in COMMANDS if line.split()[1:2] and line.split()[1].startswith("-")]
    used = {word for line in detector_lines for word in shlex.split(line, comments=True) if word.startswith("--")}
    assert used <= known
    assert used


@pytest.mark.parametrize("name", sorted({line.split()[1] for line in COMMANDS if len(line.split()) > 1}))
def test_every_command_in_the_readme_exists(name) -> None:
    assert name.startswith(("-", "#")) or name in cli.COMMANDS or sources.source_spec(name).name == "images"
