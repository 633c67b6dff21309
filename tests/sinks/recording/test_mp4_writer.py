"""A film keeps its time, and can be played however the program that made it ended."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_detector.errors import ConfigError, SinkError
from edge_detector.sinks.recording import encoder
from edge_detector.sinks.recording.disk import Outage
from edge_detector.sinks.recording.encoder import (
    HARDWARE,
    SOFTWARE,
    Codec,
    choose_codec,
    codec_for,
    encodes_in_a_child,
    has_pi_encoder,
    scaled_with_borders,
)
from edge_detector.sinks.recording.mp4_writer import Mp4Writer, finish_recording
from edge_detector.sinks.recording.recording_folder import Limits, RecordingFolder

ROOT = Path(__file__).parents[3]
FRAME_NS = 1_000_000_000 // 30


def picture(number: int, size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """Noise that no encoder makes small, and a brightness that tells pictures apart."""
    rng = np.random.default_rng(number)
    return rng.integers(0, 40, (size[1], size[0], 3), np.uint8) + np.uint8(number * 7 % 200)


@contextmanager
def film_at(path: Path, codec: Codec = SOFTWARE) -> Iterator[Mp4Writer]:
    film = Mp4Writer(path, codec, count=lambda size_bytes: None)
    try:
        yield film
    finally:
        film.close()


def times_s(path: Path) -> list[float]:
    """When each picture of a film is shown, as FFmpeg reads it."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def test_a_dropped_frame_does_not_speed_the_film_up(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    moments_s = [0.0, 0.1, 0.2, 1.7, 1.8, 60.0]
    with film_at(path) as film:
        for number, moment_s in enumerate(moments_s):
            film.add(picture(number), 5_000_000_000_000 + round(moment_s * 1e9))
    assert times_s(path) == pytest.approx(moments_s, abs=1e-4)


