"""A run of months must not grow: what a thousand frames leave behind, counted by tracemalloc and not by a clock."""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice, pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector import registry
from edge_detector.config import Config
from edge_detector.pipeline import Stages, followed
from edge_detector.prefetch import Prefetch
from edge_detector.running.meter import Meter
from edge_detector.running.places import LivePlaces
from edge_detector.sources import open_source
from edge_detector.sources.synthetic import SyntheticSource
from edge_detector.swap.live_detector import LiveDetector
from edge_detector.types import Frame, Result

# After that many, the meter's window of ten seconds is full, and its counts are above 256: Python shares smaller ones.
# Deques take memory for 64 items at a time: after a multiple of that they are where they were.
WARM_UP, FRAMES = 600, 1024
WINDOWS = 3
MOST_GROWTH_BYTES = 1000


def waits_for_room(stage: Prefetch) -> bool:
    """Whether the stage's queue is full and its thread is in `put`: nothing changes until somebody takes an item."""
    queue = stage.queue
    with queue._changed:
        return len(queue._items) == queue.capacity and bool(queue._changed._waiters)  # type: ignore[attr-defined]


def allocated_bytes(stages: Stages) -> int:
    """What Python's memory holds while every queue is full: always the same number of frames is on its way."""
    while not (waits_for_room(stages.frames) and waits_for_room(stages.inferred)):
        os.sched_yield()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def taken(results: Iterator[Result], meter: Meter, number: int) -> None:
    for result in islice(results, number):
        meter.record(result)


def growth_bytes(config: Config) -> int:
    """Of the memory that `FRAMES` frames leave behind, after those of the warm-up; the least of some windows.

    What leaks grows in each of them; the meter's window, which holds a few numbers more or less, does not.
    """
    with (
        LiveDetector.of(config) as detector,
        open_source(config, model_size=detector.picture_size(config.size)) as source,
    ):
        places = LivePlaces(config, lambda: detector.labels)
        stages = Stages.of(config, detector, source, places)
        seconds = count(step=1 / 30)
        flows = stages.frames, stages.inferred
        meter = Meter(flows, clock=lambda: next(seconds), temperature=lambda: None, throttling=lambda: None)
        with stages.running() as running:
            results = iter(followed(running, config, detector, places, live=False))
            tracemalloc.start()
            try:
                taken(results, meter, WARM_UP)
                held = [allocated_bytes(stages)]
                for _ in range(WINDOWS):
                    taken(results, meter, FRAMES)
                    held.append(allocated_bytes(stages))
                return min(after - before for before, after in pairwise(held))
            finally:
                tracemalloc.stop()


class Still(SyntheticSource):
    """The same objects at the same places in every frame: what is known of them does not change, and so its size.

    A visit keeps where it was in each second, up to a limit: all frames come within one second.
    """

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            yield replace(frame, timestamp_ns=frame.timestamp_ns // 100)

    def draw(self, _number: int) -> NDArray[np.uint8]:
        return super().draw(0)


@pytest.mark.parametrize("track", [False, True])
def test_a_thousand_frames_leave_nothing_behind(track: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.SOURCES, "still", "tests.test_steady_state:Still")
    config = Config(runtime="fake", source="still:?live=false", size=(320, 180), track=track)
    assert growth_bytes(config) < MOST_GROWTH_BYTES
