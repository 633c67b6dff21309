"""A package of somebody else adds a source and a sink: examples/plugin, installed and used."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_detector import cli

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 120

pytest.importorskip("setuptools")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and its metadata, made by its own pyproject.toml, as pip makes them; no network."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "examples/plugin", folder / "source")
    setup = "from setuptools import setup; setup()"
    words = ["egg_info", "--egg-base", str(folder / "site"), "build_py", "--build-lib", str(folder / "site")]
    (folder / "site").mkdir()
    command = [sys.executable, "-c", setup, "-q", *words]
    subprocess.run(command, cwd=folder / "source", check=True, capture_output=True, timeout=TIMEOUT_S)
    return folder / "site"


def run(*words: str, site: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(site), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "edge_detector", "--runtime", "fake", *words],
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_the_command_uses_its_source_and_its_sink(site: Path) -> None:
    done = run("--source", "plasma?frames=5", "--sink", "heartbeat?every=1h", site=site)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"fake: 1 results, \d+ objects in the newest\nfake: 5 results in all\n", done.stdout)


def test_its_source_can_be_named_without_the_flag(site: Path) -> None:
    done = run("plasma?frames=5", "--sink", "heartbeat?every=1h", site=site)
    assert done.stdout.endswith("fake: 5 results in all\n"), done.stderr


def test_a_configuration_file_names_them(site: Path, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('source = "plasma?frames=5"\nsinks = ["heartbeat"]\n')
    done = run("--config", str(tmp_path / "c.toml"), site=site)
    assert done.stdout.endswith("fake: 5 results in all\n"), done.stderr


def test_its_options_are_listed_beside_those_of_the_program(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(site))
    assert cli.main(["sinks", "heartbeat"]) == 0
    assert cli.main(["sources"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "every= duration 5s time between two lines" in lines
    assert "frames= whole number 0 number of pictures; 0: without end" in lines
    assert any(line.startswith("images Photographs") for line in lines)


def test_its_options_are_checked(site: Path) -> None:
    done = run("--source", "plasma?frames=-1", "--sink", "heartbeat", site=site)
    assert (done.returncode, done.stderr) == (78, "edge-detector: error: plasma: frames is -1; expected 0 or more\n")


def test_a_misspelt_name_lists_it(site: Path) -> None:
    done = run("--source", "plasma", "--sink", "heartbeet", site=site)
    assert done.returncode == 2
    known = "clips, command, email, events, gpio, heartbeat, jsonl"
    assert f"unknown sink 'heartbeet'; did you mean 'heartbeat'? known: {known}" in done.stderr
    assert "images, picamera2, plasma, stream" in run("--source", "plasmo", "--sink", "print", site=site).stderr


def test_one_that_does_not_import_is_named_with_its_package(site: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    shutil.copytree(site, broken)
    (broken / "edge_detector_plasma.py").write_text("import no_such_module\n")
    done = run("--source", "plasma", "--sink", "print", site=broken)
    assert done.returncode == 78
    assert done.stderr == (
        "edge-detector: error: source 'plasma': the plug-in edge_detector_plasma:PlasmaSource of edge-detector-plasma "
        "0.1 cannot be imported: ModuleNotFoundError: No module named 'no_such_module'\n"
    )
