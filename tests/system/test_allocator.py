"""The C library's allocator gives large blocks back; Python and numpy do not work before anybody needs it."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys

import pytest

from edge_detector.system.allocator import BLAS_THREADS, OWN_SETTINGS, give_memory_back, one_blas_thread

GLIBC = platform.libc_ver()[0] == "glibc"
# After a block of 20 MB was freed, glibc would take blocks of up to 20 MB from the heap: `fresh` shows whether it does.
PROBE = """
import ctypes, sys
from edge_detector.system.allocator import give_memory_back
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
libc.malloc.argtypes = [ctypes.c_size_t]
if sys.argv[1] == "set":
    assert give_memory_back({})
libc.free(libc.malloc(20_000_000))
def mapped():
    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in
                    "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()]
    libc.mallinfo2.restype = Info
    return libc.mallinfo2().hblks
before = mapped()
block = libc.malloc(3_000_000)
print(mapped() - before)
"""


def blocks_of_their_own(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROBE, how], capture_output=True, text=True, check=True, timeout=60)
    return int(done.stdout)


@pytest.mark.skipif(not GLIBC or not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="needs glibc 2.33 or newer")
def test_a_picture_is_memory_of_its_own_even_after_a_larger_one_was_freed() -> None:
    assert blocks_of_their_own("set") == 1
    assert blocks_of_their_own("leave") == 0  # what it is there for


@pytest.mark.parametrize("name", OWN_SETTINGS)
def test_the_settings_of_the_user_win(name: str) -> None:
    assert not give_memory_back({name: "1"})


def test_garbage_is_looked_for_rarely_and_still_found() -> None:
    code = (
        "import gc, weakref; from edge_detector.system.allocator import collect_rarely; collect_rarely()\n"
        "class Node: pass\n"
        "node = Node(); node.itself = node; gone = weakref.ref(node); del node\n"
        "kept = [[] for _ in range(20_000)]\n"
        "print(gc.get_threshold()[0] > 700, gc.isenabled(), gone() is None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "True", "True"]


def test_numpy_is_imported_with_one_thread_and_nobody_after_it_is_told() -> None:
    code = (
        "import os; from edge_detector.system.allocator import one_blas_thread\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "with one_blas_thread(): import numpy\n"
        "print(threads(), os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    environ = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60, env=environ
    )
    assert done.stdout.split() == ["1", "None"]


def test_how_many_threads_the_user_wants_numpy_to_have_stays() -> None:
    environ = {BLAS_THREADS: "3"}
    with one_blas_thread(environ):
        assert environ == {BLAS_THREADS: "3"}
    assert environ == {BLAS_THREADS: "3"}
