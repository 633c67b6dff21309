"""Memory of pictures that is used again, and never while somebody can still see it."""

from __future__ import annotations

import threading

import numpy as np

from edge_detector.buffers import MOST_FREE, BufferPool

SHAPE = (4, 6, 3)


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_is_used_again_when_nobody_holds_the_array() -> None:
    pool = BufferPool()
    first = pool.take(SHAPE)
    place = address(first)
    del first
    assert address(pool.take(SHAPE)) == place


def test_memory_is_not_used_again_while_a_view_of_it_lives() -> None:
    pool = BufferPool()
    whole = pool.take(SHAPE)
    place, part = address(whole), whole[1:, :, :1].view()
    del whole
    assert address(pool.take(SHAPE)) != place
    del part
    assert address(pool.take(SHAPE)) == place


def test_an_array_can_be_written_until_its_frame_forbids_it() -> None:
    array = BufferPool().take(SHAPE)
    array[:] = 7
    array.flags.writeable = False
    assert (array.shape, array.dtype, array.flags.c_contiguous) == (SHAPE, np.uint8, True)


def test_memory_that_was_read_only_can_be_written_again() -> None:
    pool = BufferPool()
    pool.take(SHAPE).flags.writeable = False
    pool.take(SHAPE)[:] = 1


def test_memory_of_another_size_is_let_go() -> None:
    pool = BufferPool()
    pool.take(SHAPE)
    assert repr(pool) == "<BufferPool 1 free>"
    large = pool.take((8, 6, 3))
    assert repr(pool) == "<BufferPool 0 free>"
    assert large.size == 8 * 6 * 3


def test_no_more_is_kept_than_is_ever_on_its_way() -> None:
    pool = BufferPool()
    arrays = [pool.take(SHAPE) for _ in range(MOST_FREE + 3)]
    arrays.clear()
    assert repr(pool) == f"<BufferPool {MOST_FREE} free>"


def test_threads_never_share_an_array() -> None:
    pool, mixed = BufferPool(), []

    def use(value: int) -> None:
        for _ in range(2000):
            array = pool.take(SHAPE)
            array[:] = value
            if not (array == value).all():
                mixed.append(value)

    threads = [threading.Thread(target=use, args=(value,)) for value in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert mixed == []
