"""Video files: every frame, with its own time; and a clear end for a file that has none."""

from __future__ import annotations

import os
import struct
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.config import Config
from edge_detector.errors import SourceError
from edge_detector.options import Spec
from edge_detector.prefetch import Prefetch
from edge_detector.sources.video import VideoSource
from edge_detector.types import Frame
from tests.sources import films


def open_video(path: Path, **options: object) -> VideoSource:
    return VideoSource(Spec("video", str(path)), Config(**options), (320, 320))


def frames_of(path: Path) -> list[Frame]:
    with open_video(path) as source:
        return list(source)


def frames_and_error(path: Path) -> tuple[list[Frame], str]:
    frames: list[Frame] = []
    with open_video(path) as source, pytest.raises(SourceError) as caught:
        frames.extend(source)  # list.extend keeps what came before the error
    return frames, str(caught.value)


def levels(frames: list[Frame]) -> list[int]:
    """The grey of each frame, rounded to the steps in which films.picture tells frames apart."""
    return [round((float(frame.image[:60].mean()) - 20) / 8) * 8 + 20 for frame in frames]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi"])
def test_a_file_loses_no_frames(tmp_path: Path, suffix: str) -> None:
    codec = "mpeg4" if suffix == ".avi" else "libx264"
    frames = frames_of(films.film(tmp_path / f"film{suffix}", frames=40, codec=codec))
    assert [frame.sequence for frame in frames] == list(range(40))
    assert levels(frames) == [films.level(number) for number in range(40)]


def test_a_slow_consumer_loses_no_frames(tmp_path: Path) -> None:
    path = films.film(tmp_path / "film.mp4", frames=40)
    with open_video(path) as source, Prefetch(source, name="capture", live=source.live) as frames:
        assert [frame.sequence for frame in frames] == list(range(40))
        assert frames.dropped == 0


def test_the_time_stamps_are_the_files_own(tmp_path: Path) -> None:
    stamps = [frame.timestamp_ns for frame in frames_of(films.film(tmp_path / "film.mp4"))]
    steps_us = {round((later - earlier) / 1000) for earlier, later in pairwise(stamps)}
    assert steps_us <= {33_333, 33_334}


def test_a_bare_h264_stream_is_timed_by_its_rate(tmp_path: Path) -> None:
    frames = frames_of(films.film(tmp_path / "film.h264", frames=10))
    assert len(frames) == 10
    assert all(later.timestamp_ns > earlier.timestamp_ns for earlier, later in pairwise(frames))


def test_the_number_of_frames_is_known_before_the_first(tmp_path: Path) -> None:
    with open_video(films.film(tmp_path / "film.mp4", frames=12)) as source:
        assert source.frame_count == 12


def test_a_loop_begins_again_and_its_time_goes_on(tmp_path: Path) -> None:
    path = films.film(tmp_path / "film.mp4", frames=10)
    with open_video(path, loop=True) as source:
        frames = list(islice(source, 25))
        assert source.frame_count is None
    assert [frame.sequence for frame in frames] == list(range(25))
    assert levels(frames) == [films.level(number % 10) for number in range(25)]
    steps_us = {round((later.timestamp_ns - earlier.timestamp_ns) / 1000) for earlier, later in pairwise(frames)}
    assert steps_us <= {33_333, 33_334}


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_film_taken_sideways_stands_upright(tmp_path: Path, degrees: int) -> None:
    plain = films.film(tmp_path / "film.mp4", frames=1)
    (upright,), (turned,) = frames_of(plain), frames_of(films.turned(plain, degrees))
    clockwise_quarters = degrees // 90
    np.testing.assert_array_equal(turned.image, np.rot90(upright.image, -clockwise_quarters))


