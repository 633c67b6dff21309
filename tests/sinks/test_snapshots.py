"""A photograph when something wanted is seen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.events.database import Database
from edge_detector.events.index import open_index
from edge_detector.image_files import encode_jpeg
from edge_detector.options import Spec
from edge_detector.sinks.record import record
from edge_detector.sinks.recording.disk import MARGIN_BYTES
from edge_detector.sinks.snapshots import SnapshotsSink
from edge_detector.types import Result
from tests import make
from tests.events import visits
from tests.sinks.conftest import FakeDetector, MakeContext, SmallDisk
from tests.sinks.recording.test_trigger import DOG, PERSON, seen

NO_RESERVE = {"reserve": "0"}


def run(
    folder: Path, make_context: MakeContext, results: list[Result], *, live: bool = True, **options: str
) -> list[str]:
    """Write the results; returns the names of the files that are there now."""
    with SnapshotsSink(Spec("snapshots", str(folder), {**NO_RESERVE, **options}), make_context(live=live)) as sink:
        for result in results:
            sink.write(result)
    return sorted(path.name for path in folder.iterdir())


def test_a_snapshot_is_a_picture_and_what_was_found(tmp_path: Path, make_context: MakeContext) -> None:
    result = seen(0, PERSON)
    data, picture = sorted(run(tmp_path, make_context, [result]), key=lambda name: name.endswith(".jpg"))
    found = json.loads((tmp_path / data).read_text())
    assert abs((datetime.now(UTC) - datetime.fromisoformat(found.pop("time"))).total_seconds()) < 600
    assert found == record(result)
    image = cv2.imread(str(tmp_path / picture))
    assert image.shape == (240, 320, 3)
    assert image[10, 10:50].mean() > 60  # the upper edge of the box, on a black frame


def test_the_clean_picture_shows_what_the_camera_saw(tmp_path: Path, make_context: MakeContext) -> None:
    names = run(tmp_path, make_context, [seen(0, PERSON)], clean="true")
    (clean,) = [name for name in names if name.endswith(".clean.jpg")]
    assert len(names) == 3
    assert cv2.imread(str(tmp_path / clean)).max() == 0


def test_nothing_wanted_leaves_no_file(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, [seen(0), seen(1, PERSON)], classes="dog") == []


def test_one_for_each_cooldown(tmp_path: Path, make_context: MakeContext) -> None:
    results = [seen(at_s, PERSON) for at_s in range(31)]
    assert len(run(tmp_path, make_context, results, cooldown="10s")) == 4 * 2


def test_the_oldest_go_beyond_keep(tmp_path: Path, make_context: MakeContext) -> None:
    results = [seen(at_s, PERSON if at_s < 3 else DOG) for at_s in range(6)]
    names = run(tmp_path, make_context, results, cooldown="0", keep="3")
    assert len(names) == 3 * 2
    assert all("dog" in name for name in names)


def test_a_full_disk_pauses_snapshots_and_not_detection(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    assert run(tmp_path, make_context, [seen(at_s, PERSON) for at_s in range(60)], reserve="1000TB") == []
    assert len(caplog.messages) == 1


def test_what_a_full_disk_does_not_take_leaves_nothing_behind_and_is_counted(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk
) -> None:
    with SnapshotsSink(
        Spec("snapshots", str(tmp_path), {**NO_RESERVE, "cooldown": "0"}), make_context(live=True)
    ) as sink:
        small_disk.fill(file_bytes=500)  # the JSON fits, the picture does not
        sink.write(seen(0, PERSON))
        assert list(tmp_path.iterdir()) == []
        assert sink._folder.reserve_bytes == MARGIN_BYTES
        small_disk.clear()
        sink.write(seen(1, DOG))
    assert sink.lost == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_of_photographs_a_full_disk_leaves_none_out_in_silence(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk
) -> None:
    small_disk.fill()
    with pytest.raises(SinkError, match=f"{tmp_path}: cannot write a snapshot: File too large"):
        run(tmp_path, make_context, [seen(0, PERSON)], live=False)


def photograph(number: int) -> Result:
    """One of a folder of photographs, read a moment after the one before."""
    result = seen(0.01 * number, PERSON)
    return replace(result, frame=replace(result.frame, file=Path(f"{number}.jpg")))


def test_of_photographs_each_is_a_moment_of_its_own(tmp_path: Path, make_context: MakeContext) -> None:
    names = run(tmp_path, make_context, [photograph(number) for number in range(50)], live=False, cooldown="10s")
    assert len(names) == 50 * 2


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("keep=0", "sink snapshots: keep is 0; expected 1 or more, such as 500"),
        ("quality=0", "sink snapshots: quality is 0; expected 1 to 100"),
        ("quality=101", "sink snapshots: quality is 101; expected 1 to 100"),
    ],
)
def test_snapshots_that_could_not_be_are_refused(make_context: MakeContext, option: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SnapshotsSink(Spec.parse(f"snapshots:folder?{option}"), make_context())
    assert str(caught.value) == message


def test_a_picture_too_large_for_a_jpeg_is_a_clear_error() -> None:
    with pytest.raises(SinkError, match="a picture of 70000x10 is too large for a JPEG file; scale it down first"):
        encode_jpeg(np.zeros((10, 70000, 3), np.uint8), quality=90)


def test_a_label_longer_than_a_file_name_is_cut(tmp_path: Path, make_context: MakeContext) -> None:
    context = replace(make_context(), detector=FakeDetector(labels=("猫" * 230,)))
    result = seen(0, PERSON)
    result = replace(result, detections=replace(result.detections, labels=context.detector.labels))
    with SnapshotsSink(Spec("snapshots", str(tmp_path), {**NO_RESERVE, "clean": "true"}), context) as sink:
        sink.write(result)
    assert sorted(path.name.partition("猫.")[2] for path in tmp_path.iterdir()) == ["clean.jpg", "jpg", "json"]


def test_the_bytes_are_counted(tmp_path: Path, make_context: MakeContext) -> None:
    context = make_context()
    with SnapshotsSink(Spec("snapshots", str(tmp_path), NO_RESERVE), context) as sink:
        sink.write(seen(0, PERSON))
    assert context.meter.bytes_written == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_a_folder_that_vanishes_is_a_clear_error(tmp_path: Path, make_context: MakeContext) -> None:
    folder = tmp_path / "snapshots"
    sink = SnapshotsSink(Spec("snapshots", str(folder), NO_RESERVE), make_context())
    with sink:
        folder.rmdir()
        with pytest.raises(SinkError, match="snapshots: cannot use this folder any more: No such file or directory"):
            sink.write(seen(0, PERSON))


def told(at_s: float, kind: str, score: float, *, best_s: float | None = None, number: int = 1) -> Result:
    """A result of that time with a change of a visit whose best score, until then, was reached at ``best_s``."""
    best_ns = round((at_s if best_s is None else best_s) * 1e9)
    change = make.visit_change(kind, number, seen_s=at_s, score=score, best_ns=best_ns)
    return make.moment(at_s, change, score=score)


class Watched:
    """The one picture of a visit and its JSON file, as they are after each result."""

    def __init__(self, folder: Path, make_context: MakeContext, **options: str) -> None:
        self.folder = folder
        spec = Spec("snapshots", str(folder), {**NO_RESERVE, **options})
        self.sink = SnapshotsSink(spec, make_context(live=True, track=True))

    def write(self, result: Result) -> tuple[float, float, bool] | None:
        """The picture's score, the visit's duration and whether it has ended, as the JSON file says."""
        self.sink.write(result)
        return self.read()

    def read(self) -> tuple[float, float, bool] | None:
        if not list(self.folder.iterdir()):
            return None
        (data,) = self.folder.glob("*.json")
        assert [*self.folder.glob("*.jpg")] == [data.with_suffix(".jpg")]
        found = json.loads(data.read_text())
        (detection,) = found["detections"]
        return detection["score"], found["visit"]["duration_s"], found["visit"]["ended"]


def test_a_visit_has_one_picture_that_gets_better_at_most_once_a_second(
    tmp_path: Path, make_context: MakeContext
) -> None:
    watched = Watched(tmp_path, make_context)
    with watched.sink:
        states = [
            watched.write(each)
            for each in (
                told(0.0, "started", 0.5),
                told(0.4, "updated", 0.6),  # too soon
                told(0.8, "updated", 0.7),
                told(0.9, "updated", 0.7, best_s=0.8),
                make.moment(1.0),  # a second has passed
                told(3.0, "updated", 0.72),  # hardly better
                told(5.0, "updated", 0.8),
                told(9.0, "ended", 0.8, best_s=5.0),
            )
        ]
    assert states == [
        *[(0.5, 0.0, False)] * 4,
        *[(0.7, 0.9, False)] * 2,
        (0.8, 5.0, False),
        (0.8, 9.0, True),
    ]


def test_the_best_picture_is_written_at_the_end_if_there_was_no_time_before(
    tmp_path: Path, make_context: MakeContext
) -> None:
    watched = Watched(tmp_path, make_context)
    with watched.sink:
        for each in (told(0.0, "started", 0.5), told(0.2, "updated", 0.9), told(0.8, "ended", 0.9, best_s=0.2)):
            state = watched.write(each)
    assert state == (0.9, 0.8, True)


def test_the_end_of_the_run_writes_what_waits(tmp_path: Path, make_context: MakeContext) -> None:
    watched = Watched(tmp_path, make_context)
    with watched.sink:
        for each in (told(0.0, "started", 0.5), told(0.2, "updated", 0.9)):
            state = watched.write(each)
    assert (state, watched.read()) == ((0.5, 0.0, False), (0.9, 0.2, False))


def test_a_visit_that_was_seen_better_before_it_was_known_takes_the_next_best(
    tmp_path: Path, make_context: MakeContext
) -> None:
    watched = Watched(tmp_path, make_context)
    with watched.sink:
        first = told(0.2, "started", 0.9, best_s=0.0)
        states = [watched.write(each) for each in (first, told(2.0, "updated", 0.91))]
    assert [state and state[0] for state in states] == [0.9, 0.91]


def test_each_visit_has_its_own_picture_whatever_the_cooldown(tmp_path: Path, make_context: MakeContext) -> None:
    results = [
        *(told(number, "started", 0.8, number=number) for number in range(4)),
        *(told(5 + number, "ended", 0.8, best_s=number, number=number) for number in range(4)),
    ]
    context = make_context(live=True, track=True)
    with SnapshotsSink(Spec("snapshots", str(tmp_path), {**NO_RESERVE, "cooldown": "1h"}), context) as sink:
        for each in results:
            sink.write(each)
    found = [json.loads(path.read_text())["visit"] for path in tmp_path.glob("*.json")]
    assert sorted((visit["id"], visit["ended"]) for visit in found) == [(f"3f9a1c2e-{each}", True) for each in range(4)]
    assert len(list(tmp_path.iterdir())) == 4 * 2
    assert all("_person" in path.name for path in tmp_path.iterdir())


def test_detections_without_a_visit_make_no_picture(tmp_path: Path, make_context: MakeContext) -> None:
    watched = Watched(tmp_path, make_context, classes="dog")
    with watched.sink:
        assert watched.write(seen(0, DOG)) is None
        assert watched.write(told(1, "started", 0.9)) is None  # a person
        assert watched.write(photograph(0)) is None
        watched.sink.write(replace(seen(2, DOG), frame=photograph(0).frame))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_picture_that_is_removed_is_not_written_again(tmp_path: Path, make_context: MakeContext) -> None:
    watched = Watched(tmp_path, make_context, keep="1")
    with watched.sink:
        watched.sink.write(told(0, "started", 0.5))
        watched.sink.write(told(1, "started", 0.6, number=2))  # the first goes for it
        watched.sink.write(told(3, "ended", 0.9))
        assert watched.read() == (0.6, 1.0, False)


def test_a_full_disk_costs_a_better_picture_and_not_the_one_before(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk
) -> None:
    watched = Watched(tmp_path, make_context)
    with watched.sink:
        watched.sink.write(told(0, "started", 0.5))
        small_disk.fill(file_bytes=1)
        assert watched.write(told(2, "updated", 0.8)) == (0.5, 0.0, False)
        small_disk.clear()
        assert watched.sink.lost == 1
        assert len(list(tmp_path.iterdir())) == 2


def test_a_visit_for_which_the_disk_had_no_room_at_first_gets_its_picture_later(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk
) -> None:
    watched = Watched(tmp_path, make_context)
    with watched.sink:
        small_disk.fill()
        assert watched.write(told(0, "started", 0.5)) is None
        small_disk.clear()
        assert watched.write(told(2, "updated", 0.8)) == (0.8, 2.0, False)


def test_a_snapshot_is_linked_to_its_visit_and_is_gone_when_it_made_room(
    tmp_path: Path, make_context: MakeContext
) -> None:
    database, folder = tmp_path / "events.sqlite", tmp_path / "snapshots"
    context = make_context(track=True, live=True, sinks=(f"events:{database}",))
    results = [told(0, "started", 0.5), told(2, "updated", 0.9), told(3, "started", 0.6, number=2)]
    with Database(database) as writer, SnapshotsSink(Spec("snapshots", str(folder), {"keep": "1"}), context) as sink:
        writer.put([visits.record(1)], {})
        for each in results:
            sink.write(each)
        writer.put([visits.record(2)], {})
    with open_index(database) as index:
        first, second = (visit.files["snapshot"] for visit in index.visits())
    assert (first.gone, second.gone) == (True, False)
    assert [second.path] == list(folder.glob("*.jpg"))
