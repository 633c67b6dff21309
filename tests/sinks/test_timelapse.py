"""A day in a few minutes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import av
import pytest

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.sinks.timelapse import TimelapseSink
from tests import make
from tests.sinks.conftest import MakeContext

OPTIONS = {"reserve": "0", "encoder": "software"}


def film(folder: Path, context, times_s: list[float], days: list[date] | None = None, **options: str) -> list[Path]:
    """The films of a run with a result at each of ``times_s``, on each of ``days``."""
    today = [date(2026, 3, 1)]
    spec = Spec("timelapse", str(folder), {**OPTIONS, **options})
    with TimelapseSink(spec, context, today=lambda: today[0]) as sink:
        for at_s, day in zip(times_s, days or today * len(times_s), strict=True):
            today[0] = day
            sink.write(make.moment(at_s))
    return sorted(folder.glob("*.mp4"))


def frames(path: Path) -> list[float]:
    """The time of each picture of a film, in seconds."""
    with av.open(str(path)) as container:
        return [float(frame.time or 0) for frame in container.decode(video=0)]


def test_one_picture_every_ten_seconds_plays_at_25_fps(tmp_path: Path, make_context: MakeContext) -> None:
    (path,) = film(tmp_path, make_context(live=True), [number / 2 for number in range(101)], every="10s")
    assert frames(path) == pytest.approx([0, 0.04, 0.08, 0.12, 0.16, 0.2])


def test_after_a_pause_of_the_camera_no_pictures_are_caught_up(tmp_path: Path, make_context: MakeContext) -> None:
    (path,) = film(tmp_path, make_context(live=True), [0, 100, 101, 102], every="10s")
    assert len(frames(path)) == 2


def test_each_day_has_a_film_of_its_own(tmp_path: Path, make_context: MakeContext) -> None:
    days = [date(2026, 3, 1)] * 2 + [date(2026, 3, 2)]
    first, second = film(tmp_path, make_context(live=True), [0, 10, 20], days, every="10s")
    assert [len(frames(first)), len(frames(second))] == [2, 1]


def test_the_oldest_films_go(tmp_path: Path, make_context: MakeContext) -> None:
    days = [date(2026, 3, day) for day in range(1, 6)]
    assert len(film(tmp_path, make_context(live=True), [0, 10, 20, 30, 40], days, every="10s", keep="2")) == 2


@pytest.mark.parametrize("wrong", [{"every": "0"}, {"fps": "0"}, {"fps": "1000"}, {"keep": "0"}])
def test_numbers_out_of_range_are_errors(tmp_path: Path, make_context: MakeContext, wrong: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"sink timelapse: .* expected"):
        film(tmp_path, make_context(), [0], **wrong)
