"""A run of months must not grow: what a thousand frames leave behind, counted by tracemalloc and not by a clock."""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Iterator
from itertools import count, islice

import pytest

from edge_detector.config import Config
from edge_detector.detect import open_detector
from edge_detector.pipeline import Stages, followed
from edge_detector.prefetch import Prefetch
from edge_detector.running.meter import Meter
from edge_detector.running.places import LivePlaces
from edge_detector.sources import open_source
from edge_detector.types import Result

WARM_UP, FRAMES = 400, 1000  # the meter's window of ten seconds is full before, at 30 frames a second of its clock
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
    """Of the memory that `FRAMES` frames leave behind, after those of the warm-up."""
    with (
        open_detector(config) as detector,
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
                before = allocated_bytes(stages)
                taken(results, meter, FRAMES)
                return allocated_bytes(stages) - before
            finally:
                tracemalloc.stop()


@pytest.mark.parametrize("track", [False, True])
def test_a_thousand_frames_leave_nothing_behind(track: bool) -> None:
    # A visit keeps where it was in each second, up to a limit: at 1,000 frames a second that is once here.
    config = Config(runtime="fake", source="synthetic:?live=false", size=(320, 180), fps=1000, track=track)
    assert growth_bytes(config) < MOST_GROWTH_BYTES
