"""The folder of marked pictures: nothing half-written, the oldest make room, and damage costs one picture."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_detector.errors import SinkError
from edge_detector.mistakes import store as store_module
from edge_detector.mistakes.judging import judged
from edge_detector.mistakes.record import Marked
from edge_detector.mistakes.store import Store
from tests.mistakes.pictures import SAID, jpeg, offer
from tests.sinks.conftest import SmallDisk


def test_a_picture_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "mistakes")
    kept = store.add(judged(offer(), SAID), jpeg())
    assert Store(tmp_path / "mistakes").kept() == [kept]
    assert store.jpeg(kept.id) == jpeg()
    assert (store.usage().kept, store.usage().offers) == (1, 0)


def test_an_offer_that_is_judged_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    waiting = store.add(offer("renamed"), jpeg())
    assert (store.offers(), store.kept()) == ([waiting], [])
    store.change(judged(waiting, SAID))
    assert (store.offers(), [each.id for each in store.kept()]) == ([], [waiting.id])


def test_a_removed_picture_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept = store.add(judged(offer(), SAID), jpeg())
    assert store.remove(kept.id)
    assert not store.remove(kept.id)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_program_has_left_is_removed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    kept = store.add(judged(offer(), SAID), jpeg())
    names = sorted(file.name for file in tmp_path.iterdir())
    for left in (f"{kept.id}.offer.json", "000002-abcdef.jpg", "000003-abcdef.jpg.part", f"{kept.id}.json.part"):
        (tmp_path / left).write_text("{")
    (tmp_path / "notes.txt").write_text("mine")
    store.tidy()
    assert sorted(file.name for file in tmp_path.iterdir()) == [*names, "notes.txt"]


@pytest.mark.parametrize("id_", ["../secret", "000001-abcdef/../x", "", "000001-ABCDEF", "000001-abcdef.json"])
def test_an_id_is_never_a_path(tmp_path: Path, id_: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    store = Store(tmp_path / "mistakes")
    assert (store.get(id_), store.jpeg(id_), store.remove(id_)) == (None, None, False)


def test_offers_make_room_first_and_then_the_oldest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    large = jpeg(noise=True)
    store = Store(tmp_path, size_bytes=4 * len(large))
    first, second = (store.add(judged(offer(), SAID), large) for _ in range(2))
    store.add(offer("renamed"), large)
    third = store.add(judged(offer(), SAID), large)
    assert [each.id for each in store.kept()] == [first.id, second.id, third.id]
    assert store.offers() == []
    assert not caplog.records
    with caplog.at_level(logging.WARNING):
        fourth = store.add(judged(offer(), SAID), large)
        fifth = store.add(judged(offer(), SAID), large)
    assert [each.id for each in store.kept()] == [third.id, fourth.id, fifth.id]
    assert store.usage().size_bytes <= 4 * len(large)
    assert [record.message for record in caplog.records] == [
        f"{tmp_path}: {4 * len(large) / 1e6:g} MB are full; the oldest pictures make room"
    ]


def test_offers_that_nobody_looks_at_do_not_pile_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_OFFERS", 3)
    store = Store(tmp_path)
    added = [store.add(offer("renamed"), jpeg()) for _ in range(5)]
    assert store.offers() == added[2:]


def test_a_damaged_record_is_said_once_and_costs_one_picture(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(tmp_path)
    broken, sound = (store.add(judged(offer(), SAID), jpeg()) for _ in range(2))
    (tmp_path / f"{broken.id}.json").write_bytes(b'{"version": 1, "id": "0000')
    assert store.kept() == store.kept() == [sound]
    (line,) = caplog.messages
    assert line.startswith(f"{tmp_path}/{broken.id}.json: damaged, and left out: ")
    assert line.endswith(f"; edge-detector mistakes delete {broken.id}")
    assert store.remove(broken.id)


@pytest.mark.parametrize("record", [{}, [], None, {"version": 2}, {"version": 1, "id": "1"}, "x"])
def test_a_record_that_is_none_is_left_out(tmp_path: Path, record: object) -> None:
    store = Store(tmp_path)
    kept = store.add(judged(offer(), SAID), jpeg())
    (tmp_path / f"{kept.id}.json").write_text(json.dumps(record))
    assert store.kept() == []


def test_a_full_disk_is_one_line_and_leaves_nothing_half(tmp_path: Path, small_disk: SmallDisk) -> None:
    store = Store(tmp_path)
    kept = store.add(judged(offer(), SAID), jpeg())
    small_disk.fill(file_bytes=100)
    with pytest.raises(SinkError, match=f"^{tmp_path}: cannot keep this picture: File too large$"):
        store.add(judged(offer(), SAID), jpeg())
    small_disk.clear()
    assert store.kept() == [kept]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_picture_without_room_for_its_record_is_not_there(tmp_path: Path, small_disk: SmallDisk) -> None:
    store = Store(tmp_path)
    small_disk.fill(file_bytes=len(jpeg()))  # a record with many classes is longer
    said = {**SAID, "exhaustive": [f"class {number}" for number in range(290)]}
    with pytest.raises(SinkError, match="cannot keep this picture"):
        store.add(judged(offer(), said), jpeg())
    small_disk.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match=f"^{tmp_path}/file/mistakes: cannot use this folder: Not a directory$"):
        Store(tmp_path / "file" / "mistakes").tidy()


WRITER = """
import sys
from pathlib import Path
from edge_detector.mistakes.judging import judged
from edge_detector.mistakes.store import Store
from tests.mistakes.pictures import SAID, jpeg, offer

store = Store(Path(sys.argv[1]))
large = jpeg(noise=True)
while True:
    store.add(judged(offer(), SAID), large)
    print("added", flush=True)
    store.change(judged(store.add(offer("renamed"), large), SAID))
"""


def test_a_killed_program_leaves_whole_pictures_only(tmp_path: Path) -> None:
    for attempt in range(3):
        with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(2 + attempt):
                process.stdout.readline()
            os.kill(process.pid, signal.SIGKILL)
    store = Store(tmp_path)
    store.tidy()
    pictures: list[Marked] = [*store.kept(), *store.offers()]
    assert len(pictures) >= 9
    assert {store.jpeg(each.id) for each in pictures} == {jpeg(noise=True)}
    assert len(list(tmp_path.iterdir())) == 2 * len(pictures)