def test_the_pictures_are_those_that_opencv_decodes(shared: Path) -> None:
    """The Rec. 709 film through BT.601 coefficients: 2 levels apart on average is all the difference."""
    clip = shared / "clips" / "woman-and-dog.mp4"
    capture = cv2.VideoCapture(str(clip))
    with open_video(clip) as source:
        for frame in islice(source, 5):
            expected = capture.read()[1].astype(int)
            difference = np.abs(frame.image.astype(int) - expected)
            assert difference.mean() < 2.5
            assert difference.max() <= 20
    capture.release()


def test_full_range_colours_keep_their_contrast(tmp_path: Path) -> None:
    """Motion JPEG is full range: taken for limited, 20 would come out as 5."""
    (frame,) = frames_of(films.film(tmp_path / "film.avi", frames=1, codec="mjpeg"))
    assert frame.image[:60].mean() == pytest.approx(films.level(0), abs=2)


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4")])
def test_a_cut_file_gives_every_whole_frame_and_then_an_error(tmp_path: Path, suffix: str, codec: str) -> None:
    path = films.film(tmp_path / f"film{suffix}", frames=60, codec=codec)
    piece = films.cut(path, 0.6)
    frames, error = frames_and_error(piece)
    assert len(frames) == films.whole_packets(path, 0.6)
    assert error.startswith(f"{piece}: broke off after {len(frames)} frames")
    assert ("it ends at 1 of 2 s" if suffix != ".avi" else "its end is damaged") in error  # FFmpeg mends AVI's length


def test_the_start_of_a_cut_file_is_decoded_like_the_whole_one(tmp_path: Path) -> None:
    path = films.film(tmp_path / "film.mp4", frames=60, options={"bf": "0"})  # no frame refers to a later one
    whole = frames_of(path)
    frames, _ = frames_and_error(films.cut(path, 0.5))
    for expected, frame in zip(whole, frames, strict=False):
        np.testing.assert_array_equal(frame.image, expected.image)


def damaged(path: Path) -> Path:
    """A film of 60 frames, one of which is wiped out."""
    films.film(path, frames=60, codec="mjpeg")
    data = bytearray(path.read_bytes())
    middle = data.index(b"00dc", len(data) // 2)
    size = int.from_bytes(data[middle + 4 : middle + 8], "little")
    data[middle + 8 : middle + 8 + size] = bytes(size)
    path.write_bytes(data)
    return path


def test_damage_in_the_middle_does_not_end_the_film(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert len(frames_of(damaged(tmp_path / "film.avi"))) == 59
    assert "1 damaged packets left out" in caplog.text


def test_a_loop_speaks_of_damage_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open_video(damaged(tmp_path / "film.avi"), loop=True) as source:
        assert len(list(islice(source, 4 * 59 + 1))) == 4 * 59 + 1
    assert caplog.text.count("damaged packets left out") == 1


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("text.mp4", b"this is no film\n" * 100, "not a video"),
        ("empty.mp4", b"", "not a video"),
        ("missing.mp4", None, "no such file"),
        ("mistyped", None, "--source takes a camera number"),
    ],
)
def test_what_is_no_film_is_said_so_on_opening(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=complaint) as caught, open_video(path):
        pass
    assert str(caught.value).startswith(str(path))


def test_a_film_cut_before_its_index_asks_whether_it_is_complete(tmp_path: Path) -> None:
    path = films.film(tmp_path / "film.mov")  # index at the end
    with pytest.raises(SourceError, match="is the file complete"), open_video(films.cut(path, 0.8)):
        pass


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "film.mp4"
    os.mkfifo(pipe)
    with pytest.raises(SourceError, match="is a pipe"), open_video(pipe):
        pass


def test_a_film_in_an_unknown_format_is_an_error(tmp_path: Path) -> None:
    path = films.film(tmp_path / "film.avi", codec="mjpeg")
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"XQZ9"))
    with pytest.raises(SourceError, match=r"film\.avi: its pictures are encoded in a way that FFmpeg does not know"):
        frames_of(path)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_title_in_another_encoding_is_no_obstacle(tmp_path: Path, suffix: str) -> None:
    path = films.film(tmp_path / f"film{suffix}", frames=5, title="Größe")
    assert len(frames_of(path)) == 5


