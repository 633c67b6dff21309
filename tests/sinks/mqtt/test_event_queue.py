"""Messages that must arrive wait in a file, whatever happens to it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edge_detector.sinks.mqtt.event_queue import EventQueue
from tests.sinks.conftest import SmallDisk


def bodies(queue: EventQueue) -> list[str]:
    return [event.body for event in queue.after(0, most=100)]


def filled(path: Path, count: int, *, most: int = 100) -> EventQueue:
    queue = EventQueue(path, most=most)
    queue.open()
    for number in range(count):
        queue.put("topic", f"{number}")
    return queue


def test_a_killed_run_leaves_everything_to_the_next(tmp_path: Path) -> None:
    dead = filled(tmp_path / "queue.sqlite", 3)  # never closed
    with EventQueue(tmp_path / "queue.sqlite", most=100) as queue:
        assert len(queue) == 3
        assert bodies(queue) == ["0", "1", "2"]
    dead.close()


def test_what_has_arrived_is_forgotten(tmp_path: Path) -> None:
    with closing(filled(tmp_path / "queue.sqlite", 3)) as queue:
        first = queue.after(0, most=1)[0]
        queue.remove([first.id])
        assert bodies(queue) == ["1", "2"]
        assert queue.after(first.id, most=1)[0].body == "1"
        assert len(queue) == 2


def test_more_push_out_the_oldest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(filled(tmp_path / "queue.sqlite", 5, most=2)) as queue:
        assert bodies(queue) == ["3", "4"]
        assert (len(queue), queue.lost) == (2, 3)
    assert len(caplog.messages) == 1


def test_a_damaged_file_is_moved_aside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "queue.sqlite"
    path.write_bytes(b"no database" * 1000)
    with closing(filled(path, 1)) as queue:
        assert bodies(queue) == ["0"]
    assert "is damaged" in caplog.text
    assert (tmp_path / "queue.sqlite.damaged").exists()


def test_a_folder_that_cannot_be_made_is_said_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with closing(filled(tmp_path / "file" / "queue.sqlite", 2)) as queue:
        assert bodies(queue) == ["0", "1"]
    assert "wait in memory" in caplog.text


def test_a_disk_that_fills_harms_nothing(
    tmp_path: Path, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(filled(tmp_path / "queue.sqlite", 1)) as queue:
        small_disk.fill()
        for number in range(1, 50):
            queue.put("topic", f"{number}" * 500)
        small_disk.clear()
        assert queue.after(1, most=100)[-1].body == "49" * 500  # what waits in memory comes after what was in the file
    assert "wait in memory" in caplog.text
