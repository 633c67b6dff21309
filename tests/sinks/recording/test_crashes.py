"""What kill -9 leaves behind: whole lines, whole snapshots, films that play, and nothing that takes their place."""

from __future__ import annotations

import json
import multiprocessing
import signal
from collections.abc import Callable
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from edge_detector.config import Config
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.running.meter import Meter
from edge_detector.sinks.base import Sink
from edge_detector.sinks.clips import ClipsSink
from edge_detector.sinks.jsonl import JsonlSink
from edge_detector.sinks.recording.encoder import SOFTWARE
from edge_detector.sinks.recording.mp4_writer import Mp4Writer
from edge_detector.sinks.recording.playable import is_playable
from edge_detector.sinks.recording.recording_folder import Limits, RecordingFolder
from edge_detector.sinks.snapshots import SnapshotsSink
from tests.sinks.conftest import FakeDetector
from tests.sinks.recording.test_mp4_writer import FRAME_NS, film_at, picture, times_s
from tests.sinks.recording.test_trigger import PERSON, seen

LINE_ROUNDS, SNAPSHOT_ROUNDS = 50, 25
FIRST_SECOND = 5  # pictures, fewer than the first fragment has
TIMEOUT_S = 60.0

Work = Callable[[Connection, Path], None]

processes = multiprocessing.get_context("forkserver")  # a child has everything imported, and starts at once
processes.set_forkserver_preload([__name__])


def kill_during(work: Work, path: Path, *, after: int) -> None:
    """Let a child do ``work`` at ``path``, and kill it when it has sent ``after`` messages; it goes on meanwhile."""
    ours, theirs = processes.Pipe()
    child = processes.Process(target=work, args=(theirs, path))
    child.start()
    for _ in range(after):
        assert ours.poll(TIMEOUT_S)
        ours.recv()
    child.kill()
    child.join(TIMEOUT_S)
    assert child.exitcode == -signal.SIGKILL
    for each in (child, ours, theirs):
        each.close()


def detect(sink: Sink, link: Connection, *, frames: int | None = None) -> None:
    """A person in ten frames a second; after ``frames`` it only waits."""
    with sink:
        for number in count() if frames is None else range(frames):
            sink.write(seen(number / 10, PERSON))
            link.send(number)
        link.recv()


def context() -> Context:
    meter = Meter(temperature=lambda: None, throttling=lambda: None)
    return Context(Config(), FakeDetector(), meter, live=True, stop=lambda: None)


def write_lines(link: Connection, path: Path) -> None:
    detect(JsonlSink(Spec("jsonl", str(path), {"append": "true", "reserve": "0"}), context()), link)


def take_snapshots(link: Connection, path: Path) -> None:
    options = {"cooldown": "0", "clean": "true", "reserve": "0"}
    detect(SnapshotsSink(Spec("snapshots", str(path), options), context()), link)


def film_a_clip(link: Connection, path: Path) -> None:
    options = {"keep": "5", "reserve": "0", "encoder": "software"}
    detect(ClipsSink(Spec("clips", str(path), options), context()), link, frames=FIRST_SECOND)


def film(link: Connection, path: Path) -> None:
    writer = Mp4Writer(path, SOFTWARE, count=not_counted)
    for number in count():
        writer.add(picture(number), number * FRAME_NS)
        link.send(number)


def not_counted(size_bytes: int) -> None:
    """Nobody counts the bytes."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_fifty_crashes_leave_no_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    for number in range(LINE_ROUNDS):
        kill_during(write_lines, path, after=1 + number % 7)
    lines = [json.loads(line)["sequence"] for line in path.read_text().splitlines()]
    assert len(lines) >= sum(1 + number % 7 for number in range(LINE_ROUNDS))
    assert path.read_bytes().endswith(b"\n")


def test_snapshots_are_whole_and_complete_after_any_crash(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path, Limits())
    for number in range(SNAPSHOT_ROUNDS):
        kill_during(take_snapshots, tmp_path, after=1 + number % 4)
        assert all(is_playable(path) for path in tmp_path.glob("*.jpg"))
        assert all(json.loads(path.read_text()) for path in tmp_path.glob("*.json"))
        folder.open()
        stems = {name.partition(".json")[0] for name in names(tmp_path) if name.endswith(".json")}
        assert names(tmp_path) == sorted(f"{stem}{end}" for stem in stems for end in (".clean.jpg", ".jpg", ".json"))


def test_clips_cut_off_in_their_first_second_take_the_place_of_no_good_one(tmp_path: Path) -> None:
    good = [f"2026-11-2{day}_12-00-00.000Z_person.mp4" for day in range(5)]
    for name in good:
        with film_at(tmp_path / name) as writer:
            writer.add(picture(0), 0)
    for _ in range(6):
        kill_during(film_a_clip, tmp_path, after=FIRST_SECOND)
        assert [name for name in names(tmp_path) if name.endswith(".mp4")] == good
    RecordingFolder(tmp_path, Limits(items=5)).open()
    assert names(tmp_path) == good


def test_a_film_cut_off_later_plays_up_to_its_last_fragment(tmp_path: Path) -> None:
    kill_during(film, tmp_path / "out.mp4", after=65)
    assert names(tmp_path) == ["out.mp4"]
    assert len(times_s(tmp_path / "out.mp4")) >= 65 - 30


def test_a_film_that_is_begun_again_replaces_the_last_one_with_its_first_second(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with film_at(path) as writer:
        writer.add(picture(0), 0)
    writer = Mp4Writer(path, SOFTWARE, count=not_counted)
    shown = []
    for number in range(30):
        writer.add(picture(number), number * FRAME_NS)
        shown.append(len(times_s(path)))
    writer.close()
    assert shown == [1] * 27 + [27] * 3  # a fragment has 0.9 s
    assert len(times_s(path)) == 30
