"""One line every few seconds that says how the run is doing, and why it has become slower."""

from __future__ import annotations

import csv
import logging
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.running.meter import CameraVitals, Meter
from edge_detector.sinks.telemetry.csv_log import CsvLog
from edge_detector.sinks.telemetry.sample import Sample, why_slower
from edge_detector.sinks.telemetry.sink import TelemetrySink
from edge_detector.system.machine import Reading
from edge_detector.system.throttling import Throttling
from tests import make
from tests.running.test_meter import FakeFlow
from tests.sinks.conftest import MakeContext, SmallDisk

COOL = Reading(48.3, Throttling.from_bits(0), 1500.0, 182.4, 142_000_000)
UNKNOWN = Reading(None, None, None, 182.4, 142_000_000)


class Run:
    """Telemetry on a clock of its own, with results at a chosen pace."""

    def __init__(self, make_context: MakeContext, *, csv_path: Path | None = None, machine: Reading = COOL) -> None:
        self.now = 1000.0
        self.machine = machine
        self.flows = FakeFlow("capture"), FakeFlow("inference")
        self.passed = 0  # while detection was off
        meter = Meter(
            self.flows,
            clock=lambda: self.now,
            temperature=lambda: None,
            throttling=lambda: None,
            passed=lambda: self.passed,
        )
        self.meter = meter
        self.sink = TelemetrySink(
            Spec("telemetry", options={"csv": str(csv_path)} if csv_path else {}),
            make_context(meter=meter),
            clock=lambda: self.now,
            read_machine=lambda: self.machine,
        )

    def results(self, seconds: float, *, fps: int, written_bytes: int = 0) -> None:
        for _ in range(round(seconds * fps)):
            self.now += 1 / fps
            self.flows[0].produced += 2
            self.flows[0].dropped += 1
            self.flows[1].produced += 1
            self.meter.wrote(written_bytes)
            self.meter.record(make.result())
            self.sink.write(make.result())


