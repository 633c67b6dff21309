"""The thread and its queue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest

from edge_detector.errors import ShutdownTimeout, SourceTimeout
from edge_detector.prefetch import FrameQueue, Prefetch, ShutDown, join


def test_a_live_queue_keeps_the_newest_and_counts_the_dropped() -> None:
    frames: FrameQueue[int] = FrameQueue(capacity=1, drop_oldest=True)
    for number in range(5):
        frames.put(number)
    assert (frames.get(), frames.accepted, frames.dropped) == (4, 5, 4)


def test_a_lossless_queue_refuses_rather_than_drops() -> None:
    frames: FrameQueue[int] = FrameQueue(capacity=2, drop_oldest=False)
    frames.put(0)
    frames.put(1)
    with pytest.raises(queue.Full):
        frames.put(2, timeout_s=0.001)
    assert [frames.get(), frames.get(), frames.dropped] == [0, 1, 0]


def test_an_empty_queue_ends_the_wait() -> None:
    with pytest.raises(queue.Empty):
        FrameQueue[int](capacity=1, drop_oldest=True).get(timeout_s=0.001)


def test_after_a_shutdown_come_the_items_then_the_error_once_then_shut_down() -> None:
    frames: FrameQueue[int] = FrameQueue(capacity=2, drop_oldest=False)
    frames.put(7)
    frames.shutdown(OSError("unplugged"))
    assert frames.get() == 7
    with pytest.raises(OSError, match="unplugged"):
        frames.get()
    with pytest.raises(ShutDown):
        frames.get()
    with pytest.raises(ShutDown):
        frames.put(8)


def test_the_first_shutdown_decides_about_the_error() -> None:
    frames: FrameQueue[int] = FrameQueue(capacity=1, drop_oldest=True)
    frames.shutdown(OSError("first"))
    frames.shutdown(OSError("second"))
    with pytest.raises(OSError, match="first"):
        frames.get()
    frames.shutdown(OSError("third"))
    with pytest.raises(ShutDown):
        frames.get()


def test_an_immediate_shutdown_throws_away_what_is_left() -> None:
    frames: FrameQueue[int] = FrameQueue(capacity=2, drop_oldest=False)
    frames.put(7)
    frames.shutdown(OSError("unplugged"), immediate=True)
    with pytest.raises(ShutDown):
        frames.get()


def test_a_shutdown_wakes_a_waiting_producer() -> None:
    frames: FrameQueue[int] = FrameQueue(capacity=1, drop_oldest=False)
    frames.put(0)
    outcome: list[str] = []

    def put_one_more() -> None:
        try:
            frames.put(1)
        except ShutDown:
            outcome.append("woken")

    producer = threading.Thread(target=put_one_more)
    producer.start()
    frames.shutdown()
    producer.join(5)
    assert outcome == ["woken"]


def test_a_file_is_decoded_four_frames_ahead_and_of_a_camera_the_newest_is_kept() -> None:
    assert Prefetch([], name="capture", live=False).queue.capacity == 4
    assert Prefetch([], name="capture", live=True).queue.capacity == 1


def test_a_file_loses_nothing() -> None:
    with Prefetch(range(1000), name="capture", live=False) as items:
        assert list(items) == list(range(1000))
    assert (items.produced, items.dropped) == (1000, 0)


def test_a_live_source_drops_what_the_consumer_is_too_slow_for() -> None:
    filled = threading.Event()

    def camera() -> Iterator[int]:
        yield from range(10)
        filled.set()

    with Prefetch(camera(), name="capture", live=True) as items:
        assert filled.wait(5)
        assert list(items) == [9]
    assert (items.produced, items.dropped) == (10, 9)


def test_its_thread_has_its_name_and_does_not_keep_a_program_alive() -> None:
    def threads() -> Iterator[tuple[str, bool]]:
        yield threading.current_thread().name, threading.current_thread().daemon

    with Prefetch(threads(), name="porch camera", live=False) as items:
        assert list(items) == [("porch camera", True)]


def test_an_error_arrives_after_the_items_before_it() -> None:
    def breaks_off() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the cable fell out")

    seen: list[int] = []
    with Prefetch(breaks_off(), name="capture", live=False) as items:
        with pytest.raises(OSError, match="the cable fell out"):
            seen.extend(items)
        seen += list(items)  # the error comes once
    assert seen == [1, 2]


def test_errors_pass_through_two_threads() -> None:
    def broken() -> Iterator[int]:
        yield 3
        raise OSError("gone")

    with (
        Prefetch(broken(), name="capture", live=False) as frames,
        Prefetch(map(str, frames), name="inference", live=False) as results,
    ):
        assert next(results) == "3"
        with pytest.raises(OSError, match="gone"):
            next(results)


def test_a_silent_source_is_a_timeout_with_a_name() -> None:
    release = threading.Event()

    def silent() -> Iterator[int]:
        release.wait(5)
        yield 1

    with Prefetch(silent(), name="capture", live=True, timeout_s=0.01) as items:
        with pytest.raises(SourceTimeout, match=r"capture: nothing for 0\.01 s"):
            next(items)
        release.set()


def test_a_silence_during_which_there_is_progress_is_waited_out() -> None:
    release, reconnects = threading.Event(), count()

    def interrupted() -> Iterator[str]:
        release.wait(5)
        yield "back"

    def progress() -> int:
        number = next(reconnects)
        if number == 2:
            release.set()
        return number

    with Prefetch(interrupted(), name="capture", live=True, timeout_s=0.01, progress=progress) as items:
        assert next(items) == "back"


def test_a_silence_without_progress_is_a_timeout() -> None:
    release, reconnects = threading.Event(), iter([0, 1, 1])

    def silent() -> Iterator[int]:
        release.wait(5)
        yield 1

    with Prefetch(silent(), name="capture", live=True, timeout_s=0.01, progress=lambda: next(reconnects)) as items:
        with pytest.raises(SourceTimeout, match=r"capture: nothing for 0\.01 s"):
            next(items)
        release.set()
    assert list(reconnects) == []


def test_stopping_ends_the_iteration() -> None:
    def endless() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    with Prefetch(endless(), name="capture", live=False) as items:
        assert next(items) == 0
        items.stop()
        assert list(items) == []


def test_leaving_early_stops_the_thread() -> None:
    with Prefetch(iter(int, 1), name="capture", live=True) as items:
        next(items)
    assert "idle" in repr(items)


@contextmanager
def a_hanging_driver() -> Iterator[Iterator[int]]:
    """A camera that hears nothing until the end of the block; then its thread ends, too."""
    release, ended = threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 1
        release.wait(60)
        ended.set()

    try:
        yield items()
    finally:
        release.set()
        assert ended.wait(60)
        for thread in threading.enumerate():
            if thread.name == "hanging camera":
                thread.join(60)


def test_a_thread_that_does_not_end_in_its_time_is_an_error() -> None:
    with (
        a_hanging_driver() as driver,
        pytest.raises(ShutdownTimeout, match=r"'hanging camera' did not end within 0\.01 s"),
        Prefetch(driver, name="hanging camera", live=True, join_timeout_s=0.01) as items,
    ):
        next(items)


def test_an_error_in_the_block_comes_before_a_thread_that_does_not_end() -> None:
    with (
        a_hanging_driver() as driver,
        pytest.raises(ValueError, match="mine"),
        Prefetch(driver, name="hanging camera", live=True, join_timeout_s=0.01) as items,
    ):
        raise ValueError(f"mine, after {next(items)}")


def test_a_thread_that_will_not_die_is_an_error_with_its_name() -> None:
    release = threading.Event()
    stubborn = threading.Thread(target=release.wait, name="stubborn camera")
    stubborn.start()
    with pytest.raises(ShutdownTimeout, match="stubborn camera"):
        join(stubborn, timeout_s=0.01, while_handling=None)
    release.set()
    stubborn.join(5)


def test_a_stubborn_thread_does_not_hide_the_error_before_it(caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()
    stubborn = threading.Thread(target=release.wait, name="stubborn camera")
    stubborn.start()
    join(stubborn, timeout_s=0.01, while_handling=OSError("the cause"))
    release.set()
    stubborn.join(5)
    assert "stubborn camera" in caplog.text


def test_two_hundred_starts_and_stops_leak_no_thread() -> None:
    before = threading.active_count()
    for _ in range(200):
        with Prefetch(iter(int, 1), name="capture", live=True) as items:
            next(items)
    assert threading.active_count() == before
