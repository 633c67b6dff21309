"""A photograph when something wanted is seen."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import pytest

from edge_detector.errors import SinkError
from edge_detector.options import Spec
from edge_detector.sinks.jsonl import record
from edge_detector.sinks.snapshots import SnapshotsSink
from edge_detector.types import Result
from tests.sinks.conftest import MakeContext
from tests.sinks.test_trigger import DOG, PERSON, seen

NO_RESERVE = {"reserve": "0"}


def run(folder: Path, make_context: MakeContext, results: list[Result], **options: str) -> list[str]:
    """Write the results; returns the names of the files that are there now."""
    with SnapshotsSink(Spec("snapshots", str(folder), {**NO_RESERVE, **options}), make_context()) as sink:
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
        with pytest.raises(
            SinkError, match="snapshots: cannot be used for recordings any more: No such file or directory"
        ):
            sink.write(seen(0, PERSON))
