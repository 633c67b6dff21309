"""The tables."""

from __future__ import annotations

import importlib.metadata
import tomllib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.registry import EXTRAS, HEADS, RUNTIMES, SINKS, SOURCES, check, is_known, names, resolve, unknown
from edge_detector.sources import source_spec

TABLE = {"ordered": "collections:OrderedDict", "default": "collections:defaultdict"}


def test_a_name_stands_for_an_object() -> None:
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


def test_what_apt_has_for_a_pi_is_said_too() -> None:
    with pytest.raises(ConfigError, match=r"pip install 'edge-detector\[gpio\]', or on a Raspberry Pi: sudo"):
        resolve({"gpio": "no_such_module:Sink"}, "gpio", kind="sink")


def test_every_extra_of_a_sink_is_one_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert set(EXTRAS) <= set(project["optional-dependencies"])
    assert set(EXTRAS) <= set(SINKS)


def test_a_package_that_is_missing_for_another_reason_is_a_bug_and_stays_one() -> None:
    with pytest.raises(ModuleNotFoundError):
        resolve({"own": "no_such_module:Thing"}, "own", kind="sink")


# Plug-ins of other packages.


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Installs a package of a name with entry points, as pip would: a folder of metadata on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(name: str, group: str, **points: str) -> None:
        folder = tmp_path / f"{name}-1.2.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = "".join(f"{key} = {value}\n" for key, value in points.items())
        (folder / "entry_points.txt").write_text(f"[edge_detector.{group}]\n{lines}")

    return installed


GROUPS = {"sources": SOURCES, "sinks": SINKS, "heads": HEADS, "runtimes": RUNTIMES}


@pytest.mark.parametrize("group", GROUPS)
def test_a_name_that_a_table_lacks_is_a_plug_ins(group, install) -> None:
    install("other", group, ordered="collections:OrderedDict")
    assert resolve(GROUPS[group], "ordered", kind="thing") is OrderedDict
    assert "ordered" in names(GROUPS[group])
    check(GROUPS[group], "ordered", kind="thing")
    assert [each for each, table in GROUPS.items() if is_known(table, "ordered")] == [group]


def test_an_unknown_name_lists_plug_ins_too(install) -> None:
    install("other", "sinks", tally="collections:Counter")
    with pytest.raises(ConfigError, match=r"^unknown sink 'taly'; did you mean 'tally'\? known: clips, .*, tally, "):
        resolve(SINKS, "taly", kind="sink")
    with pytest.raises(ConfigError, match=r"^unknown sink 'taly'; did you mean 'tally'\? known: clips, .*, tally, "):
        Config(sinks=("taly",))


def test_the_configuration_takes_plug_ins(install) -> None:
    install("other", "sinks", tally="collections:Counter")
    install("another", "runtimes", quick="collections:Counter")
    assert Config(sinks=("tally:x?y=1",), runtime="quick").sinks == ("tally:x?y=1",)


def test_a_plug_in_does_not_take_the_place_of_a_name_in_the_table(install) -> None:
    install("other", "sinks", web="collections:Counter")
    assert resolve(SINKS, "web", kind="sink").__name__ == "WebSink"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:Sink", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("collections:Contour", "AttributeError: module 'collections' has no attribute 'Contour'"),
    ],
)
def test_a_plug_in_that_cannot_be_imported_is_an_error_with_its_package(install, target, reason) -> None:
    install("other", "sinks", tally=target)
    with pytest.raises(ConfigError) as caught:
        resolve(SINKS, "tally", kind="sink")
    assert str(caught.value) == f"sink 'tally': the plug-in {target} of other 1.2 cannot be imported: {reason}"


def test_a_name_that_two_packages_have_is_an_error_with_both(install) -> None:
    install("other", "sinks", tally="collections:Counter")
    install("another", "sinks", tally="collections:OrderedDict")
    with pytest.raises(ConfigError, match=r"^sink 'tally': another 1\.2 and other 1\.2 both have one of this name"):
        resolve(SINKS, "tally", kind="sink")


def test_who_asks_for_names_of_the_tables_only_does_not_wait_for_a_search(monkeypatch) -> None:
    def search(**_: object) -> NoReturn:
        raise AssertionError("every package's metadata is read")

    monkeypatch.setattr(importlib.metadata, "entry_points", search)
    Config(sinks=("jsonl:-", "telemetry?interval=5s"), runtime="litert")
    resolve(SINKS, "jsonl", kind="sink")
    for text in ("0", "/dev/video0", "rtsp://camera/1", "synthetic:?seed=3", __file__, str(Path(__file__).parent)):
        source_spec(text)


def test_a_plug_in_is_a_source_unless_a_file_has_its_name(install, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    install("other", "sources", swing="collections:Counter")
    assert source_spec("swing") == Spec("swing")
    assert source_spec("swing:http://camera/1?a=b") == Spec("swing", "http://camera/1", {"a": "b"})
    (tmp_path / "swing").touch()
    assert source_spec("swing") == Spec("video", "swing")
