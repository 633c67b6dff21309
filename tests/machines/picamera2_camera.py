"""Runs inside the root of picamera2.sh: the source against the real picamera2 on libcamera's virtual camera."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import CancelledError
from itertools import islice, pairwise

import pytest
import virtual_camera  # noqa: F401 - makes libcamera's camera answer as a Pi's does
from picamera2.request import CompletedRequest

from edge_detector.config import Config
from edge_detector.errors import SourceError, SourceTimeout
from edge_detector.options import Seconds
from edge_detector.prefetch import Prefetch
from edge_detector.sources import open_source
from edge_detector.sources.picamera2 import Picamera2Source


def open_camera(number: int = 0, *, timeout_s: float = 1.0) -> Picamera2Source:
    return open_source(Config(source=f"picamera2:{number}", timeout=Seconds(timeout_s)), model_size=(320, 320))


def hold_every_buffer(source: Picamera2Source) -> list[CompletedRequest]:
    """A stalled camera: its requests are never given back."""
    held = []
    with contextlib.suppress(TimeoutError):
        while True:
            held.append(source._camera.capture_request(wait=0.5))
    return held


def test_frames_come_with_the_sensors_time() -> None:
    with open_camera() as source:
        frames = list(islice(source, 100))
    assert [frame.sequence for frame in frames] == list(range(100))
    assert {frame.image.shape for frame in frames} == {(720, 1280, 3)}
    assert all(later.timestamp_ns > earlier.timestamp_ns for earlier, later in pairwise(frames))
    assert frames[0].image.std() > 10  # a photograph, not a grey plane


def test_it_runs_in_the_capture_thread_and_opens_again() -> None:
    for _ in range(3):
        with open_camera() as source, Prefetch(source, name="capture", live=True) as frames:
            next(frames)
            source.stop()
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]


def test_a_stalled_camera_is_stopped_and_started() -> None:
    with open_camera() as source:
        hold_every_buffer(source)
        assert next(iter(source)).sequence == 0
        assert source.restarts == 1


def test_a_camera_that_stays_stalled_is_a_timeout(monkeypatch) -> None:
    with open_camera() as source:
        monkeypatch.setattr(source, "_restart", source._camera.cancel_all_and_flush)
        hold_every_buffer(source)
        with pytest.raises(SourceTimeout, match="silent for 1 s, and again after a restart"):
            next(iter(source))


def test_stop_waits_for_ever_behind_a_capture_that_timed_out() -> None:
    """Why the source cancels first, and why tests/sources/fake_picamera2.py insists on it."""
    with open_camera() as source:

        def stop() -> None:
            with contextlib.suppress(CancelledError):
                source._camera.stop()

        hold_every_buffer(source)
        stopping = threading.Thread(target=stop, daemon=True)
        stopping.start()
        stopping.join(3)
        assert stopping.is_alive()
        source._camera.cancel_all_and_flush()
        stopping.join(3)
        assert not stopping.is_alive()


def test_a_camera_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SourceError, match="libcamera finds: virtual_photo"), open_camera(4):
        pass
