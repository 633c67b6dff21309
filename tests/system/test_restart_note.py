"""A note from one start of the service to the next."""

from __future__ import annotations

from pathlib import Path

from edge_detector.system.restart_note import RestartNote


def note(folder: Path) -> RestartNote:
    return RestartNote.from_environment("lost", {"RUNTIME_DIRECTORY": str(folder)})


def test_the_next_start_finds_it_once(tmp_path) -> None:
    assert not note(tmp_path).take()
    note(tmp_path).leave()
    assert [note(tmp_path).take(), note(tmp_path).take()] == [True, False]


def test_it_lies_in_the_first_of_several_folders(tmp_path) -> None:
    RestartNote.from_environment("lost", {"RUNTIME_DIRECTORY": f"{tmp_path}:/elsewhere"}).leave()
    assert (tmp_path / "lost").exists()


def test_outside_systemd_there_is_none(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    nowhere = RestartNote.from_environment("lost", {})
    nowhere.leave()
    assert not nowhere.take()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path) -> None:
    missing = note(tmp_path / "gone")
    missing.leave()
    assert not missing.take()
