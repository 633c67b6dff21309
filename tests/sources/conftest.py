"""A Pi's camera on a clock of its own, and servers of network cameras."""

from __future__ import annotations

import sys

import pytest

from tests.sources import fake_picamera2
from tests.sources.fake_picamera2 import Sensor


class SensorClock:
    """Time that passes when the camera is waited for: an hour of silence takes no time."""

    def __init__(self) -> None:
        self.now_ns = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def sensor(monkeypatch: pytest.MonkeyPatch) -> Sensor:
    """The one camera on the ribbon cable of a Pi on which picamera2 is installed."""
    clock = SensorClock()
    camera = Sensor(clock_ns=clock, sleep=clock.sleep)
    monkeypatch.setattr(fake_picamera2, "sensors", [camera])
    monkeypatch.setitem(sys.modules, "picamera2", fake_picamera2)
    monkeypatch.setitem(sys.modules, "libcamera", fake_picamera2.libcamera)
    return camera
