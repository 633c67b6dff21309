"""With a model slower than the stream, frames to which no other refers are not decoded; the others stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_detector.config import Config
from edge_detector.options import Spec
from edge_detector.sources import lean_decoding
from edge_detector.sources.lean_decoding import LeanDecoder
from edge_detector.sources.stream import StreamSource
from edge_detector.types import Frame
from tests.sources import films

RATE = films.RATE
FRAMES = 300
B_FRAMES = {"x264-params": "bframes=2:b-adapt=0:b-pyramid=none:keyint=60:scenecut=0"}  # two between any others
ONE_IN = 3  # frames that others refer to, in such a film


class StreamClock:
    """The time at which packets arrive: it goes on with each look at it, as in a stream of so many frames a second."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.looks / (3 * RATE)  # a packet is looked at about three times


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return films.film(tmp_path_factory.mktemp("films") / "b.mp4", frames=FRAMES, options=B_FRAMES)


def frames_of(film: Path, dropped: Callable[[int], int]) -> tuple[StreamSource, list[Frame]]:
    """Of a stream whose queue has dropped ``dropped(n)`` of the first n frames that it gave."""
    source = StreamSource(Spec("stream", str(film)), Config(), (320, 320), clock=StreamClock())
    given: list[Frame] = []
    source.note_drops(lambda: dropped(len(given)))
    with source:
        for frame in source:
            given.append(frame)  # noqa: PERF402 - counted while it grows
    return source, given


def test_a_model_that_takes_all_gets_every_frame(film: Path) -> None:
    source, given = frames_of(film, lambda _: 0)
    assert [frame.sequence for frame in given] == list(range(FRAMES))
    assert source.undecoded == 0


def test_with_a_slow_model_only_frames_that_others_need_are_decoded(film: Path) -> None:
    source, given = frames_of(film, lambda count: count * 3 // 4)
    assert source.undecoded > FRAMES / 3
    assert len(given) + source.undecoded == pytest.approx(FRAMES, abs=ONE_IN)  # the last may be skipped unseen
    sequences = [frame.sequence for frame in given]
    assert len(set(sequences)) == len(sequences)
    gaps = np.diff(sequences)
    assert set(gaps[-20:].tolist()) <= {ONE_IN - 1, ONE_IN}  # before a key frame there may be one less


def test_what_is_decoded_stays_exactly_as_it_is(film: Path) -> None:
    _, given = frames_of(film, lambda count: count * 3 // 4)
    _, whole = frames_of(film, lambda _: 0)
    assert len(given) < 200
    for frame in given:
        assert np.array_equal(frame.image, whole[frame.sequence].image)


def test_a_stream_in_which_every_frame_is_needed_loses_none(tmp_path: Path) -> None:
    film = films.film(tmp_path / "p.mp4", frames=FRAMES, options={"bf": "0"})
    source, given = frames_of(film, lambda count: count * 3 // 4)
    assert (len(given), source.undecoded) == (FRAMES, 0)


class FakeCodec:
    skip_frame = lean_decoding.EVERY_FRAME


def decided(*, share: float, model_fps: float, seconds: int = 20) -> list[bool]:
    """Whether it skips in each second, with a model that takes so many of 30 frames; ``share`` are referred to."""
    codec, now_s, dropped = FakeCodec(), 0.0, 0.0
    lean = LeanDecoder(codec, lambda: int(dropped), clock=lambda: now_s)  # type: ignore[arg-type]
    said = []
    for second in range(seconds):
        for number in range(RATE):
            now_s = second + number / RATE
            lean.note_packet(None)
            if not lean.skips or number < share * RATE:
                lean.note_frame(None)
                arriving_fps = RATE * share if lean.skips else RATE
                dropped += max(0.0, 1 - model_fps / arriving_fps)
        said.append(lean.skips)
    return said


def test_a_model_that_takes_a_third_of_the_frames_gets_half_of_them() -> None:
    assert decided(share=0.5, model_fps=10)[5:] == [True] * 15


def test_a_model_that_takes_more_than_would_be_left_gets_every_frame() -> None:
    assert not any(decided(share=0.5, model_fps=20))
    assert not any(decided(share=0.5, model_fps=30))


def test_it_learns_how_many_frames_are_left_and_lets_the_model_miss_none() -> None:
    said = decided(share=0.25, model_fps=10, seconds=40)
    assert any(said)  # it did not know
    assert not any(said[10:])
