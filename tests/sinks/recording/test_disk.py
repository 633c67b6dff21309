"""A full disk never ends a camera's run, is said once, and everything it costs is counted."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from edge_detector.errors import SinkError
from edge_detector.sinks.recording.disk import DiskFull, Outage, check_room, free_path, write_error

STOPS = "sink jsonl: writes nothing until the disk has room: full"


class Edge:
    """A sink at the edge of a full disk, on a clock of its own."""

    def __init__(self, *, live: bool = True) -> None:
        self.now_s = 100.0
        self.outage = Outage("jsonl", live=live, clock=lambda: self.now_s)
        self.tries = 0

    def attempt(self, *, full: bool, lost: int = 1) -> str | None:
        def write() -> str:
            self.tries += 1
            if full:
                raise DiskFull("full", lost=lost)
            return "written"

        return self.outage.attempt(write)


def test_it_tries_again_after_a_second_and_not_with_every_picture() -> None:
    edge = Edge()
    for tenth in range(21):
        edge.now_s = 100 + tenth / 10
        edge.attempt(full=True)
    assert (edge.tries, edge.outage.lost) == (3, 21)


def test_an_outage_is_said_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    edge = Edge()
    assert edge.attempt(full=True, lost=30) is None
    edge.now_s += 2
    assert edge.attempt(full=True) is None
    edge.now_s += 2
    assert edge.attempt(full=False) == "written"
    assert caplog.messages == [STOPS]
    edge.now_s += 60
    assert edge.attempt(full=False) == "written"
    assert caplog.messages == [STOPS, "sink jsonl: writes again, the disk has room: 31 lost"]


def test_a_disk_at_its_edge_is_one_outage_and_each_outage_counts_its_own(caplog: pytest.LogCaptureFixture) -> None:
    edge = Edge()
    for _ in range(100):
        edge.attempt(full=True)
        edge.now_s += 2
        edge.attempt(full=False)
        edge.now_s += 2
    assert caplog.messages == [STOPS]
    edge.now_s += 60
    edge.attempt(full=False)
    edge.attempt(full=True)
    edge.now_s += 60
    edge.attempt(full=False)
    counts = [message.rpartition(": ")[2] for message in caplog.messages]
    assert counts == ["full", "100 lost", "full", "1 lost"]
    assert edge.outage.lost == 101


def test_of_a_file_a_full_disk_is_an_error() -> None:
    edge = Edge(live=False)
    with pytest.raises(DiskFull, match=r"^full$"):
        edge.attempt(full=True)


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOSPC, DiskFull), (errno.EFBIG, DiskFull), (errno.EROFS, DiskFull), (errno.EACCES, SinkError)],
)
def test_what_the_disk_refuses_is_outlived_and_a_mistake_is_not(number: int, kind: type[SinkError]) -> None:
    error = write_error("a.mp4: cannot write the film", OSError(number, "the reason"))
    assert type(error) is kind
    assert str(error) == "a.mp4: cannot write the film: the reason"


def test_what_is_reserved_is_said(tmp_path: Path) -> None:
    check_room(tmp_path, 500_000_000, free_bytes=lambda folder: 500_000_000)
    with pytest.raises(DiskFull, match=r"the disk has less than 500 MB left, which the option reserve keeps free$"):
        check_room(tmp_path, 500_000_000, free_bytes=lambda folder: 499_999_999)


def test_a_free_path_is_nobodys(tmp_path: Path) -> None:
    for name in ("out.mp4", "out_2.mp4"):
        assert free_path(tmp_path / "out.mp4").name == name
        (tmp_path / name).touch()
    assert free_path(tmp_path / "out.mp4").name == "out_3.mp4"
