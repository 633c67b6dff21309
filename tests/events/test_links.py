"""Files and their visits: what is linked, and what happens where the database cannot be written."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_detector.events import links as linking
from edge_detector.events.database import Database
from edge_detector.events.index import open_index
from edge_detector.events.links import FileLinks
from tests.events.visits import record, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite"


def clips(path: Path) -> list[dict[str, Path]]:
    with open_index(path) as index:
        return [{kind: link.path for kind, link in visit.files.items()} for visit in index.visits()]


class Links(FileLinks):
    """With a clock that is set by hand."""

    def __init__(self, path: Path) -> None:
        self.now_s = 0.0
        self.written: list[int] = []
        super().__init__([f"events:{path}"], count=self.written.append, clock=lambda: self.now_s)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program writes to the database, and does not end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def test_a_file_may_be_linked_before_and_after_its_visit_is_written(path: Path) -> None:
    before, after = path.with_name("before.mp4"), path.with_name("after.mp4")
    links = Links(path)
    with Database(path) as database:
        links.add("3f9a1c2e-1", "clip", before)
        database.put([record(1), record(2)], {})
        links.add("3f9a1c2e-2", "clip", after)
    assert clips(path) == [{"clip": before}, {"clip": after}]


def test_what_a_link_writes_is_counted(path: Path) -> None:
    links = Links(path)
    with Database(path) as database:
        database.put([record(1)], {})
        links.write()
        assert links.written == []
        links.add("3f9a1c2e-1", "clip", path.with_name("clip.mp4"))
    assert sum(links.written) > 4096  # one page of the database at least


def test_without_an_events_sink_nothing_is_linked(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    links = FileLinks(["print", f"clips:{path.parent}"])
    links.add("3f9a1c2e-1", "clip", path.with_name("clip.mp4"))
    links.write()
    links.close()
    assert (caplog.messages, list(path.parent.iterdir())) == ([], [])


def test_a_file_that_cannot_be_linked_is_logged(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    links = Links(path)
    links.add("3f9a1c2e-1", "clip", path.with_name("clip.mp4"))
    assert f"{path}: cannot link {path.with_name('clip.mp4')} to its visit" in caplog.text
    assert not path.exists()


def test_a_locked_database_costs_one_line_and_the_links_come_later(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, record(1), record(2))
    links = Links(path)
    first, second = path.with_name("first.mp4"), path.with_name("second.mp4")
    with held(path):
        links.add("3f9a1c2e-1", "clip", first)
        links.add("3f9a1c2e-2", "clip", second)
        links.now_s = 10.0
        links.write()
    assert caplog.messages == [f"{path}: cannot link {first} to its visit; will try again: database is locked"]
    links.now_s = 19.9
    links.write()
    assert clips(path) == [{}, {}]
    links.now_s = 20.0
    links.write()
    assert clips(path) == [{"clip": first}, {"clip": second}]
    assert len(caplog.messages) == 1


def test_a_database_that_is_held_is_not_waited_for_long(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, record())
    asked_s = []
    connect = sqlite3.connect

    def noted(*arguments, timeout: float, **options) -> sqlite3.Connection:
        asked_s.append(timeout)
        return connect(*arguments, timeout=0, **options)

    links = Links(path)
    with held(path):
        monkeypatch.setattr(sqlite3, "connect", noted)
        for links.now_s in range(20):
            links.add("3f9a1c2e-1", "clip", path.with_name("clip.mp4"))
    assert len(asked_s) == 2
    assert max(asked_s) <= 0.5


def test_a_damaged_database_is_logged_and_a_new_one_gets_the_link(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"no database at all, but as long as one is, at least a little")
    links = Links(path)
    links.add("3f9a1c2e-1", "clip", path.with_name("clip.mp4"))
    assert caplog.messages[0].endswith("to its visit; will try again: file is not a database")
    write(path, record())  # moves the damaged one aside
    links.close()
    assert clips(path) == [{"clip": path.with_name("clip.mp4")}]


def test_links_that_were_never_written_are_counted_at_the_end(
    path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "MOST_WAITING", 2)
    links = Links(path)
    for number in range(5):
        links.add(f"3f9a1c2e-{number}", "clip", path.with_name(f"{number}.mp4"))
    assert repr(links).endswith("waiting=2>")
    links.close()
    links.close()
    assert caplog.messages[1:] == [f"{path}: 5 files are there, but not linked to their visits"]
