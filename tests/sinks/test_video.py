"""The annotated picture as film: one file, or a folder that never grows past its limits."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.options import Spec
from edge_detector.sinks.video import VideoSink
from edge_detector.types import Result, Timings
from tests import make
from tests.sinks.conftest import MakeContext

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


def test_a_folder_gets_a_new_film_after_each_segment(tmp_path: Path, make_context: MakeContext) -> None:
    folder = tmp_path / "films"
    context = make_context()
    record(VideoSink(Spec("video", str(folder), {"segment": "1s", **NO_RESERVE}), context), range(35))
    films = sorted(folder.iterdir())
    assert [len(frames(film)) for film in films] == [11, 11, 11, 2]
    assert context.meter.bytes_written == sum(film.stat().st_size for film in films)


def test_a_film_that_grows_large_ends_early(tmp_path: Path, make_context: MakeContext) -> None:
    record(VideoSink(Spec("video", str(tmp_path), {"segment_size": "1KB", **NO_RESERVE}), make_context()), range(60))
    assert len(list(tmp_path.iterdir())) > 2


def test_the_oldest_films_make_room(tmp_path: Path, make_context: MakeContext) -> None:
    options = {"segment": "1s", "keep": "20KB", **NO_RESERVE}
    record(VideoSink(Spec("video", str(tmp_path), options), make_context()), range(100))
    films = sorted(tmp_path.iterdir())
    assert sum(film.stat().st_size for film in films) <= 20_000
    assert 1 <= len(films) < 9
    assert len(frames(films[-1])) == 1  # the newest, with the hundredth frame


def test_recording_stops_before_the_disk_is_full_and_detection_goes_on(
    tmp_path: Path, make_context: MakeContext, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"reserve": "1000TB", "encoder": "software"}
    record(VideoSink(Spec("video", str(tmp_path), options), make_context()), range(50))
    assert list(tmp_path.iterdir()) == []
    assert caplog.messages == [f"{tmp_path}: recording stops: the disk has less than 1000000000 MB left"]


def test_a_segment_without_length_is_an_error(tmp_path: Path, make_context: MakeContext) -> None:
    with pytest.raises(ConfigError, match="segment = 0 s; expected more than 0, such as 10m"):
        VideoSink(Spec.parse(f"video:{tmp_path}?segment=0s"), make_context())


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path, make_context: MakeContext) -> None:
    (tmp_path / "holiday.mp4").write_bytes(bytes(100_000))
    options = {"segment": "1s", "keep": "1KB", **NO_RESERVE}
    record(VideoSink(Spec("video", str(tmp_path), options), make_context()), range(30))
    assert (tmp_path / "holiday.mp4").stat().st_size == 100_000


@pytest.mark.parametrize(
    ("argument", "options", "message"),
    [
        ("out.avi", {}, "sink video: out.avi: films are MP4 files; call it out.mp4"),
        ("out.mp4", {"keep": "2GB"}, "sink video: keep is for a folder of films; out.mp4 is one film"),
        ("films", {"segment": "soon"}, "sink video: segment = 'soon': expected a duration"),
        ("", {}, "sink video: needs to know where to; write video:PATH"),
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
    with pytest.raises(SinkError, match="cannot be made a folder for recordings: Not a directory"):
        sink.__enter__()
