from __future__ import annotations

import errno
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="needs the extra [workstation]")

from edge_detector.errors import SinkError
from edge_detector.workstation.comparison.store import Store
from edge_detector.workstation.graph.model_files import write_whole


def test_a_record_is_found_under_the_key_it_was_kept_with(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    assert store.find("int8", "k1") is None
    store.keep("int8", "k1", {"seconds": 3})
    assert store.find("int8", "k1") == {"key": "k1", "seconds": 3}
    assert store.find("int8", "k2") is None
    store.forget("int8")
    store.forget("int8")
    assert store.find("int8", "k1") is None


@pytest.mark.parametrize("damage", ['{"key": "k1", "sec', "[1, 2]", "\xff"])
def test_a_damaged_record_is_none(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    store.path("int8").write_text(damage, encoding="latin-1")
    assert store.find("int8", "k1") is None


def test_what_is_interrupted_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def stopped(partial: Path) -> None:
        partial.write_text("ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, stopped)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    def full(partial: Path) -> None:
        partial.write_text("a")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(SinkError, match=r"report\.md: cannot be written: No space left on device"):
        write_whole(tmp_path / "report.md", full)
    assert list(tmp_path.iterdir()) == []
