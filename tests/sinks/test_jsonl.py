"""Detections as lines of JSON: exactly the promised keys, every line valid."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks.jsonl import JsonlSink, record
from edge_detector.sinks.record import visit_record
from edge_detector.sinks.recording.line_file import LineFile
from edge_detector.types import Frame, Result, Timings
from tests import make
from tests.sinks.conftest import MakeContext, SmallDisk

ROOT = Path(__file__).parents[2]
FOUND = ((10.123456, 20.0, 100.0, 200.5), 0.87654321, 1)


def test_a_line_has_exactly_the_promised_keys() -> None:
    assert record(make.result(7, FOUND)) == {
        "sequence": 7,
        "timestamp_ns": 0,
        "width": 320,
        "height": 240,
        "latency_ms": 10.0,
        "detections": [{"label": "dog", "class_id": 1, "score": 0.8765, "box": [10.12, 20.0, 100.0, 200.5]}],
    }


def test_a_frame_on_which_the_model_did_not_run_says_so() -> None:
    assert record(replace(make.result(), skipped=True))["skipped"] is True
    assert "skipped" not in record(make.result())


def test_an_image_is_named() -> None:
    frame = Frame(np.zeros((2, 2, 3), np.uint8), 0, 0, file=Path("stills/dog.jpg"))
    line = record(Result(frame, make.detections(), Timings(0, 0, 0, 0)))
    assert list(line)[:3] == ["sequence", "timestamp_ns", "file"]
    assert line["file"] == "stills/dog.jpg"


def test_a_frame_of_a_film_tells_its_position() -> None:
    one = make.result(7, FOUND)
    line = record(replace(one, frame=replace(one.frame, position_s=1.23456)))
    assert list(line)[:3] == ["sequence", "timestamp_ns", "position_s"]
    assert line["position_s"] == 1.235
    assert "time" not in line


@pytest.mark.parametrize("live", [True, False])
def test_only_lines_of_a_live_source_tell_the_time(tmp_path: Path, make_context: MakeContext, live: bool) -> None:
    path = tmp_path / "out.jsonl"
    one = make.result(7, FOUND)
    taken_ns = time.monotonic_ns() - 60_000_000_000
    with JsonlSink(Spec("jsonl", str(path)), make_context(live=live)) as sink:
        sink.write(replace(one, frame=replace(one.frame, timestamp_ns=taken_ns)))
    line = json.loads(path.read_text())
    assert ("time" in line) == live
    if live:
        age_s = (datetime.now(UTC) - datetime.fromisoformat(line["time"])).total_seconds()
        assert age_s == pytest.approx(60, abs=30)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", line["time"])


def test_each_line_is_there_as_soon_as_it_is_written(tmp_path: Path, make_context: MakeContext) -> None:
    path = tmp_path / "out.jsonl"
    context = make_context()
    with JsonlSink(Spec("jsonl", str(path)), context) as sink:
        for sequence in range(3):
            sink.write(make.result(sequence, FOUND))
            assert [json.loads(line)["sequence"] for line in path.read_text().splitlines()] == list(range(sequence + 1))
    assert context.meter.bytes_written == path.stat().st_size


def test_a_file_begins_anew_unless_asked_to_append(tmp_path: Path, make_context: MakeContext) -> None:
    path = tmp_path / "out.jsonl"
    for options in ({}, {}, {"append": "true"}):
        with JsonlSink(Spec("jsonl", str(path), options), make_context()) as sink:
            sink.write(make.result())
    assert len(path.read_text().splitlines()) == 2


def test_standard_output_stays_open_behind_it(make_context: MakeContext, capfd: pytest.CaptureFixture[str]) -> None:
    with JsonlSink(Spec("jsonl", "-"), make_context()) as sink:
        sink.write(make.result(3))
    os.write(1, b"still here\n")
    line, rest = capfd.readouterr().out.splitlines()
    assert json.loads(line)["sequence"] == 3
    assert rest == "still here"


def test_a_reader_that_went_away_is_named_as_the_cause(tmp_path: Path) -> None:
    script = "from pathlib import Path; from edge_detector.sinks.recording.line_file import LineFile\n" + (
        "file = LineFile(Path('-'), append=False)\nwhile True: file.write('x' * 1000)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    assert child.stderr is not None
    with child.stderr as errors:
        assert (
            errors.read().splitlines()[-1].endswith("ReaderGone: standard output: the program that read it has ended")
        )
    assert child.wait(10) == 1


def test_a_full_device_is_a_clear_error() -> None:
    file = LineFile(Path("/dev/full"), append=False)
    with pytest.raises(SinkError, match="/dev/full: cannot be written: No space left on device"):
        file.write("{}")
    file.close()


def test_a_line_that_did_not_fit_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    file = LineFile(path, append=False)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # writes beyond fail as on a full disk, partly done
    try:
        with pytest.raises(SinkError, match=r"out\.jsonl: cannot be written: File too large"):
            list(map(file.write, ['{"sequence":0}'] * 200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        file.close()
    assert path.read_text() == '{"sequence":0}\n' * 66


def test_a_line_torn_by_a_power_cut_is_removed_before_appending(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"a":1}\n{"a":2}\n{"a"')
    file = LineFile(path, append=True)
    file.write('{"a":3}')
    file.close()
    assert path.read_text() == '{"a":1}\n{"a":2}\n{"a":3}\n'


def test_of_a_camera_a_full_disk_costs_only_the_lines_that_it_did_not_take(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "out.jsonl"
    context = make_context(live=True)
    with JsonlSink(Spec("jsonl", str(path), {"reserve": "0"}), context) as sink:
        for sequence in range(30):
            if sequence == 10:
                small_disk.fill(file_bytes=path.stat().st_size + 20)  # takes a part of the next line
            if sequence == 20:
                small_disk.clear()
            sink.write(make.result(sequence, FOUND))
    kept = [json.loads(line)["sequence"] for line in path.read_text().splitlines()]
    assert kept == [*range(10), *range(20, 30)]
    assert sink.lost == 10
    assert context.meter.bytes_written == path.stat().st_size
    assert caplog.messages == [
        f"sink jsonl: writes nothing until the disk has room: {path}: cannot be written: File too large",
        "sink jsonl: writes again, the disk has room: 10 lost",
    ]


def test_of_a_camera_the_lines_end_while_the_disk_is_wanted_for_everything_else(
    tmp_path: Path, make_context: MakeContext
) -> None:
    for live, lines in [(True, 0), (False, 3)]:
        path = tmp_path / "out.jsonl"
        with JsonlSink(Spec("jsonl", str(path), {"reserve": "1000TB"}), make_context(live=live)) as sink:
            for sequence in range(3):
                sink.write(make.result(sequence))
        assert path.read_text().count("\n") == lines


def test_of_a_file_a_full_disk_is_an_error(tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk) -> None:
    with JsonlSink(Spec("jsonl", str(tmp_path / "out.jsonl")), make_context(live=False)) as sink:
        small_disk.fill()
        with pytest.raises(SinkError, match=r"out\.jsonl: cannot be written: File too large"):
            sink.write(make.result())


def test_a_file_that_is_full_makes_way_and_no_line_is_lost_between_the_two(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    file = LineFile(path, append=False, limit_bytes=100)
    sizes = [file.write(f"{number:09}", head="head") for number in range(20)]  # 10 bytes each, 5 for the head
    file.close()
    before, now = (each.read_text().splitlines() for each in (tmp_path / "out.jsonl.1", path))
    assert before == ["head", *(f"{number:09}" for number in range(9, 18))]
    assert now == ["head", *(f"{number:09}" for number in range(18, 20))]
    assert sum(sizes) == 20 * 10 + 3 * 5


def test_what_is_kept_is_bounded_over_restarts(tmp_path: Path, make_context: MakeContext) -> None:
    path = tmp_path / "out.jsonl"
    line_bytes = len(json.dumps(record(make.result(1000)), separators=(",", ":"))) + 1
    for start in (1000, 6000):
        options = {"append": "true", "keep": "1MB", "reserve": "0"}
        with JsonlSink(Spec("jsonl", str(path), options), make_context(live=True)) as sink:
            for sequence in range(start, start + 5000):
                sink.write(make.result(sequence))
    lines = [json.loads(line) for each in (tmp_path / "out.jsonl.1", path) for line in each.read_text().splitlines()]
    last = 10_999
    assert [line["sequence"] for line in lines] == list(range(last + 1 - len(lines), last + 1))
    assert 500_000 < len(lines) * line_bytes <= 1_000_000
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.jsonl", "out.jsonl.1"]


def test_a_file_that_someone_else_has_moved_away_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    file = LineFile(path, append=False, limit_bytes=10)
    file.write("12345678")
    path.rename(tmp_path / "elsewhere")
    file.write("next")
    file.close()
    assert path.read_text() == "next\n"
    assert (tmp_path / "elsewhere").read_text() == "12345678\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jsonl:out.jsonl?keep=1B", "sink jsonl: keep = 1 bytes; expected 1MB or more, such as 1GB"),
        ("jsonl:-?keep=1GB", "sink jsonl: keep is only for a file; lines on standard output cannot be removed"),
        ("jsonl:a%00b", "sink jsonl: file = 'a\\x00b': expected a path"),
    ],
)
def test_what_cannot_be_meant_is_refused(make_context: MakeContext, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        JsonlSink(Spec.parse(text), make_context())
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("who%3F.jsonl", "who?.jsonl"),
        ("100%25.jsonl?append=true", "100%.jsonl"),
        ("100%.jsonl", "100%.jsonl"),
        ("caf%C3%A9.jsonl", "café.jsonl"),
        ("%FF.jsonl", os.fsdecode(b"\xff.jsonl")),
        ("a b&c=d.jsonl", "a b&c=d.jsonl"),
    ],
)
def test_any_name_can_be_written_with_percent_signs(
    tmp_path: Path, make_context: MakeContext, text: str, name: str
) -> None:
    with JsonlSink(Spec.parse(f"jsonl:{tmp_path}/{text}"), make_context()):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("append", ["true", "false"])
@pytest.mark.parametrize("live", [True, False])
def test_a_folder_that_is_deleted_is_made_again(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture, append: str, live: bool
) -> None:
    path = tmp_path / "lines" / "out.jsonl"
    path.parent.mkdir()
    options = {"append": append, "reserve": "1"}
    with JsonlSink(Spec("jsonl", str(path), options), make_context(live=live)) as sink:
        sink.write(make.result(0))
        shutil.rmtree(path.parent)
        sink.write(make.result(1))
        sink.write(make.result(2))
    assert [json.loads(line)["sequence"] for line in path.read_text().splitlines()] == [1, 2]
    assert (sink.lost, caplog.messages) == (0, [f"{path}: was deleted; it is made again"])


@pytest.mark.usefixtures("small_disk")  # tries again with every line
def test_a_folder_that_cannot_be_made_again_costs_a_camera_lines_and_is_an_error_for_a_file(
    tmp_path: Path, make_context: MakeContext
) -> None:
    folder = tmp_path / "lines"
    for live in (True, False):
        folder.mkdir()
        with JsonlSink(Spec("jsonl", str(folder / "out.jsonl"), {"reserve": "1"}), make_context(live=live)) as sink:
            shutil.rmtree(folder)
            folder.write_text("a file where the folder was")
            if live:
                sink.write(make.result(0))
            else:
                with pytest.raises(SinkError, match="was deleted, and cannot be made again: File exists"):
                    sink.write(make.result(0))
            folder.unlink()
            sink.write(make.result(1))
        assert [json.loads(line)["sequence"] for line in (folder / "out.jsonl").read_text().splitlines()] == [1]
        assert sink.lost == (1 if live else 0)
        shutil.rmtree(folder)


def test_a_folder_that_is_renamed_takes_the_file_with_it(tmp_path: Path, make_context: MakeContext) -> None:
    (tmp_path / "old").mkdir()
    context = make_context(live=True)
    with JsonlSink(Spec("jsonl", str(tmp_path / "old" / "out.jsonl"), {"reserve": "1"}), context) as sink:
        (tmp_path / "old").rename(tmp_path / "new")
        sink.write(make.result(0))
    assert (tmp_path / "new" / "out.jsonl").read_text().count("\n") == 1


def test_a_deleted_file_begins_again_with_its_head(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    file = LineFile(path, append=True)
    file.write("1", head="number")
    path.unlink()
    file.write("2", head="number")
    file.close()
    assert path.read_text() == "number\n2\n"


def test_standard_output_in_a_file_that_was_deleted_goes_on(tmp_path: Path) -> None:
    script = "from pathlib import Path; from edge_detector.sinks.recording.line_file import LineFile; import os\n" + (
        "file = LineFile(Path('-'), append=False); os.unlink('out'); file.write('{}')"
    )
    with (tmp_path / "out").open("w+") as out:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", script], stdout=out, cwd=tmp_path, env=environment, check=True)
        out.seek(0)
        assert out.read() == "{}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_does_not_exist_is_an_error_at_once(tmp_path: Path, make_context: MakeContext) -> None:
    sink = JsonlSink(Spec("jsonl", str(tmp_path / "missing" / "out.jsonl")), make_context())
    with pytest.raises(SinkError, match=r"missing/out\.jsonl: cannot be written: No such file or directory"):
        sink.__enter__()


def visit_lines(path: Path, context: Context, *results: Result) -> list[dict[str, Any]]:
    with JsonlSink(Spec("jsonl", str(path), {"visits": "true", "reserve": "0"}), context) as sink:
        for each in results:
            sink.write(each)
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_of_a_visit_has_exactly_the_promised_keys() -> None:
    crossing = make.visit_change(
        "crossed",
        12,
        started_s=10.0,
        seen_s=13.5,
        place="street",
        direction="in",
        path=((0.0, 0.1, 0.5), (1.04, 0.123456, 0.5)),
        zones={"door": 1.23456},
    )
    frame = replace(make.moment(13.5).frame, position_s=3.5)
    assert visit_record(crossing, frame) == {
        "kind": "crossed",
        "place": "street",
        "direction": "in",
        "sequence": 135,
        "timestamp_ns": 13_500_000_000,
        "position_s": 3.5,
        "id": "3f9a1c2e-12",
        "track_id": 12,
        "label": "person",
        "class_id": 0,
        "score": 0.9,
        "box": [10.0, 20.0, 110.0, 220.0],
        "started_ns": 10_000_000_000,
        "seen_ns": 13_500_000_000,
        "duration_s": 3.5,
        "stationary": False,
        "ended": False,
        "zones": {"door": 1.235},
        "path": [[0.0, 0.1, 0.5], [1.0, 0.1235, 0.5]],
    }


def test_lines_of_visits_are_one_for_each_change_and_none_for_a_frame(
    tmp_path: Path, make_context: MakeContext
) -> None:
    both = make.visit_change("ended", 1, seen_s=2.0), make.visit_change("started", 2, "dog", seen_s=3.0)
    results = make.moment(0, make.visit_change("started", 1)), make.result(1, FOUND), make.moment(3, *both)
    lines = visit_lines(tmp_path / "out.jsonl", make_context(track=True), *results)
    assert [(line["kind"], line["label"], line["timestamp_ns"] / 1e9) for line in lines] == [
        ("started", "person", 0.0),
        ("ended", "person", 3.0),
        ("started", "dog", 3.0),
    ]
    assert "time" not in lines[0]


def test_lines_of_visits_of_a_camera_tell_the_time(tmp_path: Path, make_context: MakeContext) -> None:
    now = make.moment(time.monotonic_ns() / 1e9, make.visit_change("started"))
    (line,) = visit_lines(tmp_path / "out.jsonl", make_context(track=True, live=True), now)
    assert (datetime.now(UTC) - datetime.fromisoformat(line["time"])).total_seconds() == pytest.approx(0, abs=30)


def test_lines_of_visits_need_visits(make_context: MakeContext) -> None:
    with pytest.raises(ConfigError) as caught:
        JsonlSink(Spec.parse("jsonl:-?visits=true"), make_context(track=False))
    needed = "sink jsonl: visits=true needs visits; remove --no-track, or track = false in the file"
    assert str(caught.value) == needed