def test_a_huge_picture_within_a_film_is_left_out_before_it_is_decoded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = films.with_huge_pictures(tmp_path / "film.avi", small=3, huge=2)
    assert [frame.size for frame in frames_of(path)] == [(64, 48)] * 3
    assert "2 damaged packets left out" in caplog.text


@pytest.mark.parametrize("announced", [(64, 48), (16_000, 12_000)])
def test_a_film_of_nothing_but_huge_pictures_is_an_error(tmp_path: Path, announced: tuple[int, int]) -> None:
    path = films.with_huge_pictures(tmp_path / "film.avi", small=0, huge=2)
    path.write_bytes(path.read_bytes().replace(struct.pack("<II", 64, 48), struct.pack("<II", *announced)))
    with pytest.raises(SourceError, match=r"no frame in it can be decoded; .* larger than 67 megapixels"):
        frames_of(path)


def test_a_frame_knows_its_place_in_the_film(tmp_path: Path) -> None:
    with open_video(films.film(tmp_path / "film.mp4", frames=3), loop=True) as source:
        places_s = [frame.position_s for frame in islice(source, 4)]
    assert places_s == pytest.approx([0, 1 / 30, 2 / 30, 0], abs=1e-3)


def test_sound_without_pictures_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    path.write_bytes(wave())
    with pytest.raises(SourceError, match="has no pictures in it, only audio"), open_video(path):
        pass


def wave() -> bytes:
    import io
    import wave as wav

    memory = io.BytesIO()
    with wav.open(memory, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(1600))
    return memory.getvalue()


def test_stopping_ends_a_loop_without_end(tmp_path: Path) -> None:
    path = films.film(tmp_path / "film.mp4", frames=5)
    with open_video(path, loop=True) as source:
        seen = []
        for frame in source:
            seen.append(frame.sequence)
            if len(seen) == 12:
                source.stop()
    assert seen == list(range(12))


def test_a_film_in_real_time_is_live_and_rests_until_each_frame_is_due(tmp_path: Path) -> None:
    path = films.film(tmp_path / "film.mp4", frames=4)
    gaps_s = [(two.timestamp_ns - one.timestamp_ns) / 1e9 for one, two in pairwise(frames_of(path))]
    now_ns = [5_000_000_000]
    rests_s: list[float] = []

    def rest(seconds: float) -> None:
        rests_s.append(seconds)
        now_ns[0] += round(seconds * 1e9)

    spec, config = Spec("video", str(path)), Config(realtime=True)
    with VideoSource(spec, config, (320, 320), clock_ns=lambda: now_ns[0], wait=rest) as source:
        assert source.live
        assert len(list(source)) == 4
    assert rests_s == pytest.approx([0.0, *gaps_s])
    assert min(gaps_s) > 0.01


def test_a_film_at_its_own_speed_is_never_far_behind_on_a_slow_machine(tmp_path: Path) -> None:
    """Decoding takes 0.2 s a frame of a film at 30 fps for a while, then no time."""
    now_ns, slow = [0], 10
    rests_s: list[float] = []

    def rest(seconds: float) -> None:
        rests_s.append(seconds)
        now_ns[0] += round(seconds * 1e9)

    ages_s = []
    path = films.film(tmp_path / "film.mp4", frames=30)
    with VideoSource(
        Spec("video", str(path)), Config(realtime=True), (320, 320), clock_ns=lambda: now_ns[0], wait=rest
    ) as source:
        for number, frame in enumerate(source):
            ages_s.append((now_ns[0] - frame.timestamp_ns) / 1e9)
            now_ns[0] += 200_000_000 if number < slow else 0
    assert 0.3 < max(ages_s) <= 0.5
    assert sum(rests_s) > 0.25  # it does not run through the rest as fast as it can
