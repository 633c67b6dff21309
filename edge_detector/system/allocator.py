"""Settings of memory and of numpy's threads, for a process that starts fast and runs for months."""

from __future__ import annotations

import ctypes
import gc
import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

# malloc.h of glibc
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
THRESHOLD_BYTES = 128 * 1024  # glibc's own defaults at the start of a process
NEW_OBJECTS = 10_000  # until Python looks for garbage among them; its own default is 700
BLAS_THREADS = "OPENBLAS_NUM_THREADS"  # read once, when numpy is imported
OWN_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES")  # mallopt(3)


def give_memory_back(environ: Mapping[str, str] = os.environ) -> bool:
    """Let large blocks always be memory of their own, which goes back to the kernel when it is freed.

    By default glibc raises this limit, up to 32 MB, whenever a large block is freed (mallopt(3), M_MMAP_THRESHOLD).
    Pictures then lie between small blocks on the heap, and the heap grows in steps. Setting the limit, even to its
    default, turns that off. Returns False where the user has chosen in ``environ``, or the C library has no mallopt.
    """
    if any(name in environ for name in OWN_SETTINGS):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is None:
        return False
    return all([mallopt(M_MMAP_THRESHOLD, THRESHOLD_BYTES), mallopt(M_TRIM_THRESHOLD, THRESHOLD_BYTES)])


def collect_rarely() -> None:
    """Let Python look for garbage in cycles less often.

    Imports make 200,000 objects and no garbage: looking for it was 7 % of the time until the first result. What frames
    are made of lies in no cycles, and is freed at once.
    """
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])


@contextmanager
def one_blas_thread(environ: MutableMapping[str, str] = os.environ) -> Iterator[None]:
    """Around the first import of numpy: it makes no threads for linear algebra, of which nothing here does much.

    One for each further core takes a third of that import. What the user has chosen in ``environ`` stays, and programs
    that are started later find it as it was.
    """
    if BLAS_THREADS in environ:
        yield
        return
    environ[BLAS_THREADS] = "1"
    try:
        yield
    finally:
        del environ[BLAS_THREADS]