def test_time_that_stands_still_or_goes_back_does_not_end_the_film(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with film_at(path) as film:
        for number, timestamp_ns in enumerate([100, 100, 50, FRAME_NS]):
            film.add(picture(number), timestamp_ns)
    assert times_s(path) == pytest.approx([0, 1 / 90_000, 2 / 90_000, 1 / 30], abs=2e-6)


def test_it_shows_what_was_added_in_its_colours(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    with film_at(path) as film:
        for number, color in enumerate(colors):
            film.add(np.full((240, 320, 3), color, np.uint8), number * FRAME_NS)
    with av.open(str(path)) as container:
        shown = [frame.to_ndarray(format="bgr24")[120, 160] for frame in container.decode(video=0)]
    assert np.abs(np.subtract(shown, colors, dtype=int)).max() <= 6


def test_it_is_h264_that_browsers_play(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with film_at(path) as film:
        film.add(picture(0), 0)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")


@pytest.mark.parametrize("size", [(321, 241), (320, 241), (321, 240), (1, 1)])
def test_odd_sizes_are_rounded_up_to_what_the_format_can_hold(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "out.mp4"
    with film_at(path) as film:
        film.add(picture(0, size), 0)
    capture = cv2.VideoCapture(str(path))
    shown, image = capture.read()
    assert shown
    assert image.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)


def test_pictures_of_another_size_are_fitted_in(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with film_at(path) as film:
        film.add(picture(0, (320, 240)), 0)
        film.add(picture(1, (500, 80)), FRAME_NS)
    assert len(times_s(path)) == 2


def test_fitting_keeps_the_shape_and_fills_with_black() -> None:
    fitted = scaled_with_borders(np.full((100, 200, 3), 255, np.uint8), (320, 240))
    assert fitted.shape == (240, 320, 3)
    assert fitted[40:200].min() == 255
    assert fitted[:40].max() == fitted[200:].max() == 0


def test_opencv_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with film_at(path) as film:
        for number in range(45):
            film.add(picture(number), number * FRAME_NS)
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(30, abs=0.1)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 45


def test_the_bytes_are_those_on_the_disk(tmp_path: Path) -> None:
    written: list[int] = []
    film = Mp4Writer(tmp_path / "out.mp4", SOFTWARE, count=written.append)
    for number in range(90):
        film.add(picture(number), number * FRAME_NS)
    film.close()
    assert sum(written) == film.bytes_written == film.path.stat().st_size
    assert 4 <= len(written) <= 8  # the head, a write for each 0.9 of 3 seconds, the tail: not one for each picture


def test_a_film_without_pictures_leaves_no_file(tmp_path: Path) -> None:
    with film_at(tmp_path / "out.mp4"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_film_without_pictures_is_no_recording(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path, Limits(items=1, reserve_bytes=0))
    for number, pictures in enumerate((1, 0)):
        writer = Mp4Writer(tmp_path / f"{folder.new_name(str(number))}.mp4", SOFTWARE, count=lambda size_bytes: None)
        for place in range(pictures):
            writer.add(picture(place), place * FRAME_NS)
        finish_recording(writer, folder, Outage("clips", live=True))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("size", [(20_000, 10), (10, 20_000)])
def test_a_picture_too_large_for_a_film_is_an_error_that_says_how_large_it_may_be(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    path = tmp_path / "out.mp4"
    message = (
        f"{path}: cannot write the film: a picture of {size[0]}x{size[1]} is too large for a film: "
        "libx264 takes at most 16384 pixels each way; scale it down first"
    )
    with film_at(path) as film, pytest.raises(SinkError) as caught:
        film.add(picture(0, size), 0)
    assert str(caught.value) == message
    assert not path.exists()


def test_the_largest_picture_is_filmed(tmp_path: Path) -> None:
    with film_at(tmp_path / "out.mp4") as film:
        film.add(picture(0, (16_384, 16)), 0)
    assert len(times_s(tmp_path / "out.mp4")) == 1


def test_what_is_too_large_for_the_hardware_is_encoded_by_the_software(caplog: pytest.LogCaptureFixture) -> None:
    assert codec_for((1920, 1080), HARDWARE) is HARDWARE
    assert codec_for((2592, 1944), HARDWARE) is SOFTWARE
    assert caplog.messages == ["2592x1944 is too large for the hardware encoder; films are encoded by libx264"]


def test_an_unwritable_path_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"missing/out\.mp4: cannot write the film: No such file or directory"):
        Mp4Writer(tmp_path / "missing" / "out.mp4", SOFTWARE, count=len)


CHILD = """
    import resource, sys
    from pathlib import Path
    from edge_detector.sinks.recording.encoder import SOFTWARE
    from edge_detector.sinks.recording.mp4_writer import Mp4Writer
    from tests.sinks.recording.test_mp4_writer import FRAME_NS, picture

    limit = int(sys.argv[2])
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    film = Mp4Writer(Path(sys.argv[1]), SOFTWARE, count=lambda size_bytes: None)
    number = 0
    try:
        while True:
            film.add(picture(number), number * FRAME_NS)
            number += 1
            print(number, flush=True)
    finally:
        film.close()
"""


def start_child(path: Path, *, limit_bytes: int = 0) -> subprocess.Popen[str]:
    """A program that films without end and says after each picture how many there are."""
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(path), str(limit_bytes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def test_after_kill_9_the_film_plays_up_to_its_last_second(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with start_child(path) as child:
        assert child.stdout is not None
        filmed = next(int(line) for line in child.stdout if int(line) >= 200)
        child.kill()
        filmed = max([filmed, *map(int, child.stdout)])
    assert child.returncode == -9
    playable = times_s(path)
    assert playable == pytest.approx([number / 30 for number in range(len(playable))], abs=1e-4)
    assert len(playable) >= filmed - 30
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) == len(playable)


def test_a_full_disk_is_a_clear_error_and_the_film_so_far_plays(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with start_child(path, limit_bytes=2_000_000) as child:
        output, errors = child.communicate(timeout=60)
    assert errors.splitlines()[-1].endswith(f"DiskFull: {path}: cannot write the film: File too large")
    filmed = int(output.splitlines()[-1])
    playable = times_s(path)
    assert playable == pytest.approx([number / 30 for number in range(len(playable))], abs=1e-4)
    assert len(playable) >= filmed - 60  # the fragment that did not fit, and the pictures since


def test_an_encoder_is_tried_in_a_program_of_its_own() -> None:
    assert encodes_in_a_child(SOFTWARE)
    assert encodes_in_a_child(HARDWARE) is has_pi_encoder()


def test_an_encoder_that_hangs_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "TRIAL_TIMEOUT_S", 0.0)
    assert not encodes_in_a_child(SOFTWARE)


@pytest.mark.skipif(has_pi_encoder(), reason="this machine has the encoder")
def test_where_there_is_no_hardware_encoder_software_takes_over(caplog: pytest.LogCaptureFixture) -> None:
    encoder._hardware_if_it_works.cache_clear()
    caplog.set_level("INFO")
    assert choose_codec("auto") is SOFTWARE
    assert caplog.messages == ["this machine has no hardware H.264 encoder; films are encoded by libx264"]


@pytest.mark.parametrize(("name", "found"), [("bcm2835-codec-encode", True), ("bcm2835-codec-decode", False)])
def test_the_kernel_names_the_pi_encoder(tmp_path: Path, name: str, found: bool) -> None:
    (tmp_path / "video11").mkdir()
    (tmp_path / "video11" / "name").write_text(f"{name}\n")
    assert has_pi_encoder(tmp_path) is found


def test_a_header_that_waits_for_the_first_picture_plays_too(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    with film_at(
        path, Codec("libx264", longest_edge=16384, movflags=HARDWARE.movflags, options=SOFTWARE.options)
    ) as film:
        for number in range(60):
            film.add(picture(number), number * FRAME_NS)
    assert len(times_s(path)) == 60


def test_an_unknown_encoder_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown encoder 'hardwear'; did you mean 'hardware'\?"):
        choose_codec("hardwear")
