"""The database of visits: what it holds, and what it survives."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.events import schema
from edge_detector.events.database import LOG_BYTES, Database, FileLink, Picture, is_damage, is_passing, link_files
from edge_detector.events.index import Filter, open_index
from edge_detector.events.place import database_file, database_of, picture_folder
from edge_detector.events.record import CUT_OFF, ENDED, HERE, Crossing, VisitRecord
from tests.events.visits import DAY_S, NOON_S, record, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite"


def visits(path: Path, which: Filter | None = None) -> list[VisitRecord]:
    with open_index(path) as index:
        return index.visits(which or Filter())


def ids(path: Path, which: Filter | None = None) -> list[str]:
    return [visit.id for visit in visits(path, which)]


def test_a_visit_is_read_as_it_was_written(path: Path) -> None:
    visit = record(
        path=((0.0, 0.1, 0.9), (1.0, 0.2, 0.8)),
        zones={"door": 4.5},
        crossings=(Crossing("gate", "in", 2.5),),
        stationary=True,
    )
    write(path, visit)
    assert visits(path) == [visit]


def test_a_visit_that_comes_again_replaces_the_first(path: Path) -> None:
    write(path, record(1), record(2), record(1, label="dog", zones={"door": 1.0}))
    assert [(visit.id, visit.label, visit.zones) for visit in visits(path)] == [
        ("3f9a1c2e-1", "dog", {"door": 1.0}),
        ("3f9a1c2e-2", "person", {}),
    ]


def test_visits_are_chosen_by_time_class_and_zone(path: Path) -> None:
    write(
        path,
        record(1, seen_s=NOON_S),
        record(2, seen_s=NOON_S + 60, label="dog"),
        record(3, seen_s=NOON_S + 120, zones={"door": 1.0}),
    )
    assert ids(path, Filter(since_s=NOON_S + 60)) == ["3f9a1c2e-2", "3f9a1c2e-3"]
    assert ids(path, Filter(until_s=NOON_S + 60)) == ["3f9a1c2e-1"]
    assert ids(path, Filter(label="dog")) == ["3f9a1c2e-2"]
    assert ids(path, Filter(zone="door", label="person")) == ["3f9a1c2e-3"]


def test_one_day_is_found_by_an_index(path: Path) -> None:
    write(path, record())
    condition, values = Filter(since_s=NOON_S, until_s=NOON_S + DAY_S).where()
    with closing(sqlite3.connect(path)) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM visits WHERE {condition}", values).fetchall()
    assert "visits_by_time (seen_s>? AND seen_s<?)" in plan[0][-1]


def test_visits_are_counted(path: Path) -> None:
    write(path, record(1, zones={"door": 1.0, "path": 2.0}), record(2, label="dog"), record(3, zones={"door": 2.0}))
    with open_index(path) as index:
        assert index.counts("class") == {"dog": 1, "person": 2}
        assert index.counts("zone") == {"door": 2, "path": 1}
        assert list(index.counts("day").values()) == list(index.counts("hour").values()) == [3]


def test_a_reader_sees_what_is_committed_while_the_writer_goes_on(path: Path) -> None:
    with Database(path) as database:
        database.put([record(1, state=HERE)], {})
        assert [visit.state for visit in visits(path)] == [HERE]
        database.put([record(1), record(2)], {})
        assert [visit.state for visit in visits(path)] == [ENDED, ENDED]


def test_reading_makes_no_file_where_nobody_writes(path: Path) -> None:
    write(path, record())
    before = sorted(path.parent.iterdir())
    with open_index(path) as index:
        index.visits()
        assert sorted(path.parent.iterdir()) == before


def test_a_file_that_is_gone_is_said_so(path: Path) -> None:
    clip = path.with_name("clip.mp4")
    clip.touch()
    with Database(path) as database:
        database.put([record()], {})
        database.link("3f9a1c2e-1", "clip", clip)
    assert [(link.path, link.gone) for link in visits(path)[0].files.values()] == [(clip, False)]
    clip.unlink()
    assert [(link.path, link.gone) for link in visits(path)[0].files.values()] == [(clip, True)]


def test_another_sink_links_its_file_while_the_database_is_written(path: Path) -> None:
    clip = path.with_name("clip.mp4")
    with Database(path) as database:
        link_files(path, [FileLink("3f9a1c2e-1", "clip", clip)])
        database.put([record()], {})
    assert visits(path)[0].files["clip"].path == clip


def test_further_clips_of_a_visit_are_numbered_and_none_is_there_twice(path: Path) -> None:
    write(path, record())
    first, second = path.with_name("1.mp4"), path.with_name("2.mp4")
    links = [FileLink("3f9a1c2e-1", "clip", each) for each in (first, first, second)]
    link_files(path, [*links, FileLink("3f9a1c2e-1", "snapshot", path.with_name("1.jpg"))])
    link_files(path, links)
    files = {kind: link.path.name for kind, link in visits(path)[0].files.items()}
    assert files == {"clip": "1.mp4", "clip-2": "2.mp4", "snapshot": "1.jpg"}


CHILD = """
import sys, time
from pathlib import Path
from edge_detector.events.database import Database
from edge_detector.events.record import HERE
from tests.events.visits import record
with Database(Path(sys.argv[1])) as database:
    database.put([record(1), record(2, state=HERE)], {})
    print("written", flush=True)
    time.sleep(600)
