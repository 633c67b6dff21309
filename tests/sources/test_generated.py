"""A source made of a generator function."""

from __future__ import annotations

from itertools import count

import pytest

from edge_detector.config import Config
from edge_detector.errors import ConfigError
from edge_detector.prefetch import Prefetch
from edge_detector.registry import SOURCES
from edge_detector.sources import open_source
from edge_detector.sources.base import Source
from tests import make

GIVEN_BACK = []


def frames(spec, config, model_size):
    """Endless; ``spec.argument`` frames if it has one."""
    try:
        for sequence in range(int(spec.argument)) if spec.argument else count():
            yield make.frame(sequence)
    finally:
        GIVEN_BACK.append(spec.argument)


@pytest.fixture(autouse=True)
def registered(monkeypatch) -> None:
    monkeypatch.setitem(SOURCES, "frames", f"{__name__}:frames")


def opened(text: str) -> Source:
    return open_source(Config(source=text), model_size=(320, 320))


def test_it_is_a_live_source() -> None:
    with opened("frames") as source:
        assert isinstance(source, Source)
        assert source.live


def test_its_frames_are_the_generators() -> None:
    with opened("frames:3") as source:
        assert [frame.sequence for frame in source] == [0, 1, 2]


def test_it_stops() -> None:
    with opened("frames") as source, Prefetch(source, name="capture", live=True) as running:
        next(running)
        source.stop()
        for _ in running:
            pass
    assert "stopped" in repr(source)


def test_its_camera_is_given_back_at_the_end() -> None:
    GIVEN_BACK.clear()
    with opened("frames") as source:
        frames = iter(source)
        next(frames)
        assert GIVEN_BACK == []
    assert GIVEN_BACK == [""]


def nothing(spec, config, model_size) -> None:
    """Forgets to yield a frame."""


def test_what_is_no_source_is_an_error(monkeypatch) -> None:
    monkeypatch.setitem(SOURCES, "frames", f"{__name__}:nothing")
    with pytest.raises(ConfigError, match=r"^source frames: made None; expected a Source, or a generator of frames$"):
        opened("frames")
