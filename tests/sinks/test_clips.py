"""A short film of each appearance of a wanted object, with the seconds before it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.sinks.clips import ClipsSink
from edge_detector.sinks.recording.disk import MARGIN_BYTES
from edge_detector.types import Frame, Result, Timings
from tests import make
from tests.sinks.conftest import MakeContext, SmallDisk
from tests.sinks.recording.test_mp4_writer import times_s
from tests.sinks.recording.test_preroll import noise

FPS = 10
DEFAULTS = {"reserve": "0", "encoder": "software", "before": "2s", "after": "1s"}


def results(seconds: float, *, seen_s: tuple[float, ...], size: tuple[int, int] = (64, 48)) -> list[Result]:
    """Frames at `FPS`, a person in those at ``seen_s``."""
    person = make.detections(((5.0, 5.0, 30.0, 40.0), 0.9, 0))
    nobody = make.detections()
    return [
        Result(
            make.frame(number, size=size, timestamp_ns=number * 10**9 // FPS),
            person if number / FPS in seen_s else nobody,
            Timings(0, 0, 0, 0),
        )
        for number in range(round(seconds * FPS))
    ]


def run(folder: Path, make_context: MakeContext, frames: list[Result], **options: str) -> list[int]:
    """Write the frames; returns how many pictures each clip has."""
    with ClipsSink(Spec("clips", str(folder), {**DEFAULTS, **options}), make_context()) as sink:
        for frame in frames:
            sink.write(frame)
    return [len(times_s(path)) for path in sorted(folder.iterdir())]


def test_a_clip_begins_before_the_first_sight_and_ends_after_the_last(
    tmp_path: Path, make_context: MakeContext
) -> None:
    (pictures,) = run(tmp_path, make_context, results(20, seen_s=(5.0, 5.5, 6.0)))
    assert pictures == (2 + 1 + 1) * FPS + 1  # from 3.0 to 7.0 s, both included
    (clip,) = tmp_path.iterdir()
    assert "person" in clip.name
    assert times_s(clip) == pytest.approx([number / FPS for number in range(pictures)], abs=1e-4)


def test_sights_far_apart_are_clips_of_their_own(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(20, seen_s=(5.0, 12.0))) == [31, 31]


def test_no_picture_is_in_two_clips(tmp_path: Path, make_context: MakeContext) -> None:
    clips = run(tmp_path, make_context, results(20, seen_s=(5.0, 6.5)))
    assert clips == [31, 15]  # 3.0 to 6.0, then 6.1 to 7.5


def test_the_end_of_the_run_ends_the_clip(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(5.2, seen_s=(5.0,))) == [22]


def test_the_end_of_the_run_does_not_lengthen_the_clip(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(5.6, seen_s=(5.0,)), after="0.2s") == [23]  # it is still catching up


def test_a_long_stay_is_cut_into_several_clips_without_a_gap(tmp_path: Path, make_context: MakeContext) -> None:
    everywhere = tuple(number / FPS for number in range(200))
    clips = run(tmp_path, make_context, results(20, seen_s=everywhere), longest="5s")
    assert sum(clips) == 200
    assert max(clips) == 51


def test_nothing_wanted_leaves_no_file(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(10, seen_s=(5.0,)), classes="dog") == []


def test_the_oldest_go_beyond_keep(tmp_path: Path, make_context: MakeContext) -> None:
    assert len(run(tmp_path, make_context, results(40, seen_s=(5.0, 15.0, 25.0, 35.0)), keep="2")) == 2


def test_the_seconds_before_do_not_hold_up_the_present(tmp_path: Path, make_context: MakeContext) -> None:
    frames = results(20, seen_s=(5.0,))
    with ClipsSink(Spec("clips", str(tmp_path), DEFAULTS), make_context()) as sink:
        filmed = []
        for frame in frames[:60]:
            sink.write(frame)
            filmed.append(sink._writer.frames if sink._writer else 0)
    assert filmed[48:60] == [0, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30]  # three for each that comes, until caught up


def test_the_buffer_holds_no_more_than_the_seconds_before(tmp_path: Path, make_context: MakeContext) -> None:
    with ClipsSink(Spec("clips", str(tmp_path), DEFAULTS), make_context()) as sink:
        for frame in results(10, seen_s=()):
            sink.write(frame)
            assert len(sink._buffer) <= 2 * FPS + 1
        assert sink._buffer.oldest_ns == round(7.9e9)


def test_pictures_over_the_limit_go_into_the_film_at_once(tmp_path: Path, make_context: MakeContext) -> None:
    person, nobody = make.detections(((5.0, 5.0, 30.0, 40.0), 0.9, 0)), make.detections()
    large, plain = noise(0, 720), np.zeros((720, 960, 3), np.uint8)
    images = [plain] * 15 + [large] * 2  # one large picture fits into the memory, two do not
    options = {**DEFAULTS, "memory": "1MB"}
    with ClipsSink(Spec("clips", str(tmp_path), options), make_context()) as sink:
        for number, image in enumerate(images):
            found = person if number == 16 else nobody
            sink.write(Result(Frame(image, number, number * 10**8), found, Timings(0, 0, 0, 0)))
            assert not sink._buffer.over_limit
        assert len(sink._buffer) == 1


def test_little_memory_shortens_the_time_before_and_loses_nothing_after(
    tmp_path: Path, make_context: MakeContext
) -> None:
    person, nobody = make.detections(((5.0, 5.0, 30.0, 40.0), 0.9, 0)), make.detections()
    frames = [
        Result(
            Frame(noise(number, 360), number, number * 10**8), person if number == 30 else nobody, Timings(0, 0, 0, 0)
        )
        for number in range(60)
    ]
    (pictures,) = run(tmp_path, make_context, frames, memory="1MB")
    assert 11 < pictures < 31


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"longest": "2s"}, "sink clips: longest = 2 s; expected more than before, which is 2 s"),
        ({"memory": "1KB"}, "sink clips: memory = 1000 bytes; expected 1MB or more, such as 64MB"),
        ({"keep": "0"}, "sink clips: keep is 0; expected 1 or more, such as 100"),
    ],
)
def test_clips_that_could_hold_nothing_are_refused(
    tmp_path: Path, make_context: MakeContext, options: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        ClipsSink(Spec("clips", str(tmp_path), {**DEFAULTS, **options}), make_context())
    assert str(caught.value) == message


def test_a_full_disk_ends_a_clip_and_not_the_run(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk
) -> None:
    frames = results(60, seen_s=(5.0, 10.0, 25.0, 45.0))
    with ClipsSink(Spec("clips", str(tmp_path), DEFAULTS), make_context(live=True)) as sink:
        for number, frame in enumerate(frames):
            if number == 24 * FPS:
                small_disk.fill()
            if number == 40 * FPS:
                small_disk.clear()
            sink.write(frame)
    assert [len(times_s(path)) for path in sorted(tmp_path.iterdir())] == [31, 31, 31]
    assert sink.lost == 1  # the sight at 25.0


def test_a_disk_that_is_full_in_the_middle_of_a_clip_raises_the_reserve(
    tmp_path: Path, make_context: MakeContext, small_disk: SmallDisk
) -> None:
    with ClipsSink(Spec("clips", str(tmp_path), DEFAULTS), make_context(live=True)) as sink:
        for number, frame in enumerate(results(10, seen_s=(5.0,))):
            if number == 55:
                assert sink._folder.reserve_bytes == 0
                small_disk.fill(file_bytes=2000)
            sink.write(frame)
        assert sink._folder.reserve_bytes == MARGIN_BYTES
        assert sink.lost > 0


def test_no_clip_begins_on_a_disk_with_less_than_the_reserve(tmp_path: Path, make_context: MakeContext) -> None:
    options = {**DEFAULTS, "reserve": "1000TB"}
    with ClipsSink(Spec("clips", str(tmp_path), options), make_context(live=True)) as sink:
        for frame in results(10, seen_s=(5.0,)):
            sink.write(frame)
    assert (list(tmp_path.iterdir()), sink.lost) == ([], 1)


def test_one_clip_is_enough_to_keep(tmp_path: Path, make_context: MakeContext) -> None:
    assert run(tmp_path, make_context, results(20, seen_s=(5.0, 15.0)), keep="1") == [31]
