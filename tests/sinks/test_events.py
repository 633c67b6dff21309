"""The sink ``events``: one record for each visit, written rarely, whatever the disk and the clock do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.events.database import Database
from edge_detector.events.index import open_index
from edge_detector.events.record import ENDED, HERE, Crossing, VisitRecord
from edge_detector.sinks import open_sink
from edge_detector.sinks.events import writer as writing
from edge_detector.sinks.events.picture import PICTURE_PX, best_picture
from edge_detector.sinks.events.stay import MOST_POINTS, Change, thinned
from edge_detector.sinks.events.writer import EventWriter
from edge_detector.sinks.recording.disk import DiskFull
from edge_detector.types import Visit, VisitChange
from tests import make
from tests.events.visits import DAY_S, NOON_S, SECOND_NS, changed, record, visit
from tests.sinks.conftest import MakeContext, SmallDisk


class Clock:
    """A monotonic clock, and a wall clock ahead of it, set by hand."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.ahead_s = NOON_S

    def __call__(self) -> float:
        return self.now_s

    def wall_s(self, timestamp_ns: int) -> float:
        return timestamp_ns / 1e9 + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.sqlite"


@contextmanager
def open_writer(path: Path, clock: Clock, *, live: bool = True, **options: Any) -> Iterator[EventWriter]:
    limits = {"days": 365, "size_bytes": 500 * 10**6, **options}
    with EventWriter(Database(path), source="0", live=live, clock=clock, wall_s=clock.wall_s, **limits) as writer:
        yield writer


def tell(writer: EventWriter, kind: str, of: Visit, *, place: str = "", direction: str = "") -> None:
    writer.write(Change(VisitChange(kind, of, place, direction), (320, 240), None))


def visits(path: Path) -> list[VisitRecord]:
    with open_index(path) as index:
        return index.visits()


def test_a_visit_is_one_record_with_its_picture(tmp_path: Path, make_context: MakeContext) -> None:
    with open_sink(f"events:{tmp_path}", make_context()) as sink:
        sink.write(make.result(0))
        sink.write(changed("started", visit()))
        sink.write(changed("crossed", visit(seen_s=2), place="gate", direction="in"))
        sink.write(changed("ended", visit(seen_s=5, zones={"door": 3.0}, ended=True)))
    (kept,) = visits(tmp_path / "events.sqlite")
    assert (kept.id, kept.label, kept.score, kept.state) == ("3f9a1c2e-1", "person", 0.8, ENDED)
    assert (kept.zones, kept.crossings) == ({"door": 3.0}, (Crossing("gate", "in", 2.0),))
    assert kept.duration_s == pytest.approx(5, abs=0.1)
    picture = kept.files["picture"]
    assert (picture.path, picture.gone) == (tmp_path / "events-pictures" / "3f9a1c2e-1.jpg", False)
    assert cv2.imread(str(picture.path)).shape == (208, 104, 3)


def test_the_database_may_be_named(tmp_path: Path, make_context: MakeContext) -> None:
    with open_sink(f"events:{tmp_path}/kept/porch.sqlite?days=7", make_context()):
        assert (tmp_path / "kept" / "porch.sqlite").is_file()


def test_frames_without_a_change_write_nothing(path: Path, clock: Clock, make_context: MakeContext) -> None:
    context = make_context()
    with open_sink(f"events:{path}", context) as sink:
        for sequence in range(20):
            sink.write(make.result(sequence))
    assert context.meter.bytes_written == 0
    assert visits(path) == []


def test_what_is_written_is_counted(path: Path, make_context: MakeContext) -> None:
    context = make_context()
    with open_sink(f"events:{path}", context) as sink:
        sink.write(changed("started", visit()))
    assert context.meter.bytes_written > 4096


def test_a_visit_is_written_at_its_start_each_ten_seconds_and_at_its_end(path: Path, clock: Clock) -> None:
    seen = []
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit())
        for second in range(1, 26):
            clock.now_s = second
            tell(writer, "updated", visit(seen_s=second))
            seen.append(visits(path)[0].duration_s)
        tell(writer, "ended", visit(seen_s=25, ended=True))
        assert (visits(path)[0].duration_s, visits(path)[0].state) == (25, ENDED)
    assert seen == [0] * 9 + [10] * 10 + [20] * 6


def test_what_does_not_move_is_written_each_five_minutes(path: Path, clock: Clock) -> None:
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit(stationary=True))
        for clock.now_s in (10, 299):
            tell(writer, "updated", visit(seen_s=clock.now_s, stationary=True))
            assert visits(path)[0].duration_s == 0
        clock.now_s = 300
        tell(writer, "updated", visit(seen_s=300, stationary=True))
        assert visits(path)[0].duration_s == 300


