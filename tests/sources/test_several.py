"""Several cameras: opened together, opened again when one is lost."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge_detector.cameras import Camera
from edge_detector.config import Config
from edge_detector.errors import ConfigError, SourceError
from edge_detector.sources.base import Source
from edge_detector.sources.lasting import LastingSource
from edge_detector.sources.several import CameraSources
from edge_detector.types import Frame
from tests import make


class Scripted(Source, adds=("fails_to_open", "number", "ends", "is_open")):
    """Gives so many frames, and then is lost, or ends."""

    def __init__(self, number: int = 0, *, fails_to_open: bool = False, ends: bool = False) -> None:
        self.number, self.fails_to_open, self.ends, self.is_open = number, fails_to_open, ends, False

    def open(self) -> None:
        if self.fails_to_open:
            raise SourceError("no such camera")
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def stop(self) -> None: ...

    def __iter__(self) -> Iterator[Frame]:
        for number in range(self.number):
            yield make.frame(number)
        if not self.ends:
            raise SourceError("unplugged")


def test_a_lost_camera_is_opened_again_and_counts_on() -> None:
    coming = iter([Scripted(fails_to_open=True), Scripted(2), Scripted(1, ends=True)])
    pauses: list[float] = []
    first = Scripted(3)
    with LastingSource(first, lambda: next(coming), wait=lambda pause_s: bool(pauses.append(pause_s))) as source:
        assert [frame.sequence for frame in source] == [0, 1, 2, 3, 4, 5]
        assert source.reconnects == 3
    assert pauses == [1.0, 2.0, 1.0]
    assert not first.is_open


def test_a_lost_camera_says_why_until_it_is_back() -> None:
    coming = iter([Scripted(1, ends=True)])
    said: list[str] = []
    with LastingSource(Scripted(1), lambda: next(coming), wait=lambda _: bool(said.append(source.trouble))) as source:
        assert [source.trouble for _ in source] == ["", ""]
    assert said == ["unplugged"]


def test_a_camera_that_waits_to_be_opened_again_can_be_stopped() -> None:
    with LastingSource(Scripted(1), Scripted, wait=lambda _: True) as source:
        assert len(list(source)) == 1


def cameras(*sources: Scripted, lost_at_start: bool = False) -> CameraSources:
    coming = iter(sources)
    config = Config(cameras=tuple(Camera("0") for _ in sources))
    return CameraSources(
        config, picture_size=lambda size: size, lost_at_start=lost_at_start, make=lambda *_, **__: next(coming)
    )


def test_one_that_cannot_be_opened_is_an_error_that_names_it_and_closes_the_others() -> None:
    good = Scripted()
    with pytest.raises(SourceError, match=r"^camera 'camera-2': no such camera$"):
        cameras(good, Scripted(fails_to_open=True)).__enter__()
    assert not good.is_open


def test_after_a_loss_the_others_start_without_it_but_not_without_any() -> None:
    good = Scripted()
    with cameras(good, Scripted(fails_to_open=True), lost_at_start=True):
        assert good.is_open
    with pytest.raises(SourceError, match=r"^camera 'camera-1': no such camera$"):
        cameras(Scripted(fails_to_open=True), Scripted(fails_to_open=True), lost_at_start=True).__enter__()


def test_cameras_and_films_do_not_run_together() -> None:
    config = Config(cameras=(Camera("synthetic"), Camera("synthetic:?live=false", name="film")))
    with pytest.raises(ConfigError, match=r"^cameras and films in one run: film would wait"):
        CameraSources(config, picture_size=lambda size: size)


def test_what_is_no_source_names_its_camera() -> None:
    with pytest.raises(ConfigError, match=r"^camera 'b': synthetic: unknown option 'sed'; did you mean 'seed'"):
        CameraSources(
            Config(cameras=(Camera("synthetic"), Camera("synthetic:?sed=1", name="b"))), picture_size=lambda size: size
        )


def test_one_camera_alone_ends_the_run_when_it_is_lost() -> None:
    one = CameraSources(Config(cameras=(Camera("synthetic", name="porch"),)), picture_size=lambda size: size)
    assert not isinstance(one.each[0].source, LastingSource)