"""


def test_a_killed_run_leaves_every_visit_and_the_open_one_ends_at_its_last_update(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", CHILD, path], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        assert [visit.state for visit in visits(path)] == [ENDED, HERE]
        child.kill()
    assert [(visit.state, visit.seen_s) for visit in visits(path)] == [(ENDED, NOON_S), (CUT_OFF, NOON_S)]
    write(path, record(3))
    assert [visit.state for visit in visits(path)] == [ENDED, CUT_OFF, ENDED]


def test_two_programs_do_not_write_to_one_database(path: Path) -> None:
    with Database(path), pytest.raises(SinkError, match="another edge-detector writes to it"), Database(path):
        pass


def test_a_database_of_a_newer_version_is_an_error_and_stays_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    for opened in (lambda: Database(path).__enter__(), lambda: open_index(path).__enter__()):
        with pytest.raises(ConfigError, match=r"a newer edge-detector has written this database \(version 99; "):
            opened()
    assert path.read_bytes() == before


def test_a_database_of_an_earlier_version_is_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, record())
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE notes (text TEXT)"))
    with pytest.raises(ConfigError, match="an earlier edge-detector has written this database"):
        visits(path)
    with Database(path):
        pass
    assert visits(path) == [record()]
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (0,)


def test_a_migration_that_fails_leaves_the_version_before(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(path, record())
    broken = "CREATE TABLE notes (text TEXT); SELECT * FROM nowhere"
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, broken))
        with pytest.raises(SinkError, match="cannot open this database: no such table: nowhere"), Database(path):
            pass
    assert visits(path) == [record()]


@pytest.mark.parametrize("damage", ["not a database", "a broken page"])
def test_a_damaged_database_is_moved_aside_and_a_new_one_begun(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, *(record(number) for number in range(500)))
    content = path.read_bytes()
    broken = b"no database at all" if damage == "not a database" else content[:8192] + b"\xff" * 4096 + content[12288:]
    path.write_bytes(broken)
    with caplog.at_level(logging.WARNING):
        write(path, record(7))
    aside = path.with_name("events.damaged.sqlite")
    assert aside.read_bytes()[8192:] == broken[8192:]  # SQLite counts in the first page who has opened it
    assert caplog.messages == [f"{path}: damaged; moved to {aside}, and a new one begins"]
    assert ids(path) == ["3f9a1c2e-7"]


def test_a_second_damaged_database_does_not_replace_the_first(path: Path) -> None:
    for _ in range(2):
        path.write_bytes(b"no database at all")
        write(path)
    assert sorted(each.name for each in path.parent.glob("*.damaged*")) == [
        "events.damaged-2.sqlite",
        "events.damaged.sqlite",
    ]


def test_the_pictures_of_a_damaged_database_go_with_it(path: Path) -> None:
    path.write_bytes(b"no database at all")
    picture_folder(path).mkdir()
    write(path)
    assert path.with_name("events.damaged-pictures").is_dir()
    assert not picture_folder(path).exists()


def test_a_damaged_database_cannot_be_read(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(ConfigError, match="cannot read this database: file is not a database"):
        visits(path)


def test_a_missing_database_says_what_writes_it(path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"{path}: there is no such file; --sink events:{path} writes it"):
        visits(path)


def test_old_visits_are_removed_with_their_pictures(path: Path) -> None:
    folder = picture_folder(path)
    folder.mkdir()
    pictures = [folder / f"3f9a1c2e-{number}.jpg" for number in (1, 2)]
    for picture in pictures:
        picture.write_bytes(b"jpeg")
    with Database(path) as database:
        written = {picture.stem: Picture(picture, 4) for picture in pictures}
        database.put([record(1, seen_s=NOON_S - DAY_S, zones={"door": 1.0}), record(2)], written)
        assert database.remove_before(NOON_S) == 1
    assert ids(path) == ["3f9a1c2e-2"]
    assert list(folder.iterdir()) == pictures[1:]
    with open_index(path) as index:
        assert index.zones() == []


def test_age_removes_no_more_than_a_hundredth_at_once(path: Path) -> None:
    with Database(path) as database:
        database.put([record(number) for number in range(20_000)], {})
        assert database.remove_before(NOON_S + 365 * DAY_S) == 200


def test_a_visit_that_goes_on_is_never_removed(path: Path) -> None:
    with Database(path) as database:
        database.put([record(1, state=HERE)], {})
        assert (database.remove_before(NOON_S + DAY_S), database.shrink_to(0)) == (0, 0)
    assert ids(path) == ["3f9a1c2e-1"]


def test_the_oldest_make_room_by_their_order_not_by_their_dates(path: Path) -> None:
    with Database(path) as database:
        database.put([record(number, seen_s=NOON_S - number) for number in range(2000)], {})
        limit = database.size_bytes - 100_000
        removed = database.shrink_to(limit)
        assert database.size_bytes <= limit
    assert 0 < removed < 2000
    assert ids(path) == [f"3f9a1c2e-{number}" for number in range(removed, 2000)]
    assert path.stat().st_size <= limit - LOG_BYTES


def test_errors_of_the_disk_may_pass_and_damage_does_not() -> None:
    def error(code: int) -> sqlite3.Error:
        made = sqlite3.OperationalError()
        made.sqlite_errorcode = code
        return made

    assert is_passing(error(sqlite3.SQLITE_IOERR_WRITE))
    assert is_passing(error(sqlite3.SQLITE_FULL))
    assert is_damage(error(sqlite3.SQLITE_CORRUPT))
    assert not is_passing(error(sqlite3.SQLITE_CORRUPT))


def test_a_folder_holds_the_database_by_its_name() -> None:
    assert database_file(Path("kept")) == Path("kept/events.sqlite")
    assert database_file(Path("kept/porch.sqlite")) == Path("kept/porch.sqlite")
    assert database_of(("print", "events:kept%3F?days=3")) == Path("kept?/events.sqlite")
    assert database_of(("print",)) is None


def test_a_folder_that_is_moved_away_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "events.sqlite"
    path.parent.mkdir()
    with Database(path) as database:
        database.put([record(1)], {})
        elsewhere = path.parent.rename(path.parent.with_name("elsewhere"))
        database.put([record(2)], {})
    assert ids(path) == ["3f9a1c2e-2"]
    assert ids(elsewhere / path.name) == ["3f9a1c2e-1"]


def test_a_file_that_is_moved_while_another_program_reads_it_stays_whole(path: Path) -> None:
    with Database(path) as database:
        database.put([record(1)], {})
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM visits").fetchone()
        database.put([record(2)], {})
        moved = path.rename(path.with_name("old.sqlite"))
        with pytest.raises(sqlite3.OperationalError, match="while another program reads it") as error:
            database.put([record(3)], {})
        assert is_passing(error.value)
        reader.close()
        database.put([record(3)], {})
    assert ids(path) == ["3f9a1c2e-3"]
    with closing(sqlite3.connect(moved)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM visits").fetchone() == (2,)
