"""A source that is not there: an error at the first start, waited for after a restart by systemd."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import islice

import pytest

from edge_detector import pipeline
from edge_detector.backoff import doubling_pauses
from edge_detector.config import Config
from edge_detector.errors import ConfigError, SinkError, SourceError, SourceTimeout
from edge_detector.options import Spec
from edge_detector.running.waiting import FIRST_PAUSE_S, LONGEST_PAUSE_S, SourceWait
from edge_detector.sources import open_source
from edge_detector.sources.synthetic import SyntheticSource
from edge_detector.system.restart_note import RestartNote
from edge_detector.system.sd_notify import ServiceManager
from tests.free_port import free_port
from tests.sources.servers import MotionJpeg


class Absent(SyntheticSource):
    """A camera whose first attempts to open fail for ``reasons``; its library logs something at each."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__(Spec("synthetic"), Config(), (320, 320))
        self._reasons = reasons

    def __enter__(self) -> Absent:
        logging.getLogger("a library of cameras").error("noise")
        if self._reasons:
            raise SourceError(self._reasons.pop(0))
        return self


def absent(*reasons: str) -> Callable[[], Absent]:
    camera = Absent(list(reasons))
    return lambda: camera


@pytest.fixture
def note(tmp_path) -> RestartNote:
    return RestartNote(tmp_path / "source-lost")


@pytest.fixture
def systemd(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(5)
        yield receiver


def test_the_first_start_fails_at_once_and_the_second_waits(note) -> None:
    slept: list[float] = []
    with pytest.raises(SourceError, match="no such camera"), SourceWait(note, None, sleep=slept.append) as wait:
        wait.enter(absent("no such camera"))
    assert slept == []
    with SourceWait(note, None, sleep=slept.append) as wait:
        assert isinstance(wait.enter(absent(*["no such camera"] * 6)), Absent)
    assert slept == [1, 2, 4, 8, 10, 10]


def test_a_night_without_a_camera_is_two_lines(note, caplog) -> None:
    note.leave()
    caplog.set_level(logging.INFO)
    with SourceWait(note, None, sleep=lambda _: None) as wait:
        wait.enter(absent(*["no such camera"] * 3000))
    said = [record.getMessage() for record in caplog.records if record.name != "a library of cameras"]
    assert said == ["no such camera; waiting for it", "the source is there"]
    assert len(caplog.records) == len(said) + 1  # the library's line of the first attempt
    assert logging.getLogger().isEnabledFor(logging.WARNING)


def test_each_new_reason_is_said_once(note, caplog) -> None:
    note.leave()
    with SourceWait(note, None, sleep=lambda _: None) as wait:
        wait.enter(absent("away", "busy", "away", "busy", "busy"))
    waited = [record.getMessage() for record in caplog.records if "waiting" in record.getMessage()]
    assert waited == ["away; waiting for it", "busy; waiting for it"]


def test_systemd_hears_why_and_gives_more_time_at_each_attempt(note, systemd) -> None:
    note.leave()
    manager = ServiceManager(systemd.getsockname())
    with SourceWait(note, manager, sleep=lambda _: None) as wait:
        wait.enter(absent("away", "busy"))
    heard = [systemd.recv(4096).decode().splitlines() for _ in range(2)]
    assert heard == [
        [f"STATUS=waiting for the source: {reason}", "EXTEND_TIMEOUT_USEC=120000000"] for reason in ("away", "busy")
    ]


def test_a_source_lost_while_running_is_waited_for_after_the_restart(note) -> None:
    with pytest.raises(SourceTimeout), SourceWait(note, None):
        raise SourceTimeout("silent")
    with SourceWait(note, None) as wait:
        assert repr(wait) == "<SourceWait waits>"


@pytest.mark.parametrize("error", [SinkError("the disk is full"), ConfigError("no such option")])
def test_other_errors_leave_no_note(note, error) -> None:
    with pytest.raises(type(error)), SourceWait(note, None):
        raise error
    assert not note.take()


def test_a_note_counts_for_one_start_only(note) -> None:
    note.leave()
    with SourceWait(note, None) as wait:
        wait.enter(absent())
    with SourceWait(note, None) as wait, pytest.raises(SourceError):
        wait.enter(absent("away"))


def test_a_wrong_option_is_never_waited_for(note) -> None:
    note.leave()

    def wrong() -> Absent:
        raise ConfigError("unknown option")

    with SourceWait(note, None) as wait, pytest.raises(ConfigError):
        wait.enter(wrong)


def test_a_network_camera_that_can_be_reached_only_later_is_read(note) -> None:
    """The service does not wait for the network before it starts."""
    note.leave()
    port = free_port()
    make = partial(open_source, Config(source=f"http://127.0.0.1:{port}/stream.mjpg"), model_size=(320, 320))
    with ExitStack() as stack:
        wait = stack.enter_context(SourceWait(note, None, sleep=lambda _: stack.enter_context(MotionJpeg(port))))
        source = wait.enter(make)
        stack.push(source)
        assert next(iter(source)).sequence == 0


def test_a_camera_that_comes_back_is_found_within_ten_seconds() -> None:
    assert max(islice(doubling_pauses(first_s=FIRST_PAUSE_S, longest_s=LONGEST_PAUSE_S), 100)) == LONGEST_PAUSE_S == 10


def test_a_run_leaves_the_note_for_the_next(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    with pytest.raises(SourceError):
        pipeline.run(Config(source="/dev/video99", runtime="fake"))
    assert (tmp_path / "source-lost").exists()