def test_what_comes_to_rest_is_written_once_more_after_ten_seconds(path: Path, clock: Clock) -> None:
    seen = []
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit())
        for clock.now_s in (5, 10, 20, 309, 310):
            tell(writer, "stopped", visit(seen_s=clock.now_s, stationary=True))
            seen.append((visits(path)[0].duration_s, visits(path)[0].stationary))
    assert seen == [(0, False), (10, True), (10, True), (10, True), (310, True)]


def test_what_waits_is_written_without_another_change(path: Path, clock: Clock) -> None:
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit())
        tell(writer, "updated", visit(seen_s=3))
        clock.now_s = 10
        writer.idle()
        assert visits(path)[0].duration_s == 3


def test_visits_that_are_here_end_with_the_program(path: Path, clock: Clock) -> None:
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit())
        tell(writer, "updated", visit(seen_s=3))
        assert visits(path)[0].state == HERE
    assert [(each.state, each.duration_s) for each in visits(path)] == [(ENDED, 3)]


def test_a_visit_that_ends_in_a_zone_keeps_its_crossings(path: Path, clock: Clock) -> None:
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit())
        tell(writer, "crossed", visit(seen_s=2), place="gate", direction="in")
        tell(writer, "left", visit(seen_s=3, ended=True), place="door")  # as it ends: so both say that it has ended
        tell(writer, "ended", visit(seen_s=3, ended=True))
    assert [(each.state, each.crossings) for each in visits(path)] == [(ENDED, (Crossing("gate", "in", 2.0),))]


@pytest.mark.parametrize("how", ["deleted", "deleted with all that is beside it", "moved", "replaced"])
def test_a_database_that_is_taken_away_is_said_once_and_a_new_one_begins(
    path: Path, clock: Clock, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit())
        tell(writer, "crossed", visit(seen_s=1), place="gate", direction="in")
        tell(writer, "ended", visit(2, ended=True))
        take_away(path, how)
        clock.now_s = 10
        tell(writer, "updated", visit(seen_s=10))
        tell(writer, "ended", visit(3, ended=True))
        assert [each.id for each in visits(path)] == ["3f9a1c2e-1", "3f9a1c2e-3"]
        assert visits(path)[0].crossings == (Crossing("gate", "in", 1.0),)
        with pytest.raises(SinkError, match="another edge-detector writes to it"):
            Database(path).open()
    assert caplog.messages == [f"{path}: somebody has deleted or moved this database; a new one begins"]
    if how == "moved":
        assert [each.id for each in visits(path.with_name("old.sqlite"))] == ["3f9a1c2e-1", "3f9a1c2e-2"]


def take_away(path: Path, how: str) -> None:
    if how == "moved":
        path.rename(path.with_name("old.sqlite"))
        return
    path.unlink()
    if how == "replaced":
        path.touch()
    if how == "deleted with all that is beside it":
        for each in path.parent.glob(f"{path.name}*"):
            each.unlink()


@pytest.mark.parametrize("jump_s", [365 * DAY_S, -365 * DAY_S])
def test_a_clock_that_jumps_by_a_year_loses_nothing(path: Path, clock: Clock, jump_s: float) -> None:
    with open_writer(path, clock, days=30) as writer:
        for number in range(1, 6):
            tell(writer, "ended", visit(number, ended=True))
        clock.ahead_s += jump_s
        for number, clock.now_s in enumerate((100.0, 3600.0, 7000.0), 6):
            tell(writer, "ended", visit(number, ended=True, started_ns=0, seen_ns=round(clock.now_s * SECOND_NS)))
    assert [each.id for each in visits(path)] == [f"3f9a1c2e-{number}" for number in range(1, 9)]
    assert [each.duration_s for each in visits(path)] == [0] * 5 + [100, 3600, 7000]


def test_old_visits_go_when_the_clock_has_been_steady_for_an_hour(path: Path, clock: Clock) -> None:
    with Database(path) as database:
        database.put([record(1, seen_s=NOON_S - 8 * DAY_S), record(2, seen_s=NOON_S - DAY_S)], {})
    with open_writer(path, clock, days=7) as writer:
        writer.idle()
        assert len(visits(path)) == 2
        clock.now_s = 3600.0
        writer.idle()
        assert [each.id for each in visits(path)] == ["3f9a1c2e-2"]


def test_the_size_is_kept(path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "LIMITS_S", 0.0)
    with Database(path) as database:
        database.put([record(number) for number in range(2000)], {})
        limit = database.size_bytes - 100_000
    with open_writer(path, clock, size_bytes=limit) as writer:
        tell(writer, "ended", visit(5000, ended=True))
        assert path.stat().st_size < limit
    assert visits(path)[-1].id == "3f9a1c2e-5000"
    assert len(visits(path)) < 2001


