"""Runs inside the virtual machine of v4l2.sh: the camera source reads the kernel's vivid camera; the order counts."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest

from edge_detector.config import Config
from edge_detector.errors import SourceError, SourceTimeout
from edge_detector.options import Seconds
from edge_detector.sources import open_source, v4l2
from edge_detector.sources.camera import CameraSource
from edge_detector.types import Frame

TIMEOUT_S = 8.0  # an emulated processor takes seconds to load a module
UNBIND = Path("/sys/bus/platform/drivers/vivid/unbind")


def command(text: str) -> None:
    subprocess.run(text, shell=True, check=True)


def plug(number: int) -> None:
    command(f"modprobe vivid n_devs=1 node_types=0x1 vid_cap_nr={number}")


def pull_out() -> None:
    UNBIND.write_text("vivid.0")


def plug_when_free(number: int) -> None:
    """The module can be removed once the source has closed the old node."""
    for _ in range(50):
        if subprocess.run("modprobe -r vivid", shell=True, check=False, capture_output=True).returncode == 0:
            break
        time.sleep(0.1)
    plug(number)


def silence(number: int, *, silent: bool = True) -> None:
    command(f"v4l2-ctl -d {number} -c percentage_of_dropped_buffers={100 if silent else 0}")


@contextmanager
def camera(number: int) -> Iterator[tuple[CameraSource, Iterator[Frame]]]:
    config = Config(source=str(number), size=(640, 360), timeout=Seconds(TIMEOUT_S))
    source = open_source(config, model_size=(320, 320))
    assert isinstance(source, CameraSource)
    with source:
        yield source, iter(source)


def test_it_is_listed_and_read_at_its_rate() -> None:
    plug(0)
    assert [device.path for device in v4l2.cameras()] == [Path("/dev/video0")]
    with camera(0) as (_, frames):
        read = list(islice(frames, 60))
    assert read[0].size == (640, 360)
    seconds = (read[-1].timestamp_ns - read[9].timestamp_ns) / 1e9
    assert 50 / seconds == pytest.approx(30, abs=5)


def test_a_camera_in_use_is_an_error() -> None:
    with camera(0) as (_, frames):
        next(frames)
        with pytest.raises(SourceError, match="is another program using it"), camera(0):
            pass


def test_it_goes_on_when_pulled_out_and_plugged_in_under_another_number() -> None:
    with camera(0) as (source, frames):
        next(frames)
        pull_out()
        replug = threading.Timer(1.0, plug_when_free, (3,))
        replug.start()
        assert len(list(islice(frames, 20))) == 20
        replug.join()
        assert source.restarts == 1
        assert "/dev/video3" in repr(source)


def test_it_goes_on_when_it_falls_silent_and_wakes() -> None:
    with camera(3) as (source, frames):
        next(frames)
        silence(3)
        wake = threading.Timer(1.5 * TIMEOUT_S, silence, (3,), {"silent": False})
        wake.start()
        assert len(list(islice(frames, 20))) == 20
        wake.join()
        assert source.restarts == 1


def test_it_is_a_timeout_when_it_stays_silent() -> None:
    with camera(3) as (_, frames):
        next(frames)
        silence(3)
        with pytest.raises(SourceTimeout, match="silent for 8 s"):
            list(islice(frames, 200))
    silence(3, silent=False)


def test_it_is_a_timeout_when_it_is_silent_from_the_beginning() -> None:
    silence(3)
    with camera(3) as (_, frames), pytest.raises(SourceTimeout, match="silent for 8 s"):
        next(frames)
    silence(3, silent=False)


def test_it_is_a_timeout_when_it_is_gone_for_good() -> None:
    with camera(3) as (_, frames):
        next(frames)
        pull_out()
        with pytest.raises(SourceTimeout, match="gone, and not back within 8 s"):
            list(islice(frames, 200))
