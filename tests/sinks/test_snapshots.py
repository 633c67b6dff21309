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
from edge_detector.image_files import encode_jpeg
from edge_detector.options import Spec
from edge_detector.sinks.record import record
from edge_detector.sinks.recording.disk import MARGIN_BYTES
from edge_detector.sinks.snapshots import SnapshotsSink
from edge_detector.types import Result
from tests.sinks.conftest import MakeContext, SmallDisk
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
