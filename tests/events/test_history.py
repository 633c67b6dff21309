"""What the page's history asks the database, and what people change there while another one writes."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from edge_detector.events import schema
from edge_detector.events.changes import Outcome, keep_visit, remove_visit
from edge_detector.events.database import Database, FileLink, Picture, link_files
from edge_detector.events.heat import heat
from edge_detector.events.index import Filter, Moment, open_index
from edge_detector.events.place import picture_file
from edge_detector.events.record import HERE, VisitRecord
from tests.events.visits import DAY_S, NOON_S, record, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite"


def ids(records: list[VisitRecord]) -> list[str]:
    return [each.id for each in records]


def all_ids(path: Path) -> list[str]:
    with open_index(path) as index:
        return ids(index.visits())


def with_picture(path: Path, *records: VisitRecord) -> list[Path]:
    """Write the records, each with a picture; returns the pictures."""
    pictures = {each.id: picture_file(path, each.id) for each in records}
    with Database(path) as database:
        for file in pictures.values():
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"picture")
        database.put(records, {id_: Picture(file, 7) for id_, file in pictures.items()})
    return list(pictures.values())


# --- questions ---


def test_visits_are_paged_from_the_newest_to_the_oldest_and_none_is_there_twice(path: Path) -> None:
    write(path, *(record(number, seen_s=NOON_S + number // 3) for number in range(10)))  # three at each moment
    seen: list[str] = []
    with open_index(path) as index:
        before = None
        while page := index.newest(Filter(), limit=4, before=before):
            assert len(page) <= 4
            seen += ids(page)
            before = Moment(page[-1].started_s, page[-1].id)
        assert seen == ids(sorted(index.visits(), key=lambda each: (each.started_s, each.id), reverse=True))
    assert len(set(seen)) == 10


def test_visits_are_chosen_by_beginning_score_and_what_is_kept(path: Path) -> None:
    write(path, record(1), record(2, score=0.5), record(3, seen_s=NOON_S + DAY_S))
    keep_visit(path, "3f9a1c2e-2", kept=True)
    with open_index(path) as index:
        began = Filter(began_since_s=NOON_S - 10, began_until_s=NOON_S - 9)
        assert ids(index.newest(began, limit=9)) == ["3f9a1c2e-2", "3f9a1c2e-1"]
        assert ids(index.newest(Filter(began_until_s=NOON_S - 10), limit=9)) == []
        assert ids(index.newest(Filter(score=0.8), limit=9)) == ["3f9a1c2e-3", "3f9a1c2e-1"]
        assert ids(index.newest(Filter(kept=True), limit=9)) == ["3f9a1c2e-2"]


def test_a_day_is_paged_by_an_index(path: Path) -> None:
    write(path, record())
    condition, values = Filter(began_since_s=NOON_S, began_until_s=NOON_S + DAY_S).where()
    question = f"EXPLAIN QUERY PLAN SELECT * FROM visits WHERE {condition} ORDER BY started_s DESC, id DESC LIMIT 5"
    with closing(sqlite3.connect(path)) as connection:
        plan = " ".join(str(row) for row in connection.execute(question, values))
    assert "USING INDEX visits_by_start" in plan
    assert "TEMP B-TREE" not in plan


def test_a_visit_is_found_by_its_id(path: Path) -> None:
    write(path, record(1), record(2))
    with open_index(path) as index:
        assert index.visit("3f9a1c2e-2") == record(2)
        assert index.visit("3f9a1c2e-3") is None


def test_the_days_beside_one_are_found(path: Path) -> None:
    write(path, *(record(number, seen_s=NOON_S + number * DAY_S) for number in (1, 2, 4)))
    with open_index(path) as index:
        start_s = NOON_S + 2 * DAY_S - 60
        beside = index.starts_beside(start_s, start_s + DAY_S)
        assert beside == (NOON_S + DAY_S - 10, NOON_S + 4 * DAY_S - 10)
        assert index.starts_beside(0, start_s + 9 * DAY_S) == (None, None)


def test_visits_are_counted_by_hour_and_class(path: Path) -> None:
    hour_s = datetime(2026, 11, 29, 8).astimezone().timestamp()
    write(path, *(record(n, seen_s=hour_s + 30 + 1800 * n, label="dog" if n == 3 else "person") for n in range(4)))
    with open_index(path) as index:
        counts = sorted(index.counts_by_hour(Filter()))
    assert counts == [(8, "person", 2), (9, "dog", 1), (9, "person", 1)]


def test_classes_and_zones_of_a_day_alone(path: Path) -> None:
    write(path, record(1, zones={"door": 1.0}), record(2, label="dog", seen_s=NOON_S + DAY_S, zones={"lawn": 2.0}))
    today = Filter(began_until_s=NOON_S + 60)
    with open_index(path) as index:
        assert (index.labels_of(today), index.zones_of(today)) == (["person"], ["door"])


def test_the_heat_is_the_number_of_paths_through_each_cell() -> None:
    across = [[0.0, 0.1, 0.5], [4.0, 0.9, 0.5]]
    stays = [[0.0, 0.1, 0.5], [60.0, 0.11, 0.51]]
    assert heat([across, stays, []], columns=4, rows=2).tolist() == [[0, 0, 0, 0], [2, 1, 1, 1]]


def test_a_path_at_the_edge_is_in_the_last_cell() -> None:
    assert heat([[[0.0, 1.0, 1.0]]], columns=3, rows=2).tolist() == [[0, 0, 0], [0, 0, 1]]


# --- changes ---


def test_a_database_of_version_1_gets_the_column_of_what_is_kept(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{schema.MIGRATIONS[0]}; PRAGMA user_version = 1")
        connection.execute(
            "INSERT INTO visits VALUES (1, '3f9a1c2e-1', '0', 'person', 0.8, '[100.0,40.0,180.0,200.0]', 320, 240, "
            f"{NOON_S - 10}, {NOON_S}, '[]', '[]', 0, 1)"
        )
        connection.commit()
    with Database(path):
        pass
    with open_index(path) as index:
        assert index.visits() == [record()]
        assert not index.visits()[0].kept


def test_what_is_kept_goes_neither_by_age_nor_by_size(path: Path) -> None:
    pictures = with_picture(path, record(1), record(2), record(3))
    assert keep_visit(path, "3f9a1c2e-1", kept=True) is Outcome.DONE
    with Database(path) as database:
        assert database.remove_before(NOON_S + DAY_S) == 2
        assert database.shrink_to(0) == 0
    assert all_ids(path) == ["3f9a1c2e-1"]
    assert [file.exists() for file in pictures] == [True, False, False]
    keep_visit(path, "3f9a1c2e-1", kept=False)
    with Database(path) as database:
        assert database.shrink_to(0) == 1


def test_the_files_of_a_kept_visit_stay_when_their_sink_makes_room(path: Path, tmp_path: Path) -> None:
    with_picture(path, record(1), record(2))
    clip = tmp_path / "clips" / "clip.mp4"
    clip.parent.mkdir()
    clip.write_bytes(b"film")
    link_files(path, [FileLink(f"3f9a1c2e-{number}", "clip", clip) for number in (1, 2)])
    for _ in range(2):
        assert keep_visit(path, "3f9a1c2e-1", kept=True) is Outcome.DONE
    with open_index(path) as index:
        assert [list(each.files) for each in index.visits()] == [["clip", "picture"]] * 2
        assert [each.files["clip"].path for each in index.visits()] == [clip, clip]
    clip.unlink()
    with open_index(path) as index:
        kept, other = (each.files["clip"] for each in index.visits())
    assert (kept.gone, kept.path.read_bytes(), other.gone) == (False, b"film", True)
    keep_visit(path, "3f9a1c2e-1", kept=False)
    assert not kept.path.exists()
    with open_index(path) as index:
        assert [each.files["clip"].gone for each in index.visits()] == [True, True]


def test_a_kept_visit_is_removed_with_both_names_of_its_files(path: Path, tmp_path: Path) -> None:
    with_picture(path, record(1))
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"film")
    link_files(path, [FileLink("3f9a1c2e-1", "clip", clip)])
    keep_visit(path, "3f9a1c2e-1", kept=True)
    assert remove_visit(path, "3f9a1c2e-1") is Outcome.DONE
    assert (clip.exists(), list(picture_file(path, "x").parent.iterdir())) == (False, [])


def test_a_visit_without_files_is_kept(path: Path, tmp_path: Path) -> None:
    write(path, record(1))
    link_files(path, [FileLink("3f9a1c2e-1", "clip", tmp_path / "gone.mp4")])
    assert keep_visit(path, "3f9a1c2e-1", kept=True) is Outcome.DONE
    with open_index(path) as index:
        assert index.visits()[0].files["clip"].gone


def test_an_update_of_a_visit_does_not_forget_that_it_is_kept(path: Path) -> None:
    with Database(path) as database:
        database.put([record(state=HERE)], {})
        keep_visit(path, "3f9a1c2e-1", kept=True)
        database.put([record(score=0.9)], {})
    with open_index(path) as index:
        assert [(each.kept, each.score) for each in index.visits()] == [(True, 0.9)]


def test_a_removed_visit_takes_its_files_with_it(path: Path, tmp_path: Path) -> None:
    (picture, other) = with_picture(path, record(1), record(2))
    clip, snapshot, shared = (tmp_path / name for name in ("clip.mp4", "a.1Z.jpg", "shared.mp4"))
    beside = (tmp_path / "a.1Z.json", tmp_path / "a.1Z.clean.jpg")
    for file in (clip, snapshot, shared, *beside, tmp_path / "clip.json"):
        file.write_bytes(b"content")
    link_files(path, [FileLink("3f9a1c2e-1", "clip", clip), FileLink("3f9a1c2e-1", "snapshot", snapshot)])
    link_files(path, [FileLink(f"3f9a1c2e-{number}", "clip", shared) for number in (1, 2)])
    assert remove_visit(path, "3f9a1c2e-1") is Outcome.DONE
    assert all_ids(path) == ["3f9a1c2e-2"]
    assert [file.exists() for file in (picture, clip, snapshot, *beside)] == [False] * 5
    assert [file.exists() for file in (other, shared, tmp_path / "clip.json")] == [True] * 3
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM files WHERE visit_id = '3f9a1c2e-1'").fetchone() == (0,)


def test_a_visit_that_goes_on_cannot_be_removed(path: Path) -> None:
    with Database(path) as database:
        database.put([record(state=HERE)], {})
        assert remove_visit(path, "3f9a1c2e-1") is Outcome.HERE
        assert all_ids(path) == ["3f9a1c2e-1"]


def test_a_visit_that_is_not_there_is_missing(path: Path) -> None:
    write(path, record())
    assert remove_visit(path, "nobody") is Outcome.MISSING
    assert keep_visit(path, "nobody", kept=True) is Outcome.MISSING


def test_changes_do_not_disturb_the_writer(path: Path) -> None:
    write(path, *(record(number) for number in range(50)))
    with Database(path) as database:
        remover = threading.Thread(target=lambda: [remove_visit(path, f"3f9a1c2e-{number}") for number in range(50)])
        remover.start()
        for number in range(50, 100):
            database.put([record(number)], {})
        remover.join()
    assert all_ids(path) == [f"3f9a1c2e-{number}" for number in range(50, 100)]
