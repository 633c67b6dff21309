"""The tables."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.registry import EXTRAS, SINKS, resolve, unknown

TABLE = {"ordered": "collections:OrderedDict", "default": "collections:defaultdict"}


def test_a_name_stands_for_an_object() -> None:
    from collections import OrderedDict

    assert resolve(TABLE, "ordered", kind="dictionary") is OrderedDict


def test_an_unknown_name_names_the_nearest_and_all() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(TABLE, "orderd", kind="dictionary")
    assert str(caught.value) == "unknown dictionary 'orderd'; did you mean 'ordered'? known: default, ordered"


def test_a_name_like_no_other_lists_all() -> None:
    assert unknown("sink", "xyz", ["web", "window"]) == "unknown sink 'xyz'; known: web, window"


def test_many_names_do_not_bury_the_hint() -> None:
    assert unknown("class", "persn", ["person", *map(str, range(99))]) == (
        "unknown class 'persn'; did you mean 'person'?"
    )


def test_an_extra_that_is_not_installed_is_said_with_the_way_to_install_it() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({"mqtt": "no_such_module:Sink"}, "mqtt", kind="sink")
    assert str(caught.value) == (
        "sink 'mqtt' needs no_such_module, which is not installed: pip install 'edge-detector[mqtt]'"
    )


def test_every_extra_of_a_sink_is_one_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) <= set(project["optional-dependencies"])
    assert set(EXTRAS) <= set(SINKS)


def test_a_package_that_is_missing_for_another_reason_is_a_bug_and_stays_one() -> None:
    with pytest.raises(ModuleNotFoundError):
        resolve({"own": "no_such_module:Thing"}, "own", kind="sink")
