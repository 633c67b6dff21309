"""A folder of recordings stays within its limits, and only what is ours is ever deleted."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_detector.errors import SinkError
from edge_detector.sinks.recording.disk import MARGIN_BYTES, DiskFull
from edge_detector.sinks.recording.playable import is_playable
from edge_detector.sinks.recording.recording_folder import NAME, Limits, RecordingFolder
from edge_detector.sinks.recording.synced_file import SyncedFile
from tests.sinks.recording.test_playable import MOOV

NOON = datetime(2026, 11, 21, 12, 0, 0, 120_000, UTC)
PLENTY = 10**12


class FakeDisk:
    """A disk of ``size_bytes`` with nothing on it but the folder and ``others_bytes``."""

    def __init__(self, size_bytes: int, others_bytes: int = 0) -> None:
        self.size_bytes = size_bytes
        self.others_bytes = others_bytes

    def free_bytes(self, folder: Path) -> int:
        return self.size_bytes - self.others_bytes - sum(path.stat().st_size for path in folder.iterdir())


class FakeClock:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


def open_folder(
    folder: Path, limits: Limits, *, disk: FakeDisk | None = None, clock: FakeClock | None = None
) -> RecordingFolder:
    free_bytes = (disk or FakeDisk(PLENTY)).free_bytes
    recordings = RecordingFolder(folder, limits, free_bytes=free_bytes, now=clock or FakeClock())
    recordings.open()
    return recordings


def jpeg_like(size_bytes: int) -> bytes:
    """What begins and ends as a whole JPEG file does."""
    return b"\xff\xd8" + bytes(size_bytes - 4) + b"\xff\xd9"


def put(
    recordings: RecordingFolder, label: str = "", *, size_bytes: int = 100, suffixes: tuple[str, ...] = (".jpg",)
) -> str:
    """Record something; returns its name."""
    name = recordings.new_name(label)
    paths = [recordings.path / f"{name}{suffix}" for suffix in suffixes]
    for path in paths:
        path.write_bytes(jpeg_like(size_bytes))
    recordings.add(*paths)
    return name


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits(items=3))
    kept = [put(recordings, f"{number}") for number in range(8)][-3:]
    assert names(tmp_path) == [f"{name}.jpg" for name in kept]


def test_the_files_of_one_recording_go_together(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits(items=1))
    for label in ("dog", "cat"):
        name = put(recordings, label, suffixes=(".jpg", ".json", ".clean.jpg"))
    assert names(tmp_path) == [f"{name}.clean.jpg", f"{name}.jpg", f"{name}.json"]


def test_the_oldest_go_when_they_are_too_large_together(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits(size_bytes=250))
    for number in range(5):
        put(recordings, f"{number}")
    assert len(names(tmp_path)) == 2


def test_room_is_made_for_what_is_coming(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits(size_bytes=250))
    put(recordings, "a")
    put(recordings, "b")
    recordings.make_room(120)
    assert len(names(tmp_path)) == 1


def test_the_limit_of_size_itself_is_allowed(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits(size_bytes=300))
    for number in range(3):
        put(recordings, f"{number}")
    assert len(names(tmp_path)) == 3
    recordings.make_room(0)
    assert len(names(tmp_path)) == 3
    recordings.make_room(100)
    assert len(names(tmp_path)) == 2
    recordings.make_room(101)
    assert len(names(tmp_path)) == 1


def test_the_limits_may_be_reached_by_what_is_coming_alone(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits(size_bytes=300))
    recordings.make_room(1000)
    put(recordings, "a", size_bytes=1000)
    assert names(tmp_path) == []


def test_a_disk_with_exactly_the_reserve_free_is_not_full(tmp_path: Path) -> None:
    disk = FakeDisk(size_bytes=700)
    recordings = open_folder(tmp_path, Limits(reserve_bytes=400), disk=disk)
    for number in range(3):
        put(recordings, f"{number}")
    recordings.make_room()
    assert len(names(tmp_path)) == 3
    disk.others_bytes = 300  # all three together are just enough
    recordings.make_room()
    assert names(tmp_path) == []


def test_the_reserve_is_raised_and_never_lowered(tmp_path: Path) -> None:
    for reserve_bytes, raised_bytes in ((0, MARGIN_BYTES), (10 * MARGIN_BYTES, 10 * MARGIN_BYTES)):
        recordings = open_folder(tmp_path, Limits(reserve_bytes=reserve_bytes))
        recordings.raise_reserve()
        assert recordings.reserve_bytes == raised_bytes


def test_the_oldest_go_when_the_disk_fills_up(tmp_path: Path) -> None:
    disk = FakeDisk(size_bytes=1000)
    recordings = open_folder(tmp_path, Limits(reserve_bytes=400), disk=disk)
    for number in range(5):
        put(recordings, f"{number}")
    disk.others_bytes = 350
    recordings.make_room()
    assert len(names(tmp_path)) == 2


def test_a_disk_that_others_have_filled_is_full_until_they_leave(tmp_path: Path) -> None:
    disk = FakeDisk(size_bytes=1000, others_bytes=900)
    recordings = open_folder(tmp_path, Limits(reserve_bytes=400), disk=disk)
    with pytest.raises(DiskFull, match=f"^{tmp_path}: the disk has less than 0 MB left, which the option reserve"):
        recordings.make_room()
    disk.others_bytes = 0
    recordings.make_room()


def test_nothing_is_deleted_where_that_does_not_make_enough_room(tmp_path: Path) -> None:
    disk = FakeDisk(size_bytes=1000)
    recordings = open_folder(tmp_path, Limits(reserve_bytes=400), disk=disk)
    for number in range(3):
        put(recordings, f"{number}")
    disk.others_bytes = 650
    with pytest.raises(DiskFull):
        recordings.make_room()
    assert len(names(tmp_path)) == 3


def test_a_recording_that_has_just_been_made_is_not_deleted_because_others_fill_the_disk(tmp_path: Path) -> None:
    disk = FakeDisk(size_bytes=1000)
    recordings = open_folder(tmp_path, Limits(reserve_bytes=400), disk=disk)
    disk.others_bytes = 900
    name = put(recordings)
    assert names(tmp_path) == [f"{name}.jpg"]


def test_a_disk_that_refused_a_recording_though_nothing_is_reserved_gets_room(tmp_path: Path) -> None:
    disk = FakeDisk(size_bytes=MARGIN_BYTES + 250)
    recordings = open_folder(tmp_path, Limits(reserve_bytes=0), disk=disk)
    for number in range(5):
        put(recordings, f"{number}")
    recordings.make_room()
    assert len(names(tmp_path)) == 5
    recordings.raise_reserve()
    recordings.make_room()
    assert len(names(tmp_path)) == 2


def test_it_says_once_that_the_oldest_go(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    recordings = open_folder(tmp_path, Limits(items=2))
    for number in range(5):
        put(recordings, f"{number}")
    assert caplog.messages == [f"{tmp_path}: has reached its limits; new recordings replace the oldest ones"]


def test_what_an_earlier_run_recorded_counts(tmp_path: Path) -> None:
    clock = FakeClock()
    earlier = open_folder(tmp_path, Limits(), clock=clock)
    for clock.now in (NOON + timedelta(minutes=minute) for minute in range(5)):
        put(earlier, suffixes=(".jpg", ".json"))
    recordings = open_folder(tmp_path, Limits(items=2), clock=clock)
    put(recordings, "now", suffixes=(".jpg", ".json"))
    assert names(tmp_path) == [
        "2026-11-21_12-04-00.120Z.jpg",
        "2026-11-21_12-04-00.120Z.json",
        "2026-11-21_12-04-00.120Z_now.jpg",
        "2026-11-21_12-04-00.120Z_now.json",
    ]


def test_a_clock_that_jumps_back_does_not_make_the_newest_the_oldest(tmp_path: Path) -> None:
    clock = FakeClock()
    recordings = open_folder(tmp_path, Limits(items=2), clock=clock)
    put(recordings, "first")
    clock.now -= timedelta(days=1)
    kept = [put(recordings, "second"), put(recordings, "third")]
    assert names(tmp_path) == sorted(f"{name}.jpg" for name in kept)


def test_files_that_are_not_ours_are_neither_counted_nor_deleted(tmp_path: Path) -> None:
    others = ["2026-11-21.jpg", "holiday.mp4", "notes.txt"]
    for name in others:
        (tmp_path / name).write_bytes(bytes(10_000))
    recordings = open_folder(tmp_path, Limits(items=1, size_bytes=500))
    name = put(recordings, "dog")
    put_later = put(recordings, "cat")
    assert names(tmp_path) == sorted([*others, f"{put_later}.jpg"])
    assert NAME.fullmatch(name)


def test_a_recording_that_someone_else_deleted_is_no_error(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits(items=1))
    (tmp_path / f"{put(recordings, 'dog')}.jpg").unlink()
    put(recordings, "cat")
    assert len(names(tmp_path)) == 1


def test_a_file_that_someone_else_deleted_at_once_counts_as_empty(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits(size_bytes=100))
    recordings.add(tmp_path / f"{recordings.new_name('gone')}.jpg")
    put(recordings, "dog", size_bytes=100)
    assert len(names(tmp_path)) == 1


def test_names_tell_time_and_label_and_never_collide(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits())
    assert [put(recordings, "cell phone"), put(recordings, "cell phone"), put(recordings, "../../etc/x")] == [
        "2026-11-21_12-00-00.120Z_cell-phone",
        "2026-11-21_12-00-00.120Z_cell-phone_2",
        "2026-11-21_12-00-00.120Z_-etc-x",
    ]


@pytest.mark.parametrize("label", ["x" * 230, "ö" * 230, "猫" * 230, "x" + "猫" * 230])
def test_a_long_label_is_cut_to_what_fits_into_a_name(tmp_path: Path, label: str) -> None:
    recordings = open_folder(tmp_path, Limits(items=2))
    put_names = [put(recordings, label, suffixes=(".clean.jpg.part",)) for _ in range(2)]
    assert all(NAME.fullmatch(name) and label.startswith(name[25:].removesuffix("_2")) for name in put_names)
    assert [len(name.encode()) + len(".clean.jpg.part") <= 143 for name in put_names] == [True, True]
    assert len(put_names[0].encode()) > 110


def test_what_a_crash_cut_off_before_its_first_picture_is_removed(tmp_path: Path) -> None:
    recordings = open_folder(tmp_path, Limits())
    kept = put(recordings, "dog")
    stem = recordings.new_name("cut")
    for suffix in (".mp4.part", ".jpg.part", ".json.part", ".clean.jpg.part"):
        (tmp_path / f"{stem}{suffix}").write_bytes(bytes(758))
    (tmp_path / "download.mp4.part").touch()  # of another program
    open_folder(tmp_path, Limits())
    assert names(tmp_path) == [f"{kept}.jpg", "download.mp4.part"]


def test_a_recording_whose_names_a_crash_has_changed_in_part_gets_the_rest(tmp_path: Path) -> None:
    stem = tmp_path / open_folder(tmp_path, Limits()).new_name("dog")
    stem.with_name(f"{stem.name}.json").write_text("{}")
    for suffix in (".jpg.part", ".clean.jpg.part"):
        stem.with_name(f"{stem.name}{suffix}").write_bytes(jpeg_like(100))
    recordings = open_folder(tmp_path, Limits(items=1))
    assert names(tmp_path) == [f"{stem.name}.clean.jpg", f"{stem.name}.jpg", f"{stem.name}.json"]
    newest = put(recordings, "newer")
    assert names(tmp_path) == [f"{newest}.jpg"]  # all three counted as one


def test_a_file_that_a_crash_has_kept_from_being_replaced_stays(tmp_path: Path) -> None:
    stem = "2026-11-21_14-03-59.120Z_person"
    for name in (f"{stem}.jpg", f"{stem}.json"):
        (tmp_path / name).write_text("whole")
    (tmp_path / f"{stem}.jpg.part").write_text("ha")
    RecordingFolder(tmp_path, Limits(reserve_bytes=0)).open()
    assert names(tmp_path) == [f"{stem}.jpg", f"{stem}.json"]
    assert (tmp_path / f"{stem}.jpg").read_text() == "whole"


def test_what_another_program_is_writing_is_left_to_it(tmp_path: Path) -> None:
    stem = open_folder(tmp_path, Limits()).new_name("dog")
    with SyncedFile(tmp_path / f"{stem}.mp4", count=not_counted) as file:
        open_folder(tmp_path, Limits())
        assert names(tmp_path) == [f"{stem}.mp4.part"]
        file.take_final_name()
    assert names(tmp_path) == [f"{stem}.mp4"]


def not_counted(size_bytes: int) -> None:
    """Nobody counts the bytes."""


def test_what_cannot_be_played_takes_no_place(tmp_path: Path) -> None:
    clock = FakeClock()
    recordings = open_folder(tmp_path, Limits(items=2), clock=clock)
    good = [put(recordings, label) for label in ("a", "b")]
    clock.now += timedelta(hours=1)
    for suffix, content in ((".jpg", b"\xff\xd8"), (".json", b"{}"), (".mp4", MOOV)):
        (tmp_path / f"{recordings.new_name(suffix[1:])}{suffix}").write_bytes(content)
    recordings = open_folder(tmp_path, Limits(items=2), clock=clock)
    clock.now += timedelta(hours=1)
    good.append(put(recordings, "c"))
    playable = [path.stem for path in sorted(tmp_path.iterdir()) if is_playable(path)]
    assert playable == good[1:]
    assert [path.suffix for path in sorted(tmp_path.iterdir()) if not is_playable(path)] == [".jpg", ".json"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_an_error_at_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SinkError, match="cannot write to this folder: Permission denied"):
        open_folder(tmp_path, Limits())