@pytest.fixture(autouse=True)
def log_everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_a_line_every_interval(make_context: MakeContext, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(make_context)
    with run.sink:
        run.results(21, fps=16, written_bytes=1000)
        assert caplog.messages == [
            "fps capture 32.0, inference 16.0, output 16.0; latency p50 10, p95 10, p99 10 ms; "
            f"drops capture {drops}, inference 0; cpu 48 C, 1500 MHz, 182 %, throttling none; memory 142 MB; "
            "writing 1.4 GB a day; model fake"
            for drops in (161, 321)
        ]


def test_what_the_machine_does_not_tell_is_unknown_and_not_zero(
    make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(make_context, machine=UNKNOWN)
    with run.sink:
        run.results(11, fps=16)
    assert "cpu unknown C, unknown MHz, 182 %, throttling unknown" in caplog.messages[0]


def test_the_totals_come_once_at_the_end(make_context: MakeContext, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(make_context)
    with run.sink:
        run.results(4, fps=16, written_bytes=100_000)
    run.sink.__exit__(None, None, None)
    assert caplog.messages == [
        "in total: 64 results in 3.9 s (16.3 a second); latency p50 10, p95 10, p99 10 ms; "
        "drops capture 64, inference 0; written 6 MB"
    ]


def test_a_moment_has_no_rate(make_context: MakeContext, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(make_context)
    with run.sink:
        run.results(1, fps=1)
    assert caplog.messages[0].startswith("in total: 1 result in 0.0 s; latency ")


def test_a_run_without_results_says_nothing(make_context: MakeContext, caplog: pytest.LogCaptureFixture) -> None:
    with Run(make_context).sink:
        pass
    assert caplog.messages == []


def test_a_loss_of_speed_comes_with_its_reason(make_context: MakeContext, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(make_context)
    with run.sink:
        run.results(11, fps=16)
        run.machine = Reading(82.0, Throttling.from_bits(0x60006), 600.0, 182.4, 142_000_000)
        run.results(10, fps=8)
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "82 C, 600 MHz, 182 %, throttling frequency capped, throttled" in warning.getMessage()
    assert warning.getMessage().endswith(
        "8.7 fps instead of 16.0: frequency capped, throttled; the processor is too hot: give it a heat sink or a fan"
    )


def test_detection_that_was_off_is_said_and_is_no_loss_of_speed(
    make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(make_context)
    with run.sink:
        run.results(11, fps=16)
        run.machine = replace(COOL, frequency_mhz=600.0)  # it has nothing to do
        for _ in range(160):
            run.passed += 1
            run.results(1 / 16, fps=16)
        run.results(20, fps=16)
    first, second, _, last = caplog.messages[:4]
    assert "inference 16.0" in first
    assert "inference 1.5, output 16.0" in second
    assert "; detection was off; cpu 48 C, 600 MHz" in second
    assert "detection was off" not in first + last
    assert [record for record in caplog.records if record.levelno == logging.WARNING] == []


def test_the_table_grows_over_restarts_under_one_header(tmp_path: Path, make_context: MakeContext) -> None:
    path = tmp_path / "telemetry.csv"
    for _ in range(2):
        run = Run(make_context, csv_path=path)
        with run.sink:
            run.results(21, fps=16)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["inference_fps"] for row in rows] == ["16.0"] * 4
    assert {row["throttling"] for row in rows} == {"none"}
    assert all(abs((datetime.now(UTC) - datetime.fromisoformat(row["time"])).total_seconds()) < 600 for row in rows)


class SilentCamera:
    name, dropped, silent_s = "yard", 0, 12.4


class BusyCamera:
    name, dropped, silent_s = "porch", 7, None


def camera_rows(tmp_path: Path, make_context: MakeContext, *cameras: BusyCamera | SilentCamera) -> list[dict[str, str]]:
    """What a table says of ten seconds in which the porch has a result a second."""
    path = tmp_path / "telemetry.csv"
    now = [1000.0]
    meter = Meter(cameras=cameras, clock=lambda: now[0], temperature=lambda: None, throttling=lambda: None)
    spec = Spec("telemetry", options={"csv": str(path)})
    with TelemetrySink(spec, make_context(meter=meter), clock=lambda: now[0], read_machine=lambda: COOL) as sink:
        for sequence in range(11):
            sink.write(replace(make.result(), frame=replace(make.frame(sequence), camera="porch")))
            now[0] += 1.0
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_has_columns_for_each_of_several_cameras(tmp_path: Path, make_context: MakeContext) -> None:
    (row,) = camera_rows(tmp_path, make_context, BusyCamera(), SilentCamera())
    assert [row[f"porch_{name}"] for name in ("fps", "drops", "silent_s")] == ["1.0", "7", ""]
    assert [row[f"yard_{name}"] for name in ("fps", "drops", "silent_s")] == ["0.0", "0", "12.4"]
    assert list(row)[-1] == "reason"


def test_a_row_of_one_camera_has_no_such_columns(tmp_path: Path, make_context: MakeContext) -> None:
    (row,) = camera_rows(tmp_path, make_context, BusyCamera())
    assert not [name for name in row if name.startswith("porch")]


def test_a_table_with_other_columns_is_set_aside(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "telemetry.csv"
    path.write_text("time,fps\n2025-01-01T00:00:00+00:00,15\n")
    run = Run(make_context, csv_path=path)
    with run.sink:
        run.results(21, fps=16)
    (aside,) = tmp_path.glob("telemetry.csv.*")
    assert aside.read_text() == "time,fps\n2025-01-01T00:00:00+00:00,15\n"
    assert [line.count(",") for line in path.read_text().splitlines()] == [17, 17, 17]
    assert "this file has other columns than this version writes" in caplog.text


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_is_bounded_each_file_has_its_header_and_no_row_is_lost_between_them(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.csv"
    written: list[int] = []
    with CsvLog(path, count=written.append, limit_bytes=1000) as table:
        for number in range(100):
            table.write({"number": number})
    before, now = rows(tmp_path / "telemetry.csv.1"), rows(path)
    numbers = [int(row["number"]) for row in before + now]
    assert numbers == list(range(100 - len(numbers), 100))
    assert path.stat().st_size <= 1000
    assert 900 < (tmp_path / "telemetry.csv.1").stat().st_size <= 1000
    assert len(list(tmp_path.iterdir())) == 2


def test_a_full_disk_costs_rows_and_never_the_run(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "telemetry.csv"
    small_disk.fill()
    run = Run(make_context, csv_path=path)
    with run.sink:
        run.results(41, fps=16)
    assert path.read_text() == ""
    assert (
        f"telemetry.csv: writes nothing until the disk has room: {path}: cannot be written: File too large"
        in caplog.text
    )
    small_disk.clear()
    with CsvLog(path, count=lambda size_bytes: None) as table:
        small_disk.fill()
        table.write({"number": 0})
        small_disk.clear()
        table.write({"number": 1})
    assert [row["number"] for row in rows(path)] == ["1"]
    assert table.lost == 1


def test_an_unknown_figure_is_an_empty_cell(tmp_path: Path, make_context: MakeContext) -> None:
    run = Run(make_context, csv_path=tmp_path / "telemetry.csv", machine=UNKNOWN)
    with run.sink:
        run.results(11, fps=16)
    with (tmp_path / "telemetry.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["soc_temperature_c"], row["frequency_mhz"], row["throttling"]) == ("", "", "")


def test_a_process_that_cannot_be_looked_at_is_unknown() -> None:
    nothing = Sample({}, (None, None, None), {}, Reading(None, None, None, None, None), 1.0, 0.0)
    assert nothing.line().endswith("cpu unknown C, unknown MHz, unknown %, throttling unknown; memory unknown")
    assert (nothing.row()["cpu_percent"], nothing.row()["rss_mb"]) == (None, None)


def sample(
    fps: float, *, capture_fps: float = 30.0, frequency_mhz: float | None = None, bits: int = 0, work_share: float = 1.0
) -> Sample:
    machine = Reading(None, Throttling.from_bits(bits), frequency_mhz, 0.0, 0)
    return Sample({"capture": capture_fps, "inference": fps}, (None, None, None), {}, machine, work_share, 0.0)


def test_frames_without_an_inference_are_told_apart() -> None:
    some = replace(sample(2.0), fps={"capture": 30.0, "inference": 2.0, "output": 30.0}, skipped=840)
    assert "; skipped 840 similar frames; " in some.line()
    assert some.row()["similar_skipped"] == 840
    assert "similar" not in sample(2.0).line()
    assert "similar_skipped" not in sample(2.0).row()


def test_fewer_inferences_on_a_still_scene_are_no_loss_of_speed() -> None:
    moving, still = (replace(sample(fps, bits=1), skipped=0) for fps in (15.0, 1.0))
    moving, still = (replace(each, fps={**each.fps, "output": 15.0}) for each in (moving, still))
    assert why_slower(still, moving, live=True) is None


def test_ten_percent_less_is_noise() -> None:
    assert why_slower(sample(13.6, bits=1), sample(15.0), live=True) is None


def test_nothing_is_said_where_nothing_explains_it() -> None:
    assert why_slower(sample(7.0), sample(15.0), live=True) is None


@pytest.mark.parametrize(
    ("now", "best", "reason"),
    [
        (
            sample(7.0, bits=1),
            sample(15.0),
            "7.0 fps instead of 15.0: under-voltage; use a stronger power supply or a shorter cable",
        ),
        (
            sample(11.0, work_share=0.729),
            sample(15.0),
            "11.0 fps instead of 15.0: the governor lets the model work 73% of the time, to stay below max_temperature",
        ),
        (
            sample(7.0, frequency_mhz=600.0),
            sample(15.0, frequency_mhz=1500.0),
            "7.0 fps instead of 15.0: the processor runs at 600 MHz, not 1500; it may be too hot",
        ),
        (
            sample(10.0, capture_fps=10.0),
            sample(15.0),
            "10.0 fps instead of 15.0: the source delivers 10.0 frames a second, not 30.0; "
            "a camera exposes longer in the dark, or the network may be slow",
        ),
    ],
)
def test_the_reasons_why_a_run_became_slower(now: Sample, best: Sample, reason: str) -> None:
    assert why_slower(now, best, live=True) == reason


def of_cameras(capture_fps: float, results_fps: float, **cameras: tuple[float, float | None]) -> Sample:
    """What telemetry knows of several cameras, each with its results a second and for how long it is silent."""
    vitals = {name: CameraVitals(fps, 0, silent_s) for name, (fps, silent_s) in cameras.items()}
    return replace(sample(results_fps, capture_fps=capture_fps), cameras=vitals)


def test_a_source_that_delivers_more_than_the_model_works_on_is_not_the_reason() -> None:
    before = of_cameras(48.4, 26.7, porch=(8.9, None), yard=(8.9, None), street=(8.9, None))
    now = of_cameras(42.3, 8.4, porch=(2.8, None), yard=(2.8, None), street=(2.8, None))
    assert why_slower(now, before, live=True) is None
    assert why_slower(sample(10.0, capture_fps=11.2), sample(15.0), live=True) is None
    assert why_slower(sample(10.0, capture_fps=11.1), sample(15.0), live=True) is not None


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (
            of_cameras(20.0, 20.0, porch=(10.0, None), yard=(0.0, 12.4), street=(10.0, None)),
            "no frame from camera yard for 12 s; look at its power and its connection",
        ),
        (
            of_cameras(10.0, 10.0, porch=(10.0, None), yard=(0.0, 12.4), street=(0.0, 75.0)),
            "no frame from camera yard for 12 s, camera street for 75 s; look at its power and its connection",
        ),
        (
            of_cameras(22.0, 22.0, porch=(10.0, None), yard=(2.0, None), street=(10.0, None)),
            "camera yard delivers 2.0 frames a second, not 10.0; "
            "a camera exposes longer in the dark, or the network may be slow",
        ),
    ],
)
def test_of_several_cameras_the_one_that_is_lost_or_slower_is_named(now: Sample, reason: str) -> None:
    before = of_cameras(30.0, 30.0, porch=(10.0, None), yard=(10.0, None), street=(10.0, None))
    found = why_slower(now, before, live=True)
    assert found is not None
    assert found.partition(": ")[2] == reason


def test_a_file_is_never_the_reason_for_it_waits_for_the_model() -> None:
    assert why_slower(sample(10.0, capture_fps=10.0), sample(15.0), live=False) is None


def test_an_interval_of_nothing_is_an_error(make_context: MakeContext) -> None:
    with pytest.raises(ConfigError, match=r"^sink telemetry: interval is 0; expected more than 0"):
        TelemetrySink(Spec.parse("telemetry?interval=0"), make_context())


def test_the_line_says_which_model_runs_and_another_one_has_a_speed_of_its_own(make_context, caplog) -> None:
    run = Run(make_context)
    run.results(21, fps=20)
    run.sink._detector.name = "large"
    run.results(20, fps=8)
    lines = [message for message in caplog.messages if message.startswith("fps")]
    assert ["model fake" in line for line in lines] == [True, True, False, False]
    assert "model large" in lines[-1]
    assert "instead of" not in caplog.text
