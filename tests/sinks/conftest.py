"""Fixtures for sinks: a run to belong to, without a camera or a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from edge_detector.config import Config
from edge_detector.context import Context
from edge_detector.meter import Meter
from edge_detector.types import Thresholds
from tests import make

MakeContext = Callable[..., Context]


@dataclass
class FakeDetector:
    """A detector's name, labels and thresholds; it detects nothing."""

    name: str = "fake"
    labels: tuple[str, ...] = make.LABELS
    thresholds: Thresholds = field(default_factory=Thresholds)


@pytest.fixture
def stops() -> list[str]:
    """What the sinks asked of the run: "stop" once for every time."""
    return []


@pytest.fixture
def make_context(stops: list[str]) -> MakeContext:
    """A context with a configuration of one's choice: ``make_context(live=True, telemetry_interval=1.0)``."""

    def build(*, live: bool = False, meter: Meter | None = None, **config: Any) -> Context:
        meter = meter or Meter(temperature=lambda: None, throttling=lambda: None)
        return Context(Config(**config), FakeDetector(), meter, live, stop=lambda: stops.append("stop"))

    return build
