"""What every registered source promises. A new one joins with an opener in `OPENERS` and a bad address in `BROKEN`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import islice, pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.config import Config
from edge_detector.errors import SourceError
from edge_detector.options import Spec
from edge_detector.prefetch import Prefetch
from edge_detector.registry import SOURCES, resolve
from edge_detector.sources.base import Source
from edge_detector.sources.camera import CameraSource
from edge_detector.types import Frame
from tests.free_port import free_port
from tests.sources import films
from tests.sources.servers import MotionJpeg
from tests.sources.usb import FakeUsb

SIZE = (64, 48)
FRAMES = 6
CONFIG = Config(size=SIZE, fps=200.0)

Opener = Callable[[Path, ExitStack], Source]


def camera(folder: Path, stack: ExitStack) -> Source:
    usb = FakeUsb(folder / "machine")
    usb.plug(0, "HD Webcam C270")
    return CameraSource(Spec("camera", "0"), CONFIG, SIZE, opener=usb.open, root=usb.root)


def images(folder: Path, stack: ExitStack) -> Source:
    for number in range(FRAMES):
        assert cv2.imwrite(str(folder / f"{number}.png"), films.picture(number))
    return registered("images", str(folder))


def stream(folder: Path, stack: ExitStack) -> Source:
    server = stack.enter_context(MotionJpeg(free_port()))
    return registered("stream", server.url)


def video(folder: Path, stack: ExitStack) -> Source:
    return registered("video", str(films.film(folder / "film.mp4", frames=FRAMES)))


def picamera2(folder: Path, stack: ExitStack) -> Source:
    return registered("picamera2", "0")


def synthetic(folder: Path, stack: ExitStack) -> Source:
    return registered("synthetic", "")


def registered(name: str, argument: str) -> Source:
    source: Source = resolve(SOURCES, name, kind="source")(Spec(name, argument), CONFIG, SIZE)
    return source


OPENERS: dict[str, Opener] = {
    "camera": camera,
    "images": images,
    "picamera2": picamera2,
    "stream": stream,
    "synthetic": synthetic,
    "video": video,
}

BROKEN = {  # what cannot be opened; the error must name it
    "camera": "/dev/video99",
    "images": "missing/folder",
    "picamera2": "7",
    "stream": "http://127.0.0.1:1/nothing",
    "video": "missing.mp4",
}


@pytest.fixture(params=sorted(SOURCES))
def source(request: pytest.FixtureRequest, tmp_path: Path, sensor: object) -> Iterator[Source]:
    with ExitStack() as stack:
        yield OPENERS[request.param](tmp_path, stack)


def some(source: Source, count: int = FRAMES) -> list[Frame]:
    """The first frames, as many as a test needs; the iteration is closed behind them."""
    with closing(iter(source)) as frames:  # type: ignore[type-var] - every source iterates by a generator
        return list(islice(frames, count))


def test_every_registered_source_is_tested() -> None:
    assert sorted(OPENERS) == sorted(SOURCES)
    assert sorted(BROKEN) == sorted(set(SOURCES) - {"synthetic"})  # nothing can be missing there


def test_it_is_a_source(source: Source) -> None:
    assert isinstance(source, Source)


def test_frames_are_bgr_contiguous_and_read_only(source: Source) -> None:
    with source:
        for frame in some(source):
            assert (frame.image.dtype, frame.image.ndim, frame.image.shape[2]) == (np.uint8, 3, 3)
            assert frame.image.flags.c_contiguous
            assert not frame.image.flags.writeable


def test_no_two_frames_share_memory(source: Source) -> None:
    with source:
        frames = some(source)
    assert not any(np.shares_memory(earlier.image, later.image) for earlier, later in pairwise(frames))


def test_the_sequence_counts_from_0_upwards(source: Source) -> None:
    with source:
        sequence = [frame.sequence for frame in some(source)]
    assert sequence[0] == 0
    assert all(later > earlier for earlier, later in pairwise(sequence))


def test_the_time_stamps_never_go_back(source: Source) -> None:
    with source:
        stamps = [frame.timestamp_ns for frame in some(source)]
    assert all(later >= earlier for earlier, later in pairwise(stamps))


def test_a_source_that_keeps_every_frame_knows_how_many_there_are(source: Source) -> None:
    with source:
        if not source.live:
            assert source.frame_count == len(list(source)) == FRAMES


def test_closing_twice_does_no_harm(source: Source) -> None:
    with source:
        some(source, 1)
    source.__exit__(None, None, None)


def test_closing_what_was_never_opened_does_no_harm(source: Source) -> None:
    source.close()


def test_closing_without_reading_does_no_harm(source: Source) -> None:
    with source:
        pass


def test_leaving_in_the_middle_leaves_no_thread(source: Source) -> None:
    """The fixture that every test has finds what is left."""
    with source, Prefetch(source, name="capture", live=source.live) as frames:
        next(frames)
        source.stop()


def test_stopping_ends_the_iteration(source: Source) -> None:
    with source:
        frames = iter(source)
        next(frames)
        source.stop()
        assert len(list(frames)) <= 1


def test_the_repr_tells_the_state(source: Source) -> None:
    before = repr(source)
    with source:
        some(source, 2)
        during = repr(source)
    assert before.startswith(f"<{type(source).__name__} ")
    assert len({before, during, repr(source)}) == 3


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_what_cannot_be_opened_is_an_error_that_names_it(name: str, sensor: object) -> None:
    with pytest.raises(SourceError) as caught, registered(name, BROKEN[name]):
        pass
    assert BROKEN[name] in str(caught.value)
    assert "\n" not in str(caught.value)