def test_on_a_full_disk_visits_of_a_camera_wait(
    path: Path, clock: Clock, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit(1))
        small_disk.fill()
        for number in (2, 3):
            clock.now_s += 60
            tell(writer, "ended", visit(number, ended=True))
        assert "sink events: writes nothing until the disk has room" in caplog.text
        small_disk.clear()
        clock.now_s += 60
        tell(writer, "ended", visit(1, ended=True))
        assert writer.lost == 0
    assert sorted(each.id for each in visits(path)) == ["3f9a1c2e-1", "3f9a1c2e-2", "3f9a1c2e-3"]


def test_a_full_disk_is_tried_again_after_five_seconds(path: Path, clock: Clock, small_disk: SmallDisk) -> None:
    with open_writer(path, clock) as writer:
        small_disk.fill()
        tell(writer, "started", visit())
        small_disk.clear()
        for clock.now_s, written in ((4.9, 0), (5.0, 1)):
            writer.idle()
            assert len(visits(path)) == written


def test_visits_that_never_find_room_are_counted(
    path: Path, clock: Clock, small_disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MOST_WAITING", 3)
    with open_writer(path, clock) as writer:
        small_disk.fill()
        for number in range(5):
            clock.now_s += 60
            tell(writer, "ended", visit(number, ended=True))
        assert writer.lost == 2
    assert writer.lost == 5
    small_disk.clear()


def test_a_full_disk_ends_a_film(path: Path, clock: Clock, small_disk: SmallDisk) -> None:
    with open_writer(path, clock, live=False) as writer:
        small_disk.fill()
        with pytest.raises(DiskFull, match=rf"^{path}: cannot be written: "):
            tell(writer, "started", visit())
        small_disk.clear()


def test_a_disk_that_is_full_at_the_start_does_not_stop_a_camera(
    path: Path, clock: Clock, small_disk: SmallDisk
) -> None:
    small_disk.fill()
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit())
        small_disk.clear()
        clock.now_s = 60
        tell(writer, "ended", visit(ended=True))
    assert [each.id for each in visits(path)] == ["3f9a1c2e-1"]


def test_a_database_that_breaks_while_it_is_written_is_moved_aside(
    path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = sqlite3.DatabaseError("malformed")
    broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    put, errors = Database.put, [broken]

    def breaks_once(self: Database, *arguments: Any) -> None:
        if errors:
            raise errors.pop()
        put(self, *arguments)

    monkeypatch.setattr(Database, "put", breaks_once)
    with open_writer(path, clock) as writer:
        tell(writer, "started", visit())
    assert path.with_name("events.damaged.sqlite").exists()
    assert len(visits(path)) == 1


def test_a_folder_that_cannot_be_made_is_an_error_when_it_opens(tmp_path: Path, make_context: MakeContext) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot make this file: Not a directory"):
        open_sink(f"events:{tmp_path}/file/folder", make_context()).__enter__()


@pytest.mark.parametrize(("options", "error"), [
    ("days=0", "days is 0; expected 1 or more"),
    ("size=1MB", "size is 1000000 bytes; expected 10MB or more"),
])  # fmt: skip
def test_limits_without_room_for_a_visit_are_errors(
    tmp_path: Path, make_context: MakeContext, options: str, error: str
) -> None:
    with pytest.raises(ConfigError, match=f"^sink events: {error}"):
        open_sink(f"events:{tmp_path}?{options}", make_context())


def test_the_password_of_the_camera_is_not_kept(tmp_path: Path, make_context: MakeContext) -> None:
    context = make_context(source="rtsp://ada:swordfish@porch/live")
    with open_sink(f"events:{tmp_path}", context) as sink:
        sink.write(changed("started", visit()))
    assert visits(tmp_path / "events.sqlite")[0].source == "rtsp://ada:***@porch/live"


@pytest.mark.parametrize("box", [
    (0.0, 0.0, 320.0, 240.0), (319.9, 239.9, 320.0, 240.0), (-5.0, -5.0, 0.0, 0.0), (10.0, 10.0, 10.0, 10.0),
])  # fmt: skip
def test_a_picture_is_small_wherever_the_box_is(box: tuple[float, float, float, float]) -> None:
    assert 1 <= max(best_picture(make.frame(), box).shape[:2]) <= PICTURE_PX


def test_a_long_path_keeps_its_ends() -> None:
    path = tuple((float(second), 0.1, 0.2) for second in range(1000))
    short = thinned(path)
    assert (len(short), short[0], short[-1]) == (MOST_POINTS, path[0], path[-1])
    assert thinned(path[:5]) == path[:5]


def test_only_the_best_frame_gives_a_picture(tmp_path: Path, make_context: MakeContext) -> None:
    later = replace(visit(seen_s=2), best_ns=0)
    with open_sink(f"events:{tmp_path}", make_context()) as sink:
        sink.write(changed("started", later))
    assert visits(tmp_path / "events.sqlite")[0].files == {}
