"""Messages that wait outlive the run, and never fill the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_detector.sinks.notify.message import Message
from edge_detector.sinks.notify.outbox import MOST_IN_MEMORY, Outbox
from tests.sinks.conftest import SmallDisk

PICTURE = b"a JPEG"


def message(number: int = 1) -> Message:
    return Message(f"id-{number}", "2026-03-01T12:00:00Z", "door", "person", "person", 0.9, (0, 0, 1, 1), (), "0")


def opened(folder: Path, *, most: int = 100) -> Outbox:
    outbox = Outbox(folder, most=most)
    outbox.open()
    return outbox


def ids(outbox: Outbox) -> list[str]:
    """The ids of what waits, taken out."""
    found = []
    while letter := outbox.first():
        found.append(letter.message.id)
        outbox.remove(letter)
    return found


def test_the_next_run_finds_what_waits_in_order(tmp_path: Path) -> None:
    before = opened(tmp_path)
    for number in range(3):
        before.put(message(number), PICTURE)
    after = opened(tmp_path)
    after.put(message(3), PICTURE)
    letter = after.first()
    assert letter is not None
    assert (letter.message, letter.picture) == (message(0), PICTURE)
    assert ids(after) == ["id-0", "id-1", "id-2", "id-3"]
    assert list(tmp_path.iterdir()) == []


def test_more_push_out_the_oldest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = opened(tmp_path, most=2)
    for number in range(5):
        outbox.put(message(number), PICTURE)
    assert outbox.lost == 3
    assert len(caplog.messages) == 1
    assert ids(outbox) == ["id-3", "id-4"]


def test_a_damaged_message_is_lost_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    outbox = opened(tmp_path)
    outbox.put(message(0), PICTURE)
    outbox.put(message(1), PICTURE)
    min(tmp_path.glob("*.json")).write_text('{"id": ')
    assert ids(outbox) == ["id-1"]
    assert "damaged" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_message_without_its_picture_is_still_a_message(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    outbox.put(message(), PICTURE)
    next(tmp_path.glob("*.jpg")).unlink()
    letter = outbox.first()
    assert letter is not None
    assert letter.picture is None


def test_a_full_disk_delays_no_message(tmp_path: Path, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture) -> None:
    outbox = opened(tmp_path)
    small_disk.fill()
    for number in range(MOST_IN_MEMORY + 2):
        outbox.put(message(number), PICTURE)
    small_disk.clear()
    assert outbox.lost == 2
    assert "wait in memory" in caplog.text
    assert ids(outbox) == [f"id-{number}" for number in range(2, MOST_IN_MEMORY + 2)]


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    (tmp_path / "0000000001.json.part").write_text("{")
    assert ids(opened(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []
