"""The annotated picture as film: one file, or a folder that never grows past its limits."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.options import Spec
from edge_detector.sinks.recording import recorder
from edge_detector.sinks.video import VideoSink
from edge_detector.types import Result, Timings
from tests import make
from tests.sinks.conftest import MakeContext, SmallDisk

NS_PER_FRAME = 1_000_000_000 // 10
NO_RESERVE = {"reserve": "0", "encoder": "software"}


def result(sequence: int) -> Result:
    """One every tenth of a second, with a person in it."""
    frame = make.frame(sequence, timestamp_ns=sequence * NS_PER_FRAME)
    return Result(frame, make.detections(((40.0, 60.0, 200.0, 200.0), 0.9, 0)), Timings(2.0, 1.0, 6.0, 1.0))


def record(sink: VideoSink, sequences: range) -> None:
    with sink:
        for sequence in sequences:
            sink.write(result(sequence))


def frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def test_one_file_holds_the_whole_run(tmp_path: Path, make_context: MakeContext) -> None:
    path = tmp_path / "out.mp4"
    record(VideoSink(Spec("video", str(path)), make_context()), range(30))
    assert len(frames(path)) == 30


def test_where_the_film_is_comes_last_and_once(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    sink = VideoSink(Spec("video", str(tmp_path / "out.mp4")), make_context())
    with caplog.at_level("INFO"):
        record(sink, range(11))
        sink.__exit__(None, None, None)
    assert caplog.messages[-1:] == [f"film in {tmp_path / 'out.mp4'}: 11 frames, 1.0 s"]
    assert sum("film in" in message for message in caplog.messages) == 1


def test_the_picture_is_annotated(tmp_path: Path, make_context: MakeContext) -> None:
    path = tmp_path / "out.mp4"
    record(VideoSink(Spec("video", str(path)), make_context()), range(1))
    image = frames(path)[0].to_ndarray(format="bgr24")
    assert image[60:200, 40].mean() > 60  # the left edge of the box, on a black frame
    assert image[100:180, 60:180].mean() < 5


@pytest.mark.parametrize("trails", [True, False])
def test_trails_are_drawn_if_they_are_asked_for(tmp_path: Path, make_context: MakeContext, trails: bool) -> None:
    path = tmp_path / "out.mp4"
    with VideoSink(Spec("video", str(path), {"trails": "true"} if trails else {}), make_context()) as sink:
        for second in range(3):
            sink.write(make.walking(second))
    last = frames(path)[-1].to_ndarray(format="bgr24")
    assert (last[make.WALKED_Y, 30:100].max() > 25) == trails


def test_a_folder_gets_a_new_film_after_each_segment(tmp_path: Path, make_context: MakeContext) -> None:
    folder = tmp_path / "films"
    context = make_context()
    record(VideoSink(Spec("video", str(folder), {"segment": "1s", **NO_RESERVE}), context), range(35))
    films = sorted(folder.iterdir())
    assert [len(frames(film)) for film in films] == [11, 11, 11, 2]
    assert context.meter.bytes_written == sum(film.stat().st_size for film in films)


@pytest.fixture
def short_films(monkeypatch: pytest.MonkeyPatch) -> None:
    """Films of some kilobytes are allowed, so that a test need not record megabytes."""
    monkeypatch.setattr(recorder, "SMALLEST_FILM_BYTES", 1000)


@pytest.mark.usefixtures("short_films")
def test_a_film_that_grows_large_ends_early(tmp_path: Path, make_context: MakeContext) -> None:
    record(VideoSink(Spec("video", str(tmp_path), {"segment_size": "1KB", **NO_RESERVE}), make_context()), range(60))
    assert len(list(tmp_path.iterdir())) > 2


@pytest.mark.usefixtures("short_films")
def test_the_oldest_films_make_room(tmp_path: Path, make_context: MakeContext) -> None:
    options = {"segment": "1s", "keep": "20KB", **NO_RESERVE}
    record(VideoSink(Spec("video", str(tmp_path), options), make_context()), range(100))
    films = sorted(tmp_path.iterdir())
    assert sum(film.stat().st_size for film in films) <= 20_000
    assert 1 <= len(films) < 9
    assert len(frames(films[-1])) == 1  # the newest, with the hundredth frame


@pytest.mark.usefixtures("short_films")
def test_a_film_takes_at_most_half_of_what_is_kept(tmp_path: Path, make_context: MakeContext) -> None:
    record(VideoSink(Spec("video", str(tmp_path), {"keep": "30KB", **NO_RESERVE}), make_context()), range(300))
    films = sorted(tmp_path.iterdir())
    assert len(films) >= 2
    assert sum(film.stat().st_size for film in films) <= 30_000
    assert len(frames(films[-1])) > 0


def test_recording_stops_before_the_disk_is_full_and_detection_goes_on(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"reserve": "1000TB", "encoder": "software"}
    sink = VideoSink(Spec("video", str(tmp_path), options), make_context(live=True))
    record(sink, range(50))
    assert list(tmp_path.iterdir()) == []
    assert sink.lost == 50
    assert caplog.messages == [
        f"sink video: writes nothing until the disk has room: {tmp_path}: the disk has less than 1000000000 MB left, "
        "which the option reserve keeps free"
    ]


@pytest.mark.parametrize("path", ["films", "out.mp4"])
def test_a_disk_that_is_full_for_a_while_costs_only_the_pictures_of_that_while(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk, path: str
) -> None:
    sink = VideoSink(Spec("video", str(tmp_path / path), NO_RESERVE), make_context(live=True))
    with sink:
        for sequence in range(100):
            if sequence == 45:
                small_disk.fill()
            if sequence == 75:
                small_disk.clear()
            sink.write(result(sequence))
    films = sorted(path for path in tmp_path.rglob("*.mp4"))
    filmed = [len(frames(film)) for film in films]
    assert len(filmed) == 2
    assert filmed[1] == 25
    assert sum(filmed) + sink.lost == 100


def test_a_film_goes_on_in_a_second_file_and_says_where_both_are(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "out_2.mp4").write_bytes(b"of another run")
    with caplog.at_level("INFO"), VideoSink(Spec.parse(f"video:{tmp_path}/out.mp4"), make_context(live=True)) as sink:
        for sequence, room in enumerate([True] * 20 + [False] * 20 + [True] * 20):
            (small_disk.clear if room else small_disk.fill)()
            sink.write(result(sequence))
    assert (tmp_path / "out_2.mp4").read_bytes() == b"of another run"
    said = [message for message in caplog.messages if message.startswith("film in")]
    assert [message.partition(":")[0] for message in said] == [f"film in {tmp_path}/out{n}.mp4" for n in ("", "_3")]


def test_of_a_file_nothing_may_be_lost(tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk) -> None:
    sink = VideoSink(Spec("video", str(tmp_path / "out.mp4")), make_context(live=False))
    small_disk.fill()
    with pytest.raises(SinkError, match=r"out\.mp4: cannot write the film: File too large"):
        record(sink, range(50))


@pytest.mark.usefixtures("short_films")
def test_other_files_in_the_folder_are_left_alone(tmp_path: Path, make_context: MakeContext) -> None:
    (tmp_path / "holiday.mp4").write_bytes(bytes(100_000))
    options = {"segment": "1s", "keep": "4KB", **NO_RESERVE}
    record(VideoSink(Spec("video", str(tmp_path), options), make_context()), range(30))
    assert (tmp_path / "holiday.mp4").stat().st_size == 100_000


@pytest.mark.parametrize(
    ("argument", "options", "message"),
    [
        ("out.avi", {}, "sink video: out.avi: films are MP4 files; call it out.mp4"),
        ("out.mp4", {"keep": "2GB"}, "sink video: keep is for a folder of films; out.mp4 is one film"),
        ("films", {"segment": "soon"}, "sink video: segment = 'soon': expected a duration"),
        ("films", {"segment": "0s"}, "sink video: segment = 0 s; expected 1s or more, such as 10m"),
        ("films", {"segment_size": "1KB"}, "sink video: segment_size = 1000 bytes; expected 5MB or more, such as 1GB"),
        ("films", {"keep": "1B"}, "sink video: keep = 1 bytes; expected 10MB or more, such as 2GB"),
        ("", {}, "sink video: path is missing; write video:PATH"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    make_context: MakeContext, argument: str, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        VideoSink(Spec("video", argument, options), make_context())
    assert str(caught.value).startswith(message)


def test_a_folder_that_cannot_be_made_is_an_error_at_once(tmp_path: Path, make_context: MakeContext) -> None:
    (tmp_path / "file").touch()
    sink = VideoSink(Spec("video", str(tmp_path / "file" / "films")), make_context())
    with pytest.raises(SinkError, match="cannot make or read this folder: Not a directory"):
        sink.__enter__()
