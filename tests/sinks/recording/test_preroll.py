"""The pictures of the last seconds stay within their time and their memory."""

from __future__ import annotations

import numpy as np
import pytest

from edge_detector.image_files import encode_jpeg
from edge_detector.sinks.recording.preroll import QUALITY, PreRollBuffer

BLACK = np.zeros((48, 64, 3), np.uint8)
BLACK_BYTES = len(encode_jpeg(BLACK, quality=QUALITY))


def noise(number: int, height: int = 120) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, (height, height * 4 // 3, 3), np.uint8)


def filled(count: int, *, limit_bytes: int = 10**9) -> PreRollBuffer:
    """A buffer with ``count`` equal pictures at 0, 1, 2 ... ns."""
    buffer = PreRollBuffer(limit_bytes=limit_bytes)
    for timestamp_ns in range(count):
        buffer.append(BLACK, timestamp_ns)
    return buffer


def times_ns(buffer: PreRollBuffer) -> list[int]:
    return [buffer.pop_oldest().timestamp_ns for _ in range(len(buffer))]


def test_pictures_come_out_oldest_first_as_they_went_in() -> None:
    buffer = filled(3)
    assert np.array_equal(buffer.pop_oldest().image, BLACK)
    assert buffer.oldest_ns == 1
    assert times_ns(buffer) == [1, 2]


def test_a_picture_of_exactly_the_given_time_is_kept() -> None:
    buffer = filled(5)
    buffer.drop_before(3)
    assert times_ns(buffer) == [3, 4]


def test_all_pictures_may_be_too_old() -> None:
    buffer = filled(5)
    buffer.drop_before(5)
    assert len(buffer) == 0


def test_memory_may_be_used_up_to_the_last_byte() -> None:
    buffer = filled(4, limit_bytes=4 * BLACK_BYTES)
    assert not buffer.over_limit
    buffer.append(BLACK, 4)
    assert buffer.over_limit
    buffer.pop_oldest()
    assert not buffer.over_limit


def test_only_as_many_pictures_are_dropped_as_memory_requires(caplog: pytest.LogCaptureFixture) -> None:
    buffer = filled(6, limit_bytes=4 * BLACK_BYTES)
    buffer.drop_before(0)
    assert times_ns(buffer) == [2, 3, 4, 5]
    assert len(caplog.messages) == 1


def test_old_pictures_are_no_reason_to_warn_of_little_memory(caplog: pytest.LogCaptureFixture) -> None:
    buffer = filled(6, limit_bytes=4 * BLACK_BYTES)
    buffer.drop_before(2)
    assert times_ns(buffer) == [2, 3, 4, 5]
    assert caplog.messages == []


def test_memory_is_bounded_and_a_shortage_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    buffer = PreRollBuffer(limit_bytes=100_000)
    for number in range(50):
        buffer.append(noise(number), number * 10**8)
        buffer.drop_before(0)
        assert not buffer.over_limit
    assert 2 <= len(buffer) < 50
    assert buffer.oldest_ns == (50 - len(buffer)) * 10**8
    (message,) = caplog.messages
    assert message == f"sink clips: 0.1 MB hold only the last {len(buffer) / 10:.1f} s; raise its option memory"
