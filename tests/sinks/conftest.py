"""Fixtures for sinks: a run to belong to, without a camera or a model."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from edge_detector.config import Config
from edge_detector.running.context import Context
from edge_detector.running.meter import Meter
from edge_detector.sinks.recording import disk
from edge_detector.types import Thresholds
from tests import make

MakeContext = Callable[..., Context]


@dataclass
class FakeDetector:
    """A detector's name, labels and thresholds; it detects nothing."""

    name: str = "fake"
    runtime: str = "FakeRuntime"
    labels: tuple[str, ...] = make.LABELS
    thresholds: Thresholds = field(default_factory=Thresholds)
    is_on: bool = True


@pytest.fixture
def stops() -> list[str]:
    """What the sinks asked of the run: "stop" once for every time."""
    return []


@pytest.fixture
def make_context(stops: list[str]) -> MakeContext:
    """A context with a configuration of one's choice: ``make_context(live=True, classes=("dog",))``.

    Nothing is tracked unless a test says ``track=True``.
    """

    def build(*, live: bool = False, meter: Meter | None = None, **config: Any) -> Context:
        meter = meter or Meter(temperature=lambda: None, throttling=lambda: None)
        return Context(
            Config(**{"track": False, **config}), FakeDetector(), meter, live, stop=lambda: stops.append("stop")
        )

    return build


class SmallDisk:
    """A disk that lets no file grow beyond so many bytes, by the kernel's own limit, and refuses as a full one does."""

    def __init__(self) -> None:
        self._before, self._hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self, *, file_bytes: int = 0) -> None:
        """From now on nothing fits but the first ``file_bytes`` of each file."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, self._hard))

    def clear(self) -> None:
        """There is room again."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._before, self._hard))


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> SmallDisk:
    """A disk that is full when told to be; sinks try it again with every result."""
    monkeypatch.setattr(disk, "RETRY_S", 0.0)
    monkeypatch.setattr(disk, "STEADY_S", 0.0)
    return SmallDisk()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """End a `SmallDisk` with its test: pytest's report of it may go to a file, too, and would not fit either."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        return (yield)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
