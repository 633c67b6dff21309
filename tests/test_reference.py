"""docs/reference.md, ``--help``, ``sinks`` and ``sources`` say what the program takes, and all of it."""

from __future__ import annotations

from dataclasses import MISSING, fields
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

from edge_detector import cli
from edge_detector.config import Config
from edge_detector.options import convert, parameters
from edge_detector.registry import SINKS, SOURCES, resolve

SCRIPT = Path(__file__).parents[1] / "scripts" / "make_reference.py"
PACKAGES = ("aiohttp", "paho.mqtt", "pygame", "prometheus_client")  # of the sinks that need an extra


def options_of(kind: str, table: dict[str, str], name: str) -> type[Any]:
    for package in PACKAGES:
        pytest.importorskip(package)
    found: type[Any] = resolve(table, name, kind=kind).options
    return found


@pytest.fixture(params=[*(("sink", SINKS, name) for name in SINKS), *(("source", SOURCES, name) for name in SOURCES)])
def options(request: pytest.FixtureRequest) -> type[Any]:
    return options_of(*request.param)


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = spec_from_file_location("make_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_what_the_script_writes(script: ModuleType) -> None:
    for package in PACKAGES:
        pytest.importorskip(package)
    assert script.REFERENCE.read_text(encoding="utf-8") == script.reference(), "run scripts/make_reference.py"


def test_every_option_of_a_sink_and_source_says_what_it_means(options: type[Any]) -> None:
    assert [each.name for each in parameters(options) if not each.help] == []


def test_every_default_in_words_is_read_back_as_the_default(options: type[Any]) -> None:
    hints = get_type_hints(options)
    words = {each.name: each.default for each in parameters(options)}
    for item in fields(options):
        if item.default is MISSING:
            assert words[item.name] == "required"
        elif words[item.name] == "none":
            assert item.default in (None, "", ())
        else:
            expected = item.default.expanduser() if isinstance(item.default, Path) else item.default
            assert convert(hints[item.name], words[item.name], where="") == expected


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_argument_of_every_command_says_what_it_means(name: str) -> None:
    import_module(cli.COMMANDS[name][0])
    assert [each.dest for each in cli.command_parser(name)._actions if not each.help] == []


def test_help_says_the_default_of_every_option() -> None:
    text = " ".join(cli.detector_parser().format_help().split())
    missing = [each.name for each in parameters(Config) if cli.option_help(each) not in text]
    assert missing == []
    assert "intersection over union) (default: 0.6)" in text
    assert "(default: 1280x720)" in text


def test_help_begins_with_three_things_to_do() -> None:
    lines = cli.detector_parser().format_help().splitlines()[:9]
    assert sum(line.startswith("  edge-detector") for line in lines) == 3


def test_a_flag_that_is_not_given_still_does_not_override_the_file() -> None:
    assert vars(cli.detector_parser().parse([])) == {}


def test_a_sink_is_listed_with_type_default_and_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sinks", "jsonl"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "jsonl:FILE?append=true&keep=1GB" in lines
    assert ':FILE path required the file to write; "-" is standard output' in lines
    assert any(line.startswith("append= true or false false true: keep the lines of") for line in lines)


def test_all_sources_are_listed_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sources"]) == 0
    starts = {line.split("  ")[0] for line in capsys.readouterr().out.splitlines() if line[:1].strip()}
    assert starts >= set(SOURCES)


def test_an_unknown_sink_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["sinks", "jsnl"]) == 78
    said = capsys.readouterr().err
    assert "unknown sink 'jsnl'; did you mean 'jsonl'? known: clips, command, email, events, gpio, jsonl" in said


def test_a_sink_whose_package_is_missing_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SINKS, "mqtt", "package_that_nobody_has:Sink")
    assert cli.main(["sinks", "mqtt"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "pip install 'edge-detector[mqtt]'" in text


def test_a_sink_that_is_a_function_does_not_say_its_options(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SINKS, "tally", "collections:Counter")
    assert cli.main(["sinks", "tally"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("tally  Dict subclass for counting hashable items.")
    assert last == "  it does not say which options it has"
