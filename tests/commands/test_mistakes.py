"""``edge-detector mistakes``: which pictures it lists, exports and deletes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from edge_detector import cli, config
from edge_detector.mistakes.judging import judged
from edge_detector.mistakes.store import Store
from tests.mistakes.pictures import SAID, jpeg, offer


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """One marked picture, and one to review."""
    store = Store(tmp_path / "mistakes")
    store.add(judged(offer(taken_s=time.mktime((2026, 11, 21, 14, 3, 49, 0, 0, -1))), SAID), jpeg())
    store.add(offer("renamed"), jpeg())
    return store


def said(capsys: pytest.CaptureFixture[str], *words: object) -> list[str]:
    assert cli.main(["mistakes", *map(str, words)]) == 0
    return capsys.readouterr().out.splitlines()


def failed(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    assert cli.main(["mistakes", *map(str, words)]) == 78
    return capsys.readouterr().err


def test_pictures_are_a_table_for_people(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (kept,), (waiting,) = store.kept(), store.offers()
    head, first, second, sum_ = (" ".join(line.split()) for line in said(capsys, "--folder", store.folder))
    assert head == "picture time state what is said"
    assert first == f"{kept.id} 2026-11-21 14:03:49 marked 1 dog that is a cat, 1 wrong dog, 1 missed cat"
    assert second.startswith(f"{waiting.id} ")
    assert second.endswith(" to review renamed")
    assert sum_ == f"{store.folder}: 1 marked, 1 to review, 0.0 MB"


def test_pictures_are_json_for_programs(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = map(json.loads, said(capsys, "list", "--folder", store.folder, "--json"))
    assert [mark["verdict"] for mark in first["marks"]] == ["relabelled", "wrong", "missed"]
    assert (first["exhaustive"], first["judged"], second["judged"]) == (["cat", "dog"], True, False)


def test_the_settings_name_the_folder(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edge-detector.toml"
    file.write_text('sinks = ["events:.", "web:?mistakes=mistakes"]\n')
    monkeypatch.setattr(config, "SERVICE_FOLDER", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert said(capsys, "--config", file)[-1].startswith(f"{store.folder}: 1 marked")


def test_the_marked_ones_are_exported(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "export", tmp_path / "set.zip", "--folder", store.folder) == [f"{tmp_path}/set.zip: 1 picture"]
    assert "is there already" in failed(capsys, "export", tmp_path / "set.zip", "--folder", store.folder)


def test_pictures_are_deleted_by_name_or_all(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    (kept,) = store.kept()
    assert said(capsys, "delete", kept.id, "--folder", store.folder) == []
    assert (store.usage().kept, store.usage().offers) == (0, 1)
    assert f"no picture '{kept.id}'" in failed(capsys, "delete", kept.id, "--folder", store.folder)
    (store.folder / "000009-abcdef.json").write_text("{")
    said(capsys, "delete", "--all", "--folder", store.folder)
    assert list(store.folder.iterdir()) == []


def test_what_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Give --folder FOLDER, or --config" in failed(capsys)
    assert "there is no such folder; --sink 'web:?mistakes=" in failed(capsys, "--folder", tmp_path / "none")
    (tmp_path / "plain.toml").write_text('sinks = ["web"]\n')
    assert "no web sink keeps mistakes" in failed(capsys, "--config", tmp_path / "plain.toml")
    for words in (["export"], ["export", "a", "b"], ["delete"], ["delete", "a", "--all"], ["list", "a"]):
        assert f"mistakes {words[0]}: " in failed(capsys, *words, "--folder", tmp_path)
